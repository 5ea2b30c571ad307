"""A real Elasticsearch for the logs of the node: starting it, and asking it what a test needs to know."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.rig import network
from tests.rig.build import ELASTICSEARCH
from tests.rig.servers import CONFIG, Servers
from tests.rig.waiting import until

PORT = 9200
URL = f"http://{network.NODE_IP}:{PORT}"
INDEX = "logs-*"
_PLUGINS = (
    "org.elasticsearch.transport.netty4.Netty4Plugin",
    "rig.RootPlugin",
    "rig.AnalysisCommonPlugin",
    "org.elasticsearch.xpack.core.XPackPlugin",
    "org.elasticsearch.xpack.esql.plugin.EsqlPlugin",
)


def start(servers: Servers) -> None:
    """Starts it; finish() waits for it: a Java server takes its time, in which others start."""
    libraries = ELASTICSEARCH.path("target/lib")
    heap = os.environ.get("PILOTHOUSE_RIG_ES_HEAP", "256m")
    servers.start(
        "elasticsearch",
        *(
            "java",
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
        ),
        *("-cp", f"{ELASTICSEARCH.path('target/classes')}:{libraries}/*", "org.elasticsearch.node.RigElasticsearch"),
        *(servers.folder / "elasticsearch", network.NODE_IP, str(PORT), *_PLUGINS, "-Expack.security.enabled=false"),
        inside=network.ENTER_NETWORK,
    )


def finish(servers: Servers) -> None:
    """Waits until it answers, and puts the template of the log indices into it before the first line arrives."""
    servers.until("Elasticsearch answers", lambda: Elasticsearch().is_up())
    Elasticsearch().put("/_index_template/logs", (CONFIG / "logs-template.json").read_bytes())


@dataclass(frozen=True, slots=True)
class LogLine:
    """A document of the index, as README.md lays it down."""

    timestamp: str
    namespace: str
    pod: str
    container: str
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """What tests ask Elasticsearch; the product has its own adapter."""

    url: str = URL

    def is_up(self) -> bool:
        try:
            with self._client() as client:
                return client.get("/_cluster/health?wait_for_status=yellow&timeout=1s").is_success
        except httpx.TransportError:
            return False

    def put(self, path: str, body: bytes) -> None:
        with self._client() as client:
            client.put(path, content=body, headers={"Content-Type": "application/json"}).raise_for_status()

    def lines(
        self, *, namespace: str, pod: str = "", text: str = "", level: str = "", limit: int = 1000
    ) -> list[LogLine]:
        """What is indexed, oldest first; `text` is matched as a phrase."""
        terms: dict[str, str] = {"kubernetes.namespace": namespace, "kubernetes.pod": pod, "level": level}
        filters: list[Mapping[str, object]] = [{"term": {field: value}} for field, value in terms.items() if value]
        if text:
            filters.append({"match_phrase": {"message": text}})
        body = {"size": limit, "query": {"bool": {"filter": filters}}, "sort": ["@timestamp", "log.offset"]}
        with self._client() as client:
            answer = client.post(f"/{INDEX}/_search?ignore_unavailable=true&allow_no_indices=true", json=body)
        answer.raise_for_status()
        return [_line(hit["_source"]) for hit in answer.json()["hits"]["hits"]]

    def wait_for_lines(
        self, *, namespace: str, pod: str = "", text: str = "", level: str = "", at_least: int = 1, seconds: float = 30
    ) -> list[LogLine]:
        """Waits until so many lines are indexed, and returns all of them. Raises WaitedInVainError."""

        def enough() -> list[LogLine] | None:
            found = self.lines(namespace=namespace, pod=pod, text=text, level=level)
            return found if len(found) >= at_least else None

        return until(
            f"{at_least} log lines of {namespace}/{pod or '*'} with {text!r} in Elasticsearch",
            enough,
            seconds=seconds,
            every=0.25,
        )

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=10)


def _line(source: Mapping[str, object]) -> LogLine:
    pod = source["kubernetes"]
    assert isinstance(pod, Mapping)
    return LogLine(
        timestamp=str(source["@timestamp"]),
        namespace=str(pod["namespace"]),
        pod=str(pod["pod"]),
        container=str(pod["container"]),
        level=str(source.get("level", "")),
        message=str(source["message"]),
    )
