"""A store in a new SQLite file: a copy of one that was set up once in this process, as setting it up costs more than
most tests of it. What is about setting up (tests/integrations/database/test_schema.py) opens its file itself."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.domain.clock import Clock
from integrations.database.schema import prepare_sqlite
from integrations.database.store import DatabaseStore, open_store


def sqlite_store(path: Path, *, clock: Clock) -> DatabaseStore:
    """One that is there already is opened as it is."""
    if not path.exists():
        path.write_bytes(_set_up())
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            # Every database has a name of its own.
            connection.execute("UPDATE meta SET value = ? WHERE name = 'database'", (secrets.token_hex(8),))
    return open_store(f"sqlite:///{path}", clock=clock)


@cache
def _set_up() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pilothouse.db"
        prepare_sqlite(path)
        return path.read_bytes()
