"""Schedules of a bot that was put together and started as `serve` does it: nothing is called by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.app.bot import Bot, assemble
from bot.app.simulated_parts import simulated
from bot.audit.checkpoint import signer_from_file
from bot.domain.operation import Operation, Phase
from bot.ports.people import Identity, Standing, Status
from bot.ports.store import OperationFilter, RecordFilter
from bot.settings import Alertmanager, Data, PolicyPlace, Settings
from integrations.database.store import open_store
from tests.kit.bench import sites
from tests.kit.clocks import T0
from tests.schedule.test_timers import HALF_PAST, with_schedule

PATIENCE = 60.0


@dataclass
class Shifted:
    """Goes on by itself, from T0 and from where it is put."""

    began: float = field(default_factory=time.monotonic)
    skipped: timedelta = timedelta(0)
    """Time that passed at once: both clocks know of it."""
    off: timedelta = timedelta(0)
    """The machine's clock alone was set."""

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.elapsed()) + self.off

    def elapsed(self) -> float:
        return time.monotonic() - self.began + self.skipped.total_seconds()

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def until(self, at: datetime) -> None:
        self.skipped += at - self.now()


@dataclass
class AllActive:
    """bot.ports.people.People, which the Slack edge brings when it connects."""

    clock: Shifted

    def standing(self, identity: Identity) -> Standing:
        return Standing(identity, Status.ACTIVE, self.clock.now())

    def is_reading(self, user: str, channel: str) -> bool:
        return True


@contextmanager
def started(folder: Path, clock: Shifted) -> Iterator[Bot]:
    policy = folder / "policy.yaml"
    policy.write_text(with_schedule())
    settings = Settings(
        data=Data(folder=folder),
        policy=PolicyPlace(path=policy),
        alertmanager=Alertmanager(default_channel="C0ALERT01"),
    )
    bot = assemble(
        settings=settings,
        clock=clock,
        store=open_store(f"sqlite:///{folder}/pilothouse.db", clock=clock),
        parts=simulated(clock).parts,
        sites=sites(),
        signer=signer_from_file(folder / "audit-key"),
    )
    bot.people.slack = AllActive(clock)
    bot.start(has_terminal=False)
    try:
        yield bot
    finally:
        bot.stop()


def operations(bot: Bot) -> tuple[Operation, ...]:
    return bot.store.read(lambda tx: tx.operations.find(OperationFilter(limit=50)))


def is_known(bot: Bot) -> bool:
    return bool(bot.store.read(lambda tx: tx.schedules.list()))


def is_done(bot: Bot) -> bool:
    found = operations(bot)
    return bool(found) and all(each.phase is Phase.DONE for each in found)


def alarms(bot: Bot) -> list[str]:
    found = bot.store.read(lambda tx: tx.records.find(RecordFilter(limit=50, kind="alarm")))
    return [each.record.outcome for each in reversed(found)]


def told(bot: Bot) -> list[str]:
    return bot.store.read(lambda tx: [m.body for m in tx.outbox.due(limit=50) if m.key.startswith("alarm/")])


def wait(wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < until
        time.sleep(0.05)


def looks_again(bot: Bot, clock: Shifted) -> None:
    """Its timers, more than once."""
    assert is_known(bot)
    clock.sleep(2.5)


def test_a_schedule_of_the_policy_runs_once(tmp_path: Path) -> None:
    clock = Shifted()
    with started(tmp_path, clock) as bot:
        wait(lambda: is_known(bot))
        assert operations(bot) == ()
        clock.until(HALF_PAST - timedelta(seconds=1))
        wait(lambda: is_done(bot))
        looks_again(bot, clock)
        assert [each.line for each in operations(bot)] == ["scale web 5 to staging"]
    with started(tmp_path, clock) as bot:
        looks_again(bot, clock)
        assert len(operations(bot)) == 1
        assert alarms(bot) == []


def test_a_clock_that_is_set_runs_no_schedule_early(tmp_path: Path) -> None:
    clock = Shifted()
    with started(tmp_path, clock) as bot:
        wait(lambda: is_known(bot))
        clock.off = timedelta(hours=1)
        wait(lambda: alarms(bot) == ["paused"])
        looks_again(bot, clock)
        assert operations(bot) == ()
        clock.off = timedelta(0)
        wait(lambda: alarms(bot) == ["paused", "resumed"])
        assert operations(bot) == ()
        clock.until(HALF_PAST)
        wait(lambda: is_done(bot))
        assert len(operations(bot)) == 1


@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(days=1)], ids=str)
def test_a_clock_that_was_set_back_while_nothing_ran_is_said_at_the_start_and_once(
    tmp_path: Path, back: timedelta
) -> None:
    clock = Shifted()
    with started(tmp_path, clock) as bot:
        wait(lambda: is_known(bot))
        clock.until(HALF_PAST)
        wait(lambda: is_done(bot))
    clock = Shifted(began=clock.began, skipped=clock.skipped, off=-back)
    with started(tmp_path, clock) as bot:
        assert alarms(bot) == ["set-back"]
        assert any("set back while nothing ran" in body for body in told(bot))
        looks_again(bot, clock)
        assert len(operations(bot)) == 1
    with started(tmp_path, clock) as bot:
        assert alarms(bot) == ["set-back"]


def test_having_been_away_is_no_clock_that_was_set(tmp_path: Path) -> None:
    clock = Shifted()
    with started(tmp_path, clock) as bot:
        wait(lambda: is_known(bot))
    clock.skipped += timedelta(minutes=10)
    with started(tmp_path, clock) as bot:
        assert alarms(bot) == []
