"""A slice of the matrix of docs/reliability.md: real bots, ended, stopped and cut off at their crash points.

The whole of it: `make faults`. Nothing here is about speed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cells import KINDS, Cell, Fault, drawn
from tests.faults.run import run
from tests.integrations.database.postgres_server import Server

SEED = 1


def cell(name: str) -> Cell:
    point, kind, fault = name.split("-")
    return drawn(point, next(each for each in KINDS if each.name == kind), Fault(fault), SEED, 0)


@pytest.mark.parametrize(
    "name",
    [
        "CP4-deploy-kill",
        "CP5-scale-lost",
        "CP7-lock-kill",
        "CP9-restart-term",
        "CP10-scale-stop",
        "CP11-abort-kill",
        "CP11-build-kill",
        "CP12-rollback-kill",
        "CP16-autoscale-kill",
    ],
)
def test_an_operation_is_done_once_whatever_happens_to_its_bot(name: str, tmp_path: Path) -> None:
    outcome = run(cell(name), tmp_path / "cell")
    assert outcome.problems == []
    assert outcome.fired


@pytest.mark.postgres
@pytest.mark.parametrize(
    "name", ["CP8-deploy-kill", "CP10-scale-stop", "CP11-promote-kill", "CP12-restart-term", "CP15-autoscale-kill"]
)
def test_another_replica_goes_on_where_one_stopped(name: str, tmp_path: Path, postgres: Server) -> None:
    outcome = run(cell(name), tmp_path / "cell", database=postgres.fresh(), replicas=2)
    assert outcome.problems == []
    assert outcome.fired
