"""An upgrade while operations run: what a newer version has begun waits for one, and goes on there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.operation import Phase
from tests.kit.bench import Bench


def test_a_kind_of_step_that_is_not_known_waits_for_a_version_that_knows_it(bot: Bench, tmp_path: Path) -> None:
    id = bot.start("ana", "scale web 5 to staging")
    bot.run(id, until=lambda op: op.phase is Phase.RUNNING)
    rename(tmp_path / "pilothouse.db", "set-replicas", "set-replicas-gently")
    writes = len(bot.world.effects)
    before = bot.operation(id)
    for _ in range(120):
        bot.turn()
    waiting = bot.operation(id)
    assert (waiting.phase, waiting.cursor, waiting.attempts) == (before.phase, before.cursor, before.attempts)
    assert len(bot.world.effects) == writes
    other = bot.start("ana", "here app=web env=staging")
    assert bot.run(other).phase is Phase.DONE
    rename(tmp_path / "pilothouse.db", "set-replicas-gently", "set-replicas")
    assert bot.run(id).phase is Phase.DONE


def rename(database: Path, kind: str, to: str) -> None:
    """As if another version had stored it."""
    with closing(sqlite3.connect(database)) as connection:
        changed = connection.execute(
            "UPDATE operations SET body = replace(body, ?, ?) WHERE body LIKE '%' || ? || '%'", (kind, to, kind)
        )
        assert changed.rowcount == 1
        connection.commit()
