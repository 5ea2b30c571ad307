"""Certificates and kubeconfigs of the rig's cluster, made anew for every start."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.rig import network

ADMIN = "admin"
BOT = "bot"
"""A user without any rights of its own: tests give it exactly the product's."""

_USERS = {  # kubeconfig: (user, groups)
    ADMIN: ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "kubelet": ("system:node:node1", "system:nodes"),
    "prometheus": ("prometheus", ""),
    BOT: ("bot", "bots"),
}
_SERVER_NAMES = (
    "127.0.0.1",
    network.NODE_IP,
    network.KUBERNETES_SERVICE_IP,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
)


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def kubeconfig(folder: Path, name: str) -> Path:
    return folder / f"{name}.kubeconfig"


def token(folder: Path, name: str) -> str:
    """The bearer token of one of the users."""
    value: str = json.loads(kubeconfig(folder, name).read_text())["users"][0]["user"]["token"]
    return value


def write(folder: Path, server: str) -> None:
    """Writes keys, certificates, tokens.csv and a kubeconfig for every user of the API server at `server`."""
    authority = _write_certificate(folder, "ca", "rig-ca")
    _write_certificate(folder, "server", "kube-apiserver", issuer=authority, names=_SERVER_NAMES)
    _write_certificate(folder, "kubelet-client", "kube-apiserver", organization="system:masters", issuer=authority)
    _write_certificate(folder, "front-proxy", "front-proxy", issuer=authority)
    _write_key(folder, "service-account")
    lines = []
    for name, (user, groups) in _USERS.items():
        secret = secrets.token_hex(16)
        lines.append(f'{secret},{user},{user},"{groups}"\n')
        kubeconfig(folder, name).write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "rig",
                    "clusters": [
                        {"name": "rig", "cluster": {"server": server, "certificate-authority": str(folder / "ca.crt")}}
                    ],
                    "users": [{"name": "rig", "user": {"token": secret}}],
                    "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "rig"}}],
                }
            )
        )
    (folder / "tokens.csv").write_text("".join(lines))


def _write_key(folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.pub").write_bytes(public)
    return key


def _write_certificate(
    folder: Path,
    name: str,
    common_name: str,
    *,
    organization: str = "rig",
    issuer: _Issuer | None = None,
    names: Sequence[str] = (),
) -> _Issuer:
    key = _write_key(folder, name)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        alternatives = [x509.IPAddress(ip_address(each)) if each[0].isdigit() else x509.DNSName(each) for each in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return _Issuer(certificate, key)
