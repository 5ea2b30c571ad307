"""A hundred of the thousand requests of `python -m tests.faults.replays`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.replays import Figures, replay
from tests.integrations.database.postgres_server import Server


def check(found: Figures) -> None:
    assert set(found.answers) == {200}
    assert (found.operations, found.effects, found.requests) == found.before
    assert found.before == (1, 1, 3)


def test_a_captured_request_has_no_further_effect(tmp_path: Path) -> None:
    check(replay(tmp_path / "stage", count=100))


@pytest.mark.postgres
def test_a_captured_request_has_no_further_effect_at_another_replica(tmp_path: Path, postgres: Server) -> None:
    check(replay(tmp_path / "stage", count=100, database=postgres.fresh(), replicas=2))
