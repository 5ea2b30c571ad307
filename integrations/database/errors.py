"""What SQLite and PostgreSQL raise, in our words. The only place that looks at their exceptions.

PostgreSQL's are told by their SQLSTATE and by the names that every driver has (PEP 249): its driver is loaded only where
that database is used.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from sqlalchemy import exc

from bot.domain.errors import Unavailable
from bot.domain.reply import text

SYSTEM = "database"
_CAP = 200
_RETRYABLE = frozenset({"40001", "40P01", "23505"})
"""Serialisation, deadlock, a key that somebody else has just inserted."""
_CLOSED = frozenset({"25006", "42501", "P0001", "25P03", "25P04"})
"""A read-only server, no right to it, a trigger that refuses, a server that ended a transaction which stood still."""
_LOST = frozenset({"OperationalError", "InterfaceError"})


class Retry(Exception):
    """The transaction did not happen and may be run again at once."""


VENDOR = (sqlite3.Error, exc.SQLAlchemyError)
"""Of SQLite, and of both where SQLAlchemy is between."""


def is_broken_io(error: BaseException) -> bool:
    """After a failed sync nobody knows what the file holds: the connection is opened anew."""
    return isinstance(error, sqlite3.OperationalError) and _primary_code(error) == sqlite3.SQLITE_IOERR


def is_locked(error: BaseException) -> bool:
    """Another process has SQLite's one lock for writers, or is recovering the file."""
    return isinstance(error, sqlite3.OperationalError) and _primary_code(error) == sqlite3.SQLITE_BUSY


def is_not_text(error: BaseException) -> bool:
    """SQLite's driver met a text column that is no UTF-8: somebody wrote it past us."""
    return isinstance(error, sqlite3.OperationalError) and "Could not decode to UTF-8" in str(error)


def translated(error: Exception) -> Exception:
    """Unavailable, Retry, or the exception itself where it is a bug of ours. Raise it `from error`."""
    match error:
        case exc.TimeoutError():
            return _unavailable(error)
        case sqlite3.Error():
            return _of_sqlite(error)
        case exc.SQLAlchemyError():
            return error
        case _:
            return _of_postgres(error)


def _of_sqlite(error: sqlite3.Error) -> Exception:
    match error:
        case sqlite3.IntegrityError() if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            # Whoever keeps the database put a trigger there that refuses: nothing was written.
            return _unavailable(error)
        case sqlite3.OperationalError() if _primary_code(error) != sqlite3.SQLITE_ERROR:
            return _unavailable(error)
        case sqlite3.DatabaseError() if _primary_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return _unavailable(error)
        case _:
            return error


def _of_postgres(error: Exception) -> Exception:
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _RETRYABLE:
        return Retry(state)
    is_lost = hasattr(error, "sqlstate") and any(kind.__name__ in _LOST for kind in type(error).__mro__)
    return _unavailable(error) if is_lost or state in _CLOSED else error


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
