"""One open transaction: runs Core statements, each compiled once a process, on the plain driver.

Core renders a statement in some ten times the time in which SQLite runs it, so it renders each only once. Nothing here
begins, commits or translates errors; lanes and pools do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import Executable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[Any, ...]
"""As the driver gives it; the module that asked knows the columns."""


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchall(self) -> list[Row]: ...

    def fetchone(self) -> Row | None: ...


class Connection(Protocol):
    """What sqlite3 and psycopg connections have in common."""

    def execute(self, sql: str, params: Mapping[str, Any], /, **how: bool) -> Cursor: ...


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def maybe_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def maybe_moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)


def storable(words: str) -> str:
    """Without what PostgreSQL (NUL) or any encoder (lone surrogates) refuses."""
    if words.isascii() and "\x00" not in words:
        return words
    return words.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


class Statements:
    """Compiled once: statements are constants of their modules, so they are known by identity."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Executable, tuple[str, dict[str, Any], bool]] = {}

    def of(self, statement: Executable) -> tuple[str, dict[str, Any], bool]:
        """SQL, its constant parameters, whether it writes."""
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = self.compiled(statement)
        return known

    def compiled(self, statement: Executable) -> tuple[str, dict[str, Any], bool]:
        assert isinstance(statement, sa.ClauseElement)
        compiled = statement.compile(dialect=self._dialect, compile_kwargs={"render_postcompile": True})
        writes = isinstance(statement, sa.Insert | sa.Update | sa.Delete)
        fixed = {name: value for name, value in (compiled.params or {}).items() if value is not None}
        return str(compiled), fixed, writes


class Session:
    def __init__(
        self, connection: Connection, statements: Statements, *, now: datetime, is_reading: bool, is_sqlite: bool
    ) -> None:
        self.connection = connection
        self.now = now
        self.at = micros(now)
        self.is_sqlite = is_sqlite
        self._statements = statements
        self._is_reading = is_reading

    def _execute(self, statement: Executable, params: Mapping[str, Any]) -> Cursor:
        sql, fixed, writes = self._statements.of(statement)
        if writes and self._is_reading:
            raise RuntimeError("Store.read may not write")
        return self.connection.execute(sql, {**fixed, **params})

    def rows(self, statement: Executable, **params: Any) -> list[Row]:
        return self._execute(statement, params).fetchall()

    def bare_rows(self, statement: Executable, **params: Any) -> list[Row]:
        """For very many: PostgreSQL sends them in binary, and what is cast to VARCHAR is not decoded but stays bytes."""
        if self.is_sqlite:
            return self.rows(statement, **params)
        sql, fixed, _ = self._statements.of(statement)
        return self.connection.execute(sql, {**fixed, **params}, binary=True).fetchall()

    def row(self, statement: Executable, **params: Any) -> Row | None:
        """The first; statements that may find more say LIMIT 1."""
        found = self._execute(statement, params).fetchall()
        return found[0] if found else None

    def ask(self, query: sa.Select[Any], params: Mapping[str, Any]) -> list[Row]:
        """A query put together for this call; not kept."""
        sql, fixed, _ = self._statements.compiled(query)
        return self.connection.execute(sql, {**fixed, **params}).fetchall()

    def run(self, statement: Executable, **params: Any) -> int:
        """How many rows it changed."""
        return self._execute(statement, params).rowcount

    def run_each(self, statement: Executable, rows: Iterable[Mapping[str, Any]]) -> None:
        sql, fixed, _ = self._statements.of(statement)
        given: Sequence[Mapping[str, Any]] = [{**fixed, **row} for row in rows]
        cursor = self.connection.cursor()  # type: ignore[attr-defined]
        cursor.executemany(sql, given)
