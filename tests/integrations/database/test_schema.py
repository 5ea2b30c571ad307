"""Versions of the schema: what starts, what is refused, and with which words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.domain.errors import Refused
from integrations.database.schema import migrate
from integrations.database.store import open_store
from integrations.database.tables import CODE_LEVEL, metadata
from tests.contracts.store.stage import RealClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pilothouse.db"
    open_store(f"sqlite:///{path}", clock=RealClock()).close()
    return path


def change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_the_migrations_make_the_tables_that_are_declared(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(path: Path) -> None:
    connection = sqlite3.connect(path)
    before = list(connection.execute("SELECT name, value FROM meta ORDER BY name"))
    connection.close()
    assert migrate(f"sqlite:///{path}") == "0001"
    connection = sqlite3.connect(path)
    assert list(connection.execute("SELECT name, value FROM meta ORDER BY name")) == before
    connection.close()


def test_a_newer_schema_that_still_serves_this_code_is_used(path: Path) -> None:
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    open_store(f"sqlite:///{path}", clock=RealClock()).close()


def test_a_newer_schema_that_dropped_what_this_code_needs_is_refused(path: Path) -> None:
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    change(path, f"UPDATE meta SET value = '{CODE_LEVEL + 1}' WHERE name = 'oldest_code'")
    with pytest.raises(Refused, match="too new") as error:
        open_store(f"sqlite:///{path}", clock=RealClock())
    assert error.value.next is not None


def test_a_refused_start_lets_go_of_the_file(path: Path) -> None:
    change(path, f"UPDATE meta SET value = '{CODE_LEVEL + 1}' WHERE name = 'oldest_code'")
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(Refused, match="too new"):
            open_store(f"sqlite:///{path}", clock=RealClock())
