"""A PostgreSQL server for this folder's tests."""

from collections.abc import Iterator

import pytest

from tests.integrations.database.postgres_server import Server, binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Server()
    yield server
    server.remove()
