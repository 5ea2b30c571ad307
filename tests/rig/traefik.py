"""Traefik on the rig: its Gateway API provider and its own resources, started by the tests that need it.

Not part of the rig that `up` starts: only routing tests want it.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig import build, network
from tests.rig.kubectl import Kubectl
from tests.rig.rig import Namespace
from tests.rig.waiting import until

PORT = 18000
CLASS = "traefik"
GATEWAY_KINDS = ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants", "backendtlspolicies")
PARTS = (build.TRAEFIK, build.GATEWAY_API)


@dataclass(frozen=True, slots=True)
class Traefik:
    """`url` is its one entry point, reached from this machine."""

    url: str = f"http://{network.NODE_IP}:{PORT}"

    def gateway(self, namespace: str, name: str = "front") -> dict[str, object]:
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"gatewayClassName": CLASS, "listeners": [{"name": "web", "protocol": "HTTP", "port": PORT}]},
        }

    def http_route(self, namespace: str, service: str, *, prefix: str) -> dict[str, object]:
        """Of everything below a path to the Service's port 80."""
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": service, "namespace": namespace},
            "spec": {
                "parentRefs": [{"name": "front"}],
                "rules": [
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
                        "backendRefs": [{"name": service, "port": 80}],
                    }
                ],
            },
        }

    def ingress_route(
        self, namespace: str, service: str, *, prefix: str, by_service: bool = False
    ) -> dict[str, object]:
        """The same as Traefik's own resource; with `by_service` to the TraefikService of that name."""
        to = {"name": service, "kind": "TraefikService"} if by_service else {"name": service, "port": 80}
        return {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "metadata": {"name": service, "namespace": namespace},
            "spec": {
                "entryPoints": ["web"],
                "routes": [{"kind": "Rule", "match": f"PathPrefix(`{prefix}`)", "services": [to]}],
            },
        }

    def weighted_service(self, namespace: str, service: str) -> dict[str, object]:
        """A TraefikService, so that an IngressRoute can lead to it."""
        return {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "TraefikService",
            "metadata": {"name": service, "namespace": namespace},
            "spec": {"weighted": {"services": [{"name": service, "port": 80, "weight": 1}]}},
        }


def define_gateways(admin: Kubectl) -> None:
    """The Gateway API's definitions. Raises NotBuiltError."""
    for kind in GATEWAY_KINDS:
        file = build.GATEWAY_API.path("crds") / f"gateway.networking.k8s.io_{kind}.yaml"
        admin("apply", "--server-side", "--force-conflicts", "-f", file)
    names = [f"crd/{kind}.gateway.networking.k8s.io" for kind in GATEWAY_KINDS]
    admin("wait", "--for=condition=Established", *names, "--timeout=30s")


def allow(namespace: Namespace, rules: list[dict[str, object]], *groups: str) -> None:
    """The built-in role `edit` knows nothing of routes: a cluster's owner adds them."""
    subjects = [{"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"} for name in groups]
    metadata = {"name": "routes", "namespace": namespace.name}
    group = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "routes"}
    namespace.rig.kubectl.apply(
        {**group, "kind": "Role", "rules": rules},
        {**group, "kind": "RoleBinding", "roleRef": reference, "subjects": subjects},
    )


@contextmanager
def running(folder: Path, admin: Kubectl, log: Path) -> Iterator[Traefik]:
    """Applies the definitions and starts it in the node's network. Raises NotBuiltError."""
    build.require(PARTS)
    define_gateways(admin)
    for file in sorted(build.TRAEFIK.path("crds").glob("*.yaml")):
        admin("apply", "--server-side", "--force-conflicts", "-f", file)
    admin("wait", "--for=condition=Established", "crd/ingressroutes.traefik.io", "--timeout=30s")
    admin.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "traefik.io/gateway-controller"},
        }
    )
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(*network.ENTER_GROUP, *network.ENTER_NETWORK, str(build.TRAEFIK.path("bin/traefik"))),
                f"--entryPoints.web.address={network.NODE_IP}:{PORT}",
                "--providers.kubernetesgateway=true",
                "--providers.kubernetescrd=true",
                "--global.checknewversion=false",
                "--global.sendanonymoususage=false",
                "--ping=true",
                "--entryPoints.traefik.address=127.0.0.1:18080",
                "--log.level=INFO",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "KUBECONFIG": str(admin.kubeconfig), "HOME": str(folder)},
        )
    try:
        until(
            "Traefik to accept its class",
            lambda: (
                '"Accepted","status":"True"' in admin("get", "gatewayclass", CLASS, "-o", "json").replace(" ", "")
                or "True"
                in admin(
                    "get", "gatewayclass", CLASS, "-o", 'jsonpath={.status.conditions[?(@.type=="Accepted")].status}'
                )
            ),
            seconds=30,
            detail=lambda: log.read_text()[-1500:],
        )
        yield Traefik()
    finally:
        process.terminate()
        process.wait(10)
