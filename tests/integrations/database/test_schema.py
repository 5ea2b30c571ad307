"""Versions of the schema: what starts, what is refused, and with which words."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.domain.errors import Refused
from integrations.database.schema import migrate
from integrations.database.store import open_store
from integrations.database.tables import CODE_LEVEL, HEAD, metadata
from integrations.database.upgrade import versions
from tests.kit.clocks import RealClock


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


def test_the_newest_script_is_the_version_that_the_code_names() -> None:
    assert max(versions()) == HEAD


def test_migrating_again_changes_nothing(path: Path) -> None:
    connection = sqlite3.connect(path)
    before = list(connection.execute("SELECT name, value FROM meta ORDER BY name"))
    connection.close()
    assert migrate(f"sqlite:///{path}") == HEAD
    connection = sqlite3.connect(path)
    assert list(connection.execute("SELECT name, value FROM meta ORDER BY name")) == before
    connection.close()


OLDER = (
    "DROP INDEX ix_alert_threads_firing",
    "DROP TABLE runs",
    "DROP TABLE schedules",
    "UPDATE alembic_version SET version_num = '0001'",
)
"""What the first version had."""


def test_an_older_schema_is_refused_with_the_command_that_mends_it_and_then_used(path: Path) -> None:
    for sql in OLDER:
        change(path, sql)
    with pytest.raises(Refused, match="older") as error:
        open_store(f"sqlite:///{path}", clock=RealClock())
    assert error.value.next is not None
    assert "pilothouse migrate" in error.value.next.plain()
    assert migrate(f"sqlite:///{path}") == HEAD
    store = open_store(f"sqlite:///{path}", clock=RealClock())
    assert store.read(lambda tx: tx.schedules.list()) == ()
    store.close()


def test_a_start_on_an_older_schema_ends_with_the_command_that_mends_it(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"data: {{folder: {tmp_path}}}\npolicy: {{path: {tmp_path}/policy.yaml}}\nweb: {{port: '0'}}\n")
    path = tmp_path / "pilothouse.db"
    open_store(f"sqlite:///{path}", clock=RealClock()).close()
    for sql in OLDER:
        change(path, sql)
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "serve", "--settings", str(settings)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "Run pilothouse migrate, then start again." in ended.stderr


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
