"""Log lines of two tenants in a real Elasticsearch, in an index of their own."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

TEMPLATE = Path(__file__).resolve().parents[2] / "rig" / "config" / "logs-template.json"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PODS = ("web-7c9f8b6d5-x2x7p", "web-7c9f8b6d5-qqz4l", "web-canary-6bdf8-bb2cd", "web-admin-7c9f8b6d5-zzzzz", "api-0")


@dataclass(frozen=True)
class Line:
    namespace: str
    pod: str
    message: str
    level: str = "info"
    seconds: float = 0
    """After START."""

    def document(self) -> dict[str, object]:
        at = START + timedelta(seconds=self.seconds)
        return {
            "@timestamp": at.isoformat().replace("+00:00", "Z"),
            "message": self.message,
            **({"level": self.level} if self.level else {}),
            "kubernetes": {"namespace": self.namespace, "pod": self.pod, "container": "app"},
        }


def _rows(line: Line) -> tuple[dict[str, object], ...]:
    return {"index": {}}, line.document()


@contextmanager
def indexed(url: str, lines: list[Line]) -> Iterator[str]:
    """The name of an index that holds these lines; gone afterwards."""
    name = f"logs-test-{secrets.token_hex(6)}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        client.put("/_index_template/logs", json=json.loads(TEMPLATE.read_text())).raise_for_status()
        client.put(f"/{name}").raise_for_status()
        for start in range(0, len(lines), 2000):
            rows: list[dict[str, object]] = [row for line in lines[start : start + 2000] for row in _rows(line)]
            body = "".join(json.dumps(row) + "\n" for row in rows)
            answer = client.post(
                f"/{name}/_bulk", content=body.encode(), headers={"Content-Type": "application/x-ndjson"}
            ).raise_for_status()
            assert not answer.json()["errors"], answer.text[:500]
        client.post(f"/{name}/_refresh").raise_for_status()
        try:
            yield name
        finally:
            client.delete(f"/{name}")
