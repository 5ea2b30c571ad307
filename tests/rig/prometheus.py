"""A real Prometheus with Kubernetes discovery: starting it, and asking it what a test needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.rig import credentials, network
from tests.rig.build import PROMETHEUS
from tests.rig.kubectl import Kubectl
from tests.rig.servers import CONFIG, Servers
from tests.rig.waiting import until

PORT = 9090
URL = f"http://{network.NODE_IP}:{PORT}"


def start(servers: Servers) -> None:
    """Starts it in the node's network, where the pods' addresses are. Needs the API server."""
    folder = servers.folder
    Kubectl(credentials.kubeconfig(folder, credentials.ADMIN))("apply", "-f", str(CONFIG / "prometheus-rbac.yaml"))
    # Clients ask for the front page to see whether the server is there; a build from modules has none.
    page = folder / "static/mantine-ui/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!doctype html><title>Prometheus</title>\n")
    servers.configure("prometheus-rules.yaml")
    servers.start(
        "prometheus",
        *(PROMETHEUS.path("bin/prometheus"), f"--config.file={servers.configure('prometheus.yaml')}"),
        *(
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address={network.NODE_IP}:{PORT}",
            "--web.enable-lifecycle",
        ),
        inside=network.ENTER_NETWORK,
    )
    servers.until("Prometheus ready", lambda: Prometheus().is_up(), seconds=30)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of an instant query."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """What tests ask Prometheus; the product has its own adapter."""

    url: str = URL

    def is_up(self) -> bool:
        try:
            return self._get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[Sample]:
        answer = self._get("/api/v1/query", query=expression).raise_for_status().json()
        return [Sample(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]

    def wait_for_series(self, expression: str, *, at_least: int = 1, seconds: float = 30) -> list[Sample]:
        """Waits until an instant query has so many series, and returns them. Raises WaitedInVainError."""

        def enough() -> list[Sample] | None:
            found = self.query(expression)
            return found if len(found) >= at_least else None

        return until(f"{at_least} series of {expression} in Prometheus", enough, seconds=seconds, every=0.25)

    def _get(self, path: str, **parameters: str) -> httpx.Response:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=10) as client:
            return client.get(path, params=parameters)
