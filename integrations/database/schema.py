"""The schema's versions: a new database is set up at once, an old one waits for `pilothouse migrate`, a newer one is
used as long as it still has what this code needs.

upgrade.py runs the scripts of migrations/versions, one run at a time (PostgreSQL: advisory lock; SQLite: an exclusive
transaction). No downgrades: expand first, contract when no old code runs any more.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bot.domain.errors import Refused
from bot.domain.refs import Secret
from bot.domain.reply import text
from integrations.database.errors import SYSTEM, VENDOR, translated
from integrations.database.tables import CODE_LEVEL, HEAD, meta

_VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.Text))
_LOCK = 7_013_201_002
"""PostgreSQL's advisory lock of whoever migrates."""
_INSERT_ONLY = ("audit", "audit_chain")


def prepare_sqlite(path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(path))
    _prepare(url)


def prepare_postgres(url: sa.URL) -> None:
    _prepare(url)


def migrate(url: Secret | str, *, role: str = "") -> str:
    """Brings the schema up to this code's; what the version is now. `role` (PostgreSQL): the bot's own role gets the
    rights that it needs and no others: no UPDATE, DELETE or TRUNCATE of the audit record."""
    parsed = sa.make_url(url.reveal() if isinstance(url, Secret) else url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    with _exclusive(parsed) as connection:
        version = _upgrade(connection)
        if role and connection.dialect.name == "postgresql":
            _grant(connection, role)
        return version


def _prepare(url: sa.URL) -> None:
    with _connected(url) as connection:
        version = _version(connection)
        if version is not None:
            _check(connection, version)
            return
    with _exclusive(url) as connection:
        if _version(connection) is None:
            _upgrade(connection)


def _check(connection: sa.Connection, version: str) -> None:
    if version == HEAD:
        return
    from integrations.database.upgrade import versions

    if version in versions():
        raise Refused(
            SYSTEM,
            text("The database's schema is older than this version of Pilothouse."),
            why=text("It is {version}, and {head} is needed.", version=version, head=HEAD),
            next=text("Run `pilothouse migrate`, then start again."),
        )
    oldest = connection.execute(sa.select(meta.c.value).where(meta.c.name == "oldest_code")).scalar_one_or_none()
    if int(oldest or 0) > CODE_LEVEL:
        raise Refused(
            SYSTEM,
            text("The database's schema is too new for this version of Pilothouse."),
            why=text(
                "It serves code of level {oldest} and above; this is {level}.", oldest=str(oldest), level=CODE_LEVEL
            ),
            next=text("Start the newer version."),
        )


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(sa.select(_VERSIONS.c.version_num)).scalar_one_or_none()


def _upgrade(connection: sa.Connection) -> str:
    from integrations.database.upgrade import to_newest

    to_newest(connection)
    if connection.execute(sa.select(meta.c.value).where(meta.c.name == "database")).scalar_one_or_none() is None:
        first = {"database": secrets.token_hex(8), "epoch": "1"}
        connection.execute(sa.insert(meta), [{"name": name, "value": value} for name, value in first.items()])
    return _version(connection) or ""


def _grant(connection: sa.Connection, role: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {', '.join(_INSERT_ONLY)} FROM {quoted}",
    ):
        connection.exec_driver_sql(statement)


@contextlib.contextmanager
def _connected(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_arguments(url))
    try:
        with engine.connect() as connection:
            yield connection
    except VENDOR as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, Exception) else error
        failure = translated(cause)
        raise (error if failure is cause else failure) from cause
    finally:
        engine.dispose()


@contextlib.contextmanager
def _exclusive(url: sa.URL) -> Iterator[sa.Connection]:
    """One transaction around everything, that nobody else migrates or writes in."""
    with _connected(url) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("BEGIN EXCLUSIVE" if is_sqlite else "BEGIN")
        is_done = False
        try:
            if not is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection
            is_done = True
        finally:
            connection.exec_driver_sql("COMMIT" if is_done else "ROLLBACK")


def _arguments(url: sa.URL) -> dict[str, Any]:
    return {"timeout": 5} if url.get_backend_name() == "sqlite" else {"connect_timeout": 2}
