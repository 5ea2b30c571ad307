"""The schema's versions: a new database is set up at once, an old one waits for `pilothouse migrate`, a newer one is
used as long as it still has what this code needs.

Alembic runs the scripts of migrations/versions, one run at a time (PostgreSQL: advisory lock; SQLite: an exclusive
transaction). No downgrades: expand first, contract when no old code runs any more.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from bot.domain.errors import Refused
from bot.domain.refs import Secret
from bot.domain.reply import text
from integrations.database.errors import SYSTEM, VENDOR, translated
from integrations.database.tables import CODE_LEVEL, meta

_SCRIPTS = Path(__file__).parent / "migrations"
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
    scripts = _scripts()
    head = scripts.get_current_head()
    if version == head:
        return
    if version in {script.revision for script in scripts.walk_revisions()}:
        raise Refused(
            SYSTEM,
            text("The database's schema is older than this version of Pilothouse."),
            why=text("It is {version}, and {head} is needed.", version=version, head=str(head)),
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


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))


def _version(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: sa.Connection) -> str:
    scripts = _scripts()

    def upgrade(revision: Any, _: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), scripts, fn=upgrade) as environment:
        environment.configure(connection=connection, target_metadata=None, transactional_ddl=False)
        environment.run_migrations()
    if connection.execute(sa.select(meta.c.value).where(meta.c.name == "database")).scalar_one_or_none() is None:
        first = {"database": secrets.token_hex(8), "epoch": "1"}
        connection.execute(sa.insert(meta), [{"name": name, "value": value} for name, value in first.items()])
    return str(scripts.get_current_head())


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
