"""A real Kubernetes with one real node: its processes, in the order in which they need each other."""

import shutil
import ssl
from pathlib import Path

import httpx

from tests.rig import credentials, network, registry
from tests.rig.build import KUBERNETES
from tests.rig.kubectl import Kubectl
from tests.rig.servers import CONFIG, Servers

PORT = 6443
SERVER = f"https://{network.NODE_IP}:{PORT}"
NODE = "node1"
_ETCD_PORT, _PEER_PORT, _CONTROLLER_PORT, _SCHEDULER_PORT = range(PORT + 1, PORT + 5)


def start_namespaces(servers: Servers) -> None:
    """Starts the node's first process, which holds its mount, process and network namespaces."""
    servers.start(
        "node-init",
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"),
        *(CONFIG / "node-init", servers.folder, f"{network.NODE_IP}/30", network.SERVICE_RANGE),
        inside=network.ENTER_NETWORK,
    )
    servers.until("namespaces", (servers.folder / "node-ready").exists, seconds=10)
    parent = servers.pids()["node-init"]
    first = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0]
    (servers.folder / "node-pid").write_text(first)
    servers.inside = ("nsenter", "--target", first, "--mount", "--pid", "--net")


def start_control_plane(servers: Servers) -> None:
    folder = servers.folder
    program = KUBERNETES.path("bin/kubernetes")
    etcd = servers.configure("etcd.yaml", ETCD_PORT=_ETCD_PORT, PEER_PORT=_PEER_PORT)
    servers.start("etcd", program, "etcd", "--config-file", etcd)
    servers.start(
        "apiserver",
        program,
        "apiserver",
        *_apiserver_flags(folder),
        f"--audit-policy-file={servers.configure('audit.yaml')}",
    )
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    headers = {"Authorization": f"Bearer {credentials.token(folder, credentials.ADMIN)}"}

    def is_ready() -> bool:
        try:
            return httpx.get(f"{SERVER}/readyz", verify=trust, headers=headers, trust_env=False, timeout=2).is_success
        except httpx.TransportError:
            return False

    servers.until("API server ready", is_ready)
    controllers = (
        f"--service-account-private-key-file={folder}/service-account.key",
        f"--root-ca-file={folder}/ca.crt",
        "--use-service-account-credentials=true",
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--node-monitor-grace-period=20s",
    )
    servers.start(
        "controller-manager",
        program,
        "controller-manager",
        *(*_client_flags(folder, "controller-manager", _CONTROLLER_PORT), *controllers),
    )
    servers.start("scheduler", program, "scheduler", *_client_flags(folder, "scheduler", _SCHEDULER_PORT))


def start_node(servers: Servers) -> None:
    """Starts what makes a node of this machine. Needs the control plane and the registry."""
    folder = servers.folder
    admin = Kubectl(credentials.kubeconfig(folder, credentials.ADMIN))
    binaries = KUBERNETES.path("bin/containerd").parent
    for place, name in (("cni", "cni.conflist"), (f"certs.d/{registry.NAME_IN_PODS}", "hosts.toml")):
        (folder / place).mkdir(parents=True)
        shutil.copy(servers.configure(name), folder / place / name)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    servers.start(
        "containerd", binaries / "containerd", "--config", servers.configure("containerd.toml"), path=[binaries]
    )
    socket = Path("/proc", (folder / "node-pid").read_text(), "root/run/containerd/containerd.sock")
    servers.until("containerd ready", socket.exists)
    servers.start(
        "kubelet",
        *(binaries / "kubernetes", "kubelet", "--config", servers.configure("kubelet.yaml")),
        *(f"--kubeconfig={folder}/kubelet.kubeconfig", f"--hostname-override={NODE}", f"--node-ip={network.NODE_IP}"),
        path=[binaries],
    )
    servers.start(
        "metrics-server",
        *(binaries / "metrics-server", "--secure-port=4443", "--kubelet-insecure-tls", "--metric-resolution=10s"),
        *(
            "--kubelet-request-timeout=5s",
            "--cert-dir=/run/metrics-server",
            "--kubelet-preferred-address-types=InternalIP",
        ),
        *(
            f"--{kind}kubeconfig={credentials.kubeconfig(folder, credentials.ADMIN)}"
            for kind in ("", "authentication-", "authorization-")
        ),
    )
    servers.until("default service account", lambda: admin.succeeds("get", "serviceaccount", "default"))
    admin("apply", "-f", servers.configure("metrics.yaml"))
    servers.until("node registered", lambda: admin.succeeds("get", f"node/{NODE}"))
    servers.start("proxy", binaries / "kubernetes", "proxy", "--config", servers.configure("proxy.yaml"))
    servers.until("node ready", lambda: admin.succeeds("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s"))


def _apiserver_flags(folder: Path) -> tuple[str, ...]:
    return (
        f"--etcd-servers=http://127.0.0.1:{_ETCD_PORT}",
        "--bind-address=0.0.0.0",
        f"--secure-port={PORT}",
        f"--advertise-address={network.NODE_IP}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--client-ca-file={folder}/ca.crt",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/service-account.pub",
        f"--service-account-signing-key-file={folder}/service-account.key",
        f"--service-cluster-ip-range={network.SERVICE_RANGE}",
        f"--kubelet-client-certificate={folder}/kubelet-client.crt",
        f"--kubelet-client-key={folder}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={folder}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={folder}/front-proxy.crt",
        f"--proxy-client-key-file={folder}/front-proxy.key",
        "--enable-aggregator-routing=true",
        f"--audit-log-path={folder}/audit.log",
        # Never a new file (MiB): whoever reads it remembers where in this one it began.
        "--audit-log-maxsize=100000",
    )


def _client_flags(folder: Path, name: str, port: int) -> tuple[str, ...]:
    file = credentials.kubeconfig(folder, name)
    return (
        f"--kubeconfig={file}",
        f"--authentication-kubeconfig={file}",
        f"--authorization-kubeconfig={file}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    )
