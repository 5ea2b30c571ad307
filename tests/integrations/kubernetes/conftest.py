"""A told API server and a cluster on it, for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Deadlines
from tests.integrations.kubernetes.api_server import ApiServer, serve

UID = "11111111-1111-4111-8111-111111111111"


class TestClock:
    """Real seconds pass, the calendar stands still."""

    __test__ = False

    def now(self) -> datetime:
        return datetime(2026, 11, 24, 12, tzinfo=UTC)

    def elapsed(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with serve(tmp_path) as found:
        yield found


@pytest.fixture
def cluster(server: ApiServer) -> Iterator[KubernetesCluster]:
    deadlines = Deadlines(connect=timedelta(seconds=2), read=timedelta(seconds=0.4), whole=timedelta(seconds=0.8))
    made = KubernetesCluster("alpha", server.kubeconfig, expected_uid=UID, clock=TestClock(), deadlines=deadlines)
    yield made
    made.close()
