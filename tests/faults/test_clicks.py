"""A few rounds of what `python -m tests.faults.clicks` does two hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.clicks import click
from tests.integrations.database.postgres_server import Server

ROUNDS = 40


def test_fifty_clicks_at_once_execute_once(tmp_path: Path) -> None:
    found = click(rounds=ROUNDS, threads=50, urls=(f"sqlite:///{tmp_path}/pilothouse.db",))
    assert (found.executions, found.most) == (ROUNDS, 1)


@pytest.mark.postgres
def test_fifty_clicks_at_once_on_two_replicas_execute_once(postgres: Server) -> None:
    found = click(rounds=2, threads=50, urls=(postgres.fresh(),) * 2)
    assert (found.executions, found.most) == (2, 1)
