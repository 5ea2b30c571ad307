"""Replicas wake each other: what one committed another looks at because it was told, not because it looked anyway."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.domain.operation import Phase
from bot.ports.store import Store
from integrations.database.store import open_store
from tests.integrations.database.postgres_server import Server
from tests.kit.bench import bench
from tests.kit.clocks import RealClock

pytestmark = pytest.mark.postgres

PATIENCE = 30.0
NEVER = 3600.0
LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'pilothouse-bell' AND datname = current_database()"
)


class Ear:
    def __init__(self, store: Store) -> None:
        self.heard = threading.Event()
        store.bell.listen(self.heard.set)
        self.next()  # whoever begins to listen looks once

    def next(self) -> bool:
        came = self.heard.wait(PATIENCE)
        self.heard.clear()
        return came


@pytest.fixture
def two(postgres: Server) -> Iterator[tuple[Store, Store, str]]:
    url = postgres.fresh()
    first, second = (open_store(url, clock=RealClock(), connections=4) for _ in range(2))
    yield first, second, url
    first.close()
    second.close()


def listeners(url: str) -> set[int]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {pid for (pid,) in connection.execute(LISTENING.encode())}


def test_what_one_rings_the_other_hears_and_itself_does_not(two: tuple[Store, Store, str]) -> None:
    first, second, _ = two
    mine, other = Ear(first), Ear(second)
    first.bell.ring()
    assert other.next()
    second.bell.ring()
    assert mine.next()
    assert not other.heard.is_set()


def test_a_connection_that_was_lost_is_said_made_again_and_heard_by(two: tuple[Store, Store, str]) -> None:
    first, second, url = two
    ear, _ = Ear(second), Ear(first)
    before = listeners(url)
    assert len(before) == 2
    assert second.ping().endswith("replicas wake each other")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({LISTENING}) AS found".encode())
    until = time.monotonic() + PATIENCE
    said = set()
    while not (len(listeners(url) - before) == 2 and second.ping().endswith("wake each other")):
        said.add(second.ping().rpartition("; ")[2])
        assert time.monotonic() < until
    assert ear.next(), "who listens anew looks once"
    first.bell.ring()
    assert ear.next()
    assert "LISTEN is lost, replicas look once a second" in said


def test_however_often_it_is_rung_the_others_are_told_a_few_times(two: tuple[Store, Store, str]) -> None:
    first, second, url = two
    Ear(first)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN pilothouse")
        began = time.monotonic()
        for _ in range(5000):
            first.bell.ring()
        rung = time.monotonic() - began
        told = sum(1 for _ in connection.notifies(timeout=1))
    assert 1 <= told <= rung * 20 + 2
    second.close()


def test_a_replica_that_never_looks_by_itself_does_what_another_was_asked(postgres: Server, tmp_path: Path) -> None:
    url = postgres.fresh()
    with bench(tmp_path / "asked", url=url) as asked, bench(tmp_path / "works", url=url) as works:
        worker = works.core.worker
        worker.longest_sleep = NEVER
        works.core.store.bell.listen(worker.wake)
        asked.core.store.bell.listen(asked.core.worker.wake)
        worker.start()
        # It has looked, found nothing, and sleeps.
        time.sleep(0.5)
        id = asked.start("ana", "here app=web env=staging")
        until = time.monotonic() + PATIENCE
        while not asked.operation(id).is_final and time.monotonic() < until:
            time.sleep(0.05)
        worker.stop()
        assert asked.operation(id).phase is Phase.DONE
