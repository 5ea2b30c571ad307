"""A real Alertmanager: starting it, and telling it where the alerts of a namespace go."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.rig import network
from tests.rig.servers import Servers

PORT = 9093
URL = f"http://{network.HOST_IP}:{PORT}"


def start(servers: Servers) -> None:
    """Starts it outside the node, so that receivers on loopback are in its reach; the node sees it at the same address."""
    file = servers.folder / "alertmanager.json"
    file.write_text(json.dumps(_configuration({})))
    servers.start(
        "alertmanager",
        *("prometheus-alertmanager", f"--config.file={file}", f"--storage.path={servers.folder}/alertmanager"),
        *(f"--web.listen-address={network.HOST_IP}:{PORT}", "--cluster.listen-address="),
        inside=(),
    )
    servers.until("Alertmanager ready", lambda: Alertmanager(file).is_up(), seconds=30)


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Alertmanager with its configuration file."""

    configuration: Path
    url: str = URL

    def is_up(self) -> bool:
        try:
            return self._call("GET", "/-/ready").is_success
        except httpx.TransportError:
            return False

    def send_to(self, url: str, *, namespace: str, token: str = "") -> None:
        """Sends the alerts of a namespace to a webhook on loopback or on network.HOST_IP, with a bearer token if given."""
        with self._receivers() as receivers:
            receivers[namespace] = {"url": url, "token": token}

    def stop_sending(self, *, namespace: str) -> None:
        with self._receivers() as receivers:
            receivers.pop(namespace, None)

    def alerts(self, *, namespace: str) -> list[Mapping[str, object]]:
        """The alerts of a namespace as API v2 gives them, silenced ones too."""
        found: list[Mapping[str, object]] = (
            self._call("GET", "/api/v2/alerts", params={"filter": f'namespace="{namespace}"'}).raise_for_status().json()
        )
        return found

    def silences(self) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = self._call("GET", "/api/v2/silences").raise_for_status().json()
        return found

    @contextmanager
    def _receivers(self) -> Iterator[dict[str, dict[str, str]]]:
        """The receivers by namespace, to be changed; written and loaded at the end. One change at a time, also between test runs."""
        with self.configuration.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            store = self.configuration.with_suffix(".receivers")
            receivers: dict[str, dict[str, str]] = json.loads(store.read_text()) if store.exists() else {}
            yield receivers
            store.write_text(json.dumps(receivers))
            self.configuration.write_text(json.dumps(_configuration(receivers)))
            self._call("POST", "/-/reload").raise_for_status()

    def _call(self, method: str, path: str, *, params: Mapping[str, str] | None = None) -> httpx.Response:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=10) as client:
            return client.request(method, path, params=dict(params or {}))


def _configuration(receivers: Mapping[str, Mapping[str, str]]) -> Mapping[str, object]:
    """Alertmanager's configuration, quick to tell: JSON, which is YAML too."""
    hooks: list[Mapping[str, object]] = [
        {
            "name": namespace,
            "webhook_configs": [
                {
                    "url": receiver["url"],
                    "send_resolved": True,
                    "http_config": {"authorization": {"credentials": receiver["token"]}} if receiver["token"] else {},
                }
            ],
        }
        for namespace, receiver in receivers.items()
    ]
    return {
        "global": {"resolve_timeout": "10s"},
        "route": {
            "receiver": "nobody",
            "group_by": ["alertname", "namespace", "app"],
            "group_wait": "1s",
            "group_interval": "2s",
            "repeat_interval": "1h",
            "routes": [{"receiver": namespace, "matchers": [f'namespace="{namespace}"']} for namespace in receivers],
        },
        "receivers": [{"name": "nobody"}, *hooks],
    }
