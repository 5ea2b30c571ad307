"""SIGTERM to a real bot in the middle of a step: it ends the step, shows it, and lets go of what it held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import CHANNEL, Replica, Stage, wait_for
from tests.integrations.database.postgres_server import Server

PATIENCE = 60.0


class Shift:
    """People who ask for one operation, and a bot that is told to stop at a point of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def agreed(self, line: str) -> None:
        """Asked for and approved; the engine may begin."""
        self.stage.says("ana", line)
        self.stage.says("ana", f"ask {self._id('draft')}")
        self.stage.says("bo", f"approve {self._id('waiting')}")

    def _id(self, phase: str) -> str:
        sql = f"SELECT id FROM operations WHERE phase = '{phase}'"
        wait_for(lambda: self.stage.database.rows(sql), PATIENCE, f"an operation that is {phase}")
        return str(self.stage.database.rows(sql)[0][0])

    def phase(self) -> str:
        return str(self.stage.database.rows("SELECT phase FROM operations")[0][0])

    def terminated_at_the_point(self, replica: Replica) -> int:
        """Its exit code."""
        wait_for(self.stage.latch.exists, PATIENCE, "the point")
        assert replica.process is not None
        replica.process.terminate()
        return replica.process.wait(PATIENCE)

    def cards(self) -> list[dict[str, Any]]:
        id = self.stage.database.rows("SELECT id FROM operations")[0][0]
        found = self.stage.slack.messages(CHANNEL)
        return [each for each in found if _key(each) == f"operation/{id}"]


def _key(message: dict[str, Any]) -> str:
    return str((message.get("metadata") or {}).get("event_payload", {}).get("key", ""))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Shift]:
    stage = Stage(tmp_path / "one")
    yield Shift(stage)
    stage.close()


@pytest.fixture
def shared(tmp_path: Path, postgres: Server) -> Iterator[Shift]:
    stage = Stage(tmp_path / "two", database=postgres.fresh(), replicas=2)
    yield Shift(stage)
    stage.close()


def test_what_ends_while_it_stops_is_shown_before_it_has_stopped(alone: Shift) -> None:
    (bot,) = alone.stage.replicas
    alone.stage.start(bot, "CP13=sleep(10)")
    alone.stage.wait_until_ready()
    alone.agreed("restart web to prod")
    assert alone.terminated_at_the_point(bot) == 0
    assert alone.phase() == "done"
    (card,) = alone.cards()
    assert card["text"].startswith("Done"), card["text"]


def test_a_step_under_way_is_ended_within_its_lease_and_goes_on_elsewhere_without_a_take_over(shared: Shift) -> None:
    """The step takes longer than a lease: it is renewed until the end. A take-over would have raised the fence."""
    first, second = shared.stage.replicas
    shared.stage.start(first, "CP11=sleep(18)")
    wait_for(lambda: shared.stage._connections() == 1, PATIENCE, "the first bot")
    shared.agreed("restart web to prod")
    wait_for(shared.stage.latch.exists, PATIENCE, "the point")
    shared.stage.start(second)
    shared.stage.wait_until_ready()
    assert shared.terminated_at_the_point(first) == 0
    wait_for(lambda: shared.phase() == "done", PATIENCE, "the other bot to end it")
    ((fence,),) = shared.stage.database.rows("SELECT fence FROM operations")
    assert {write["fence"] for write in shared.stage.writes()} == {fence}
    wait_for(lambda: any(c["text"].startswith("Done") for c in shared.cards()), PATIENCE, "the card")
    assert len(shared.cards()) == 1
