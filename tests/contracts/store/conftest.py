"""SQLite in a file and a real PostgreSQL server: every test of this folder runs on both."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bot.ports.store import Store
from integrations.database.store import open_store
from tests.contracts.store.stage import SetClock, Stage
from tests.integrations.database.postgres_server import Server, binaries
from tests.kit.clocks import RealClock
from tests.kit.databases import sqlite_store


class SqliteStage:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "pilothouse.db"
        self.clock = SetClock()
        self.store: Store = sqlite_store(self.path, clock=self.clock)

    def reopen(self) -> Store:
        self.store.close()
        self.store = sqlite_store(self.path, clock=self.clock)
        return self.store

    def wait(self, span: timedelta) -> None:
        self.clock.sleep(span.total_seconds())

    def spoil(self, sql: str) -> None:
        connection = sqlite3.connect(self.path)
        for table in ("audit", "audit_chain"):
            for verb in ("update", "delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        connection.execute(sql)
        connection.commit()
        connection.close()

    def run_as_we_do(self, sql: str) -> None:
        connection = sqlite3.connect(self.path)
        try:
            connection.execute(sql)
        finally:
            connection.close()


class PostgresStage:
    def __init__(self, server: Server) -> None:
        self.url = server.fresh()
        self.store: Store = open_store(self.url, clock=RealClock(), connections=8)

    def reopen(self) -> Store:
        self.store.close()
        self.store = open_store(self.url, clock=RealClock(), connections=8)
        return self.store

    def wait(self, span: timedelta) -> None:
        time.sleep(span.total_seconds())

    def spoil(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in ("audit", "audit_chain"):
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            connection.execute(sql.encode())

    def run_as_we_do(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    made: Stage
    if request.param == "sqlite":
        made = SqliteStage(tmp_path)
    else:
        made = PostgresStage(request.getfixturevalue("postgres"))
    yield made
    made.store.close()


@pytest.fixture
def store(stage: Stage) -> Store:
    return stage.store
