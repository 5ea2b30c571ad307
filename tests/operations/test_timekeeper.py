"""Clocks that jump: nothing is decided by a time that nobody can trust, and what is to last a while lasts that long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest

from bot.app.alarms import Alarms
from bot.domain.errors import Unavailable
from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.operations.timekeeper import Timekeeper
from bot.ports.store import Store
from tests.kit.bench import Bench, words
from tests.kit.clocks import T0, ManualClock
from tests.operations.test_canary import is_holding

HOLD = timedelta(minutes=5)


def holding(bot: Bench) -> OperationId:
    """A canary that waits for five minutes at its first share."""
    id = bot.start("ana", "canary web@1.8.2 20 to staging steps=50 hold=5m requests=1")
    bot.run(id, until=is_holding)
    return id


def seconds_held(bot: Bench, id: OperationId, since: float) -> float:
    """Until the hold is over, by the time that really passed."""
    cursor = bot.operation(id).cursor
    bot.run(id, until=lambda op: op.cursor != cursor or op.phase is not Phase.RUNNING)
    assert bot.operation(id).phase is Phase.RUNNING
    return bot.clock.passed - since


@pytest.mark.parametrize(
    "jump",
    [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=6), timedelta(seconds=-6), timedelta(days=1)],
    ids=str,
)
def test_while_the_clock_is_off_operations_stand_still_and_then_go_on_as_if_nothing_had_been(
    bot: Bench, jump: timedelta
) -> None:
    id, since = holding(bot), bot.clock.passed
    before = bot.operation(id)
    bot.clock.moment += jump
    for _ in range(60):
        bot.turn()
    assert bot.operation(id) == before
    refused = bot.say("ana", "scale web 5 to staging")
    assert refused.is_error
    assert "Nothing is changed while a clock is off" in words(refused)
    bot.clock.moment -= jump
    assert abs(seconds_held(bot, id, since) - HOLD.total_seconds()) <= 1
    assert not bot.say("bo", "status web in staging").is_error


@pytest.mark.parametrize(
    "jump", [timedelta(seconds=4.5), timedelta(seconds=-1), timedelta(seconds=1)], ids=["small", "leap", "leap back"]
)
def test_a_leap_second_and_small_steps_pause_nothing(bot: Bench, jump: timedelta) -> None:
    id, since = holding(bot), bot.clock.passed
    bot.clock.moment += jump
    assert abs(seconds_held(bot, id, since) - HOLD.total_seconds()) <= 1 + abs(jump.total_seconds())


def test_a_machine_that_slept_has_no_clock_that_is_off(bot: Bench) -> None:
    """CLOCK_BOOTTIME goes on with it: what is over is over."""
    id = holding(bot)
    bot.clock.move(timedelta(hours=2))
    cursor = bot.operation(id).cursor
    bot.turn()
    assert bot.operation(id).cursor != cursor


def test_a_jump_between_the_claim_and_the_decision_decides_nothing(bot: Bench) -> None:
    id = holding(bot)
    bot.clock.move(timedelta(seconds=4))
    (claim,) = bot.core.engine.leases.claim(8)
    before = bot.operation(id)
    bot.clock.moment += timedelta(hours=1)
    bot.core.engine.tick(claim)
    after = bot.operation(id)
    assert (after.cursor, after.phase, after.since) == (before.cursor, before.phase, before.since)


@pytest.mark.parametrize("at", [1, 100, 299])
def test_a_hold_lasts_as_long_over_a_restart(bot: Bench, at: int) -> None:
    id, since = holding(bot), bot.clock.passed
    for _ in range(at):
        bot.turn()
    bot.restart()
    assert abs(seconds_held(bot, id, since) - HOLD.total_seconds()) <= 1


def test_a_hold_lasts_as_long_over_an_outage_in_its_middle(bot: Bench) -> None:
    id, since = holding(bot), bot.clock.passed
    bot.turn()
    bot.restart()
    bot.clock.move(timedelta(minutes=2))
    assert abs(seconds_held(bot, id, since) - HOLD.total_seconds()) <= 1


def test_after_a_restart_nothing_sleeps_by_a_clock_that_was_wrong(bot: Bench) -> None:
    """It was an hour ahead while operations said when they want to be looked at; then it was set right."""
    bot.clock.moment += timedelta(hours=1)
    bot.restart()
    id = holding(bot)
    bot.clock.moment -= timedelta(hours=1)
    bot.restart()
    version = bot.operation(id).version
    bot.turn()
    assert bot.operation(id).version > version


# --- the database's own clock -------------------------------------------------------------------


@dataclass
class Far:
    """A database with a clock of its own, that takes its time to answer."""

    clock: ManualClock
    ahead: timedelta = timedelta(0)
    takes: float = 0.0
    told: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        found = self.clock.now() + self.ahead
        self.clock.passed += self.takes
        self.clock.moment += timedelta(seconds=self.takes)
        return found

    def keeper(self) -> Timekeeper:
        keeper = Timekeeper(cast(Store, self), self.clock)
        keeper.on_change = lambda why: self.told.append(why.plain() if why else "right again")
        return keeper


@pytest.mark.parametrize("ahead", [6, -6, 3600])
def test_a_database_whose_clock_jumps_is_noticed_and_forgiven_once_it_is_right(ahead: int) -> None:
    far = Far(ManualClock())
    keeper = far.keeper()
    assert keeper.is_steady()
    far.clock.move(timedelta(seconds=2))
    far.ahead = timedelta(seconds=ahead)
    assert not keeper.is_steady()
    assert not keeper.is_steady(), "also between two looks"
    with pytest.raises(Unavailable):
        keeper.ping()
    far.ahead = timedelta(0)
    far.clock.move(timedelta(seconds=2))
    assert keeper.is_steady()
    assert [each.split(" was set")[0] for each in far.told] == ["The database's clock", "right again"]


def test_a_database_that_is_apart_from_the_start_is_noticed() -> None:
    far = Far(ManualClock(), ahead=timedelta(seconds=-7))
    keeper = far.keeper()
    assert not keeper.is_steady()
    assert far.told == ["The database's clock and this machine's are 7 s apart."]


def test_an_answer_that_took_its_time_says_nothing_about_the_clock() -> None:
    far = Far(ManualClock(), takes=8)
    keeper = far.keeper()
    assert keeper.is_steady()
    far.clock.move(timedelta(seconds=2))
    assert keeper.is_steady()


def test_a_transaction_of_a_database_that_jumped_decides_nothing() -> None:
    far = Far(ManualClock())
    keeper = far.keeper()
    assert keeper.is_steady()
    keeper.check(far.clock.now() + timedelta(seconds=4))
    with pytest.raises(Unavailable):
        keeper.check(far.clock.now() + timedelta(seconds=6))


def test_it_is_recorded_and_told(bot: Bench) -> None:
    alarms = Alarms(bot.core.store, "C0ALERT01")
    bot.core.engine.timekeeper.on_change = alarms.clock
    bot.turn()
    bot.clock.moment += timedelta(hours=1)
    bot.turn()
    bot.clock.moment -= timedelta(hours=1)
    bot.turn()
    assert [each.record.outcome for each in bot.records(kind="alarm")] == ["paused", "resumed"]
    due = bot.core.store.read(lambda tx: [m.body for m in tx.outbox.due(limit=50) if m.key.startswith("alarm/")])
    assert len(due) == 2
    assert any("stand still" in body for body in due)
    assert bot.clock.now() > T0
