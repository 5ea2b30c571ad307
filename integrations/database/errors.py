"""What SQLite and PostgreSQL raise, in our words. The only place that looks at their exceptions."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import psycopg
from sqlalchemy import exc

from bot.domain.errors import Unavailable
from bot.domain.reply import text

SYSTEM = "database"
_CAP = 200
_RETRYABLE = frozenset({"40001", "40P01", "23505"})
"""Serialisation, deadlock, a key that somebody else has just inserted."""


class Retry(Exception):
    """The transaction did not happen and may be run again at once."""


VENDOR = (sqlite3.Error, psycopg.Error, exc.SQLAlchemyError)


def is_broken_io(error: BaseException) -> bool:
    """After a failed sync nobody knows what the file holds: the connection is opened anew."""
    return isinstance(error, sqlite3.OperationalError) and _primary_code(error) == sqlite3.SQLITE_IOERR


def is_not_text(error: BaseException) -> bool:
    """SQLite's driver met a text column that is no UTF-8: somebody wrote it past us."""
    return isinstance(error, sqlite3.OperationalError) and "Could not decode to UTF-8" in str(error)


def translated(error: Exception) -> Exception:
    """Unavailable, Retry, or the exception itself where it is a bug of ours. Raise it `from error`."""
    match error:
        case psycopg.Error() if error.sqlstate in _RETRYABLE:
            return Retry(error.sqlstate)
        case psycopg.OperationalError() | psycopg.InterfaceError() | exc.TimeoutError():
            return _unavailable(error)
        case psycopg.errors.ReadOnlySqlTransaction() | psycopg.errors.InsufficientPrivilege():
            return _unavailable(error)
        case psycopg.errors.RaiseException():
            return _unavailable(error)
        case sqlite3.IntegrityError() if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            # Whoever keeps the database put a trigger there that refuses: nothing was written.
            return _unavailable(error)
        case sqlite3.OperationalError() if _primary_code(error) != sqlite3.SQLITE_ERROR:
            return _unavailable(error)
        case sqlite3.DatabaseError() if _primary_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return _unavailable(error)
        case _:
            return error


def _primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _unavailable(error: Exception) -> Unavailable:
    why = " ".join(str(error).split())[:_CAP] or type(error).__name__
    return Unavailable(
        SYSTEM,
        text("The database cannot be used now."),
        why=text("It said: {why}", why=why),
        retry_after=timedelta(seconds=2),
    )
