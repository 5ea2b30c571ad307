"""A PostgreSQL server of our own, where one is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.database.postgres_server import Server, binaries


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Server()
    yield server
    server.remove()
