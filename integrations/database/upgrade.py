"""Runs the scripts of migrations/versions with Alembic. Apart from schema.py because Alembic with its templates takes 7 MB,
which a bot on a schema that is up to date does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

_SCRIPTS = Path(__file__).parent / "migrations"


def versions() -> frozenset[str]:
    """All that this code has a script for."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def to_newest(connection: sa.Connection) -> None:
    scripts = _scripts()

    def upgrade(revision: Any, _: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), scripts, fn=upgrade) as environment:
        environment.configure(connection=connection, target_metadata=None, transactional_ddl=False)
        environment.run_migrations()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))
