"""Schedules of the policy, from their due time to what comes of it, over the simulated world."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.schedules import PastRun, RunState
from bot.operations.request_card import preview
from bot.policy.loader import parse
from bot.policy.strict_yaml import BrokenFile
from bot.ports.people import Status
from bot.ports.store import RecordFilter, Tx
from bot.road.answers import answer
from bot.schedule.timers import GRACE, TRIES, Timers
from bot.steps.codec import dump
from tests.kit.bench import POLICY, Bench, bench
from tests.kit.clocks import T0

CHANNEL = "C0TEAMWEB"
HALF_PAST = T0.replace(hour=9, minute=30)
"""Half past nine in UTC, half an hour after the bench begins."""


def with_schedule(
    line: str = "scale web 5 to staging", *, cron: str = "30 9 * * *", by: str = "ana", misfire: str = "late-once"
) -> str:
    entry = f'  - {{name: web-up, cron: "{cron}", zone: UTC, line: "{line}", as: {by}, channel: {CHANNEL}, misfire: {misfire}}}'
    return f"{POLICY.read_text()}\nschedules:\n{entry}\n"


class Office:
    def __init__(self, bot: Bench) -> None:
        self.bot = bot
        self.timers = self.replica()

    def replica(self) -> Timers:
        return Timers(
            store=self.bot.core.store,
            judge=self.bot.core.judge,
            walk=self.bot.core.road.walk,
            say=lambda outcome: answer(outcome, preview).reply,
            dump=dump,
        )

    def begins(self, policy: str) -> None:
        self.bot.policy(policy)
        self.timers.run_once()

    def away(self, span: timedelta) -> None:
        """Nothing looks; then somebody does, for some seconds."""
        self.bot.clock.move(span)
        for _ in range(3):
            self.timers.run_once()
            self.bot.clock.move(timedelta(seconds=1))

    def until(self, at: datetime) -> None:
        self.away(at - self.bot.clock.now())

    def past(self) -> tuple[PastRun, ...]:
        return self.bot.core.store.read(lambda tx: tx.schedules.past("web-up", limit=50))

    def said(self) -> list[str]:
        return self.bot.core.store.read(self._said)

    @staticmethod
    def _said(tx: Tx) -> list[str]:
        return [m.body for m in tx.outbox.due(limit=500) if m.key.startswith("schedule/") and m.channel == CHANNEL]

    def missed(self) -> list[str]:
        return [each.record.outcome for each in self.bot.records(kind="missed")]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with bench(tmp_path) as bot:
        # Days pass in these tests: six alert rules an app, looked at every ten seconds of them, would be most of the work.
        bot.world.measure(is_on=False)
        yield Office(bot)


def the(operations: tuple[Operation, ...]) -> Operation:
    (operation,) = operations
    return operation


def test_a_line_is_run_at_its_time_for_its_person_and_not_before(office: Office) -> None:
    office.begins(with_schedule())
    office.until(HALF_PAST - timedelta(seconds=4))
    assert office.bot.operations() == ()
    office.until(HALF_PAST)
    operation = the(office.bot.operations())
    assert (str(operation.requester), operation.origin, operation.place.channel) == ("ana", "scheduled", CHANNEL)
    assert office.past() == (PastRun("web-up", HALF_PAST, RunState.STARTED, operation.id),)
    assert office.bot.run(operation.id).phase is Phase.DONE
    assert {effect.acting.user for effect in office.bot.world.effects} == {"ana@example.com"}
    (request,) = office.bot.records(op=operation.id, kind="request")
    assert '"schedule":"web-up"' in request.record.body
    assert office.said() == []


def test_it_is_run_again_the_next_day_by_whichever_process_is_there(office: Office) -> None:
    office.begins(with_schedule("here app=web env=staging"))
    office.until(HALF_PAST)
    office.timers = office.replica()
    office.until(HALF_PAST + timedelta(days=1))
    assert [run.due for run in office.past()] == [HALF_PAST + timedelta(days=1), HALF_PAST]


@pytest.mark.parametrize("away", [1, 30, 59])
@pytest.mark.parametrize("misfire", ["late-once", "expire"])
def test_who_was_away_for_some_seconds_has_missed_nothing(office: Office, away: int, misfire: str) -> None:
    office.begins(with_schedule(misfire=misfire))
    office.until(HALF_PAST + timedelta(seconds=away))
    assert the(office.bot.operations()).origin == "scheduled"
    assert (office.said(), office.missed()) == ([], [])


@pytest.mark.parametrize("minutes", [1.1, 5, 30, 60, 120])
def test_what_was_missed_is_run_late_once_and_said(office: Office, minutes: float) -> None:
    office.begins(with_schedule())
    office.until(HALF_PAST + timedelta(minutes=minutes))
    operation = the(office.bot.operations())
    assert office.past() == (PastRun("web-up", HALF_PAST, RunState.STARTED, operation.id),)
    (words,) = office.said()
    assert "It is run once now" in words
    assert office.missed() == ["late"]


@pytest.mark.parametrize("minutes", [1.1, 5, 30, 60, 120])
def test_what_was_missed_expires_and_is_said(office: Office, minutes: float) -> None:
    office.begins(with_schedule(misfire="expire"))
    office.until(HALF_PAST + timedelta(minutes=minutes))
    assert office.bot.operations() == ()
    assert office.past() == (PastRun("web-up", HALF_PAST, RunState.EXPIRED, None),)
    (words,) = office.said()
    assert "It is not run late" in words
    assert office.missed() == ["expired"]
    office.until(HALF_PAST + timedelta(days=1))
    assert the(office.bot.operations()).origin == "scheduled"


def test_of_many_that_were_missed_one_is_run_and_all_are_counted(office: Office) -> None:
    office.begins(with_schedule("here app=web env=staging", cron="*/10 * * * *"))
    office.away(timedelta(hours=2, minutes=5))
    assert len(office.bot.operations()) == 1
    (words,) = office.said()
    assert "due {n} times" in words
    assert '"n":12' in words.replace(" ", "")
    assert office.missed() == ["late"]


def test_of_many_the_newest_is_run_where_it_is_not_too_late_and_the_others_expire(office: Office) -> None:
    office.begins(with_schedule("here app=web env=staging", cron="*/10 * * * *", misfire="expire"))
    office.until(T0 + timedelta(hours=1, seconds=5))
    assert [run.state for run in office.past()] == [RunState.STARTED, RunState.EXPIRED]
    assert '"n":5' in office.said()[0].replace(" ", "")


def test_it_can_do_nothing_that_its_person_may_not(office: Office) -> None:
    office.begins(with_schedule(by="gus"))
    office.until(HALF_PAST)
    assert office.bot.operations() == ()
    assert [run.state for run in office.past()] == [RunState.REFUSED]
    (words,) = office.said()
    assert "You may not run" in words
    (denied,) = office.bot.records(kind="denied")
    assert (denied.record.actor, denied.record.outcome) == ("gus", "not-permitted")


def test_it_does_nothing_for_somebody_whose_account_is_gone(office: Office) -> None:
    office.bot.people.statuses["U0ANA0001"] = Status.GONE
    office.begins(with_schedule())
    office.until(HALF_PAST)
    assert office.bot.operations() == ()
    assert [run.state for run in office.past()] == [RunState.REFUSED]


def test_it_waits_for_those_who_have_to_agree_and_its_own_person_cannot(office: Office) -> None:
    office.begins(with_schedule("deploy web@1.8.2 to prod"))
    office.until(HALF_PAST)
    operation = the(office.bot.operations())
    assert operation.phase is Phase.WAITING
    assert office.bot.say("ana", f"approve {operation.id}").is_error
    assert not office.bot.say("bo", f"approve {operation.id}").is_error
    assert office.bot.operation(operation.id).phase is Phase.READY


def test_what_reads_is_answered_where_it_belongs(office: Office) -> None:
    office.begins(with_schedule("status web in staging"))
    office.until(HALF_PAST)
    assert [run.state for run in office.past()] == [RunState.ANSWERED]
    (words,) = office.said()
    assert "Schedule {name}" in words


@pytest.mark.parametrize("line", ["promote op-1", "approve op-1", "dpeloy web to staging", "scale web many to staging"])
def test_what_cannot_be_run_is_refused_and_said(office: Office, line: str) -> None:
    office.begins(with_schedule(line))
    office.until(HALF_PAST)
    assert [run.state for run in office.past()] == [RunState.REFUSED]
    assert len(office.said()) == 1


def test_what_does_not_answer_is_tried_again_and_then_refused(office: Office) -> None:
    office.begins(with_schedule("deploy web@1.8.2 to staging"))
    office.bot.world.registry.is_down = True
    office.until(HALF_PAST)
    assert office.past() == ()
    for _ in range(TRIES):
        office.bot.clock.move(timedelta(seconds=14))
        office.away(timedelta(seconds=1))
    assert [run.state for run in office.past()] == [RunState.REFUSED]
    assert timedelta(seconds=15 * TRIES) <= GRACE + timedelta(seconds=1)


def test_what_answers_again_in_time_is_run(office: Office) -> None:
    office.begins(with_schedule("deploy web@1.8.2 to staging"))
    office.bot.world.registry.is_down = True
    office.until(HALF_PAST)
    office.bot.world.registry.is_down = False
    office.away(timedelta(seconds=16))
    assert [run.state for run in office.past()] == [RunState.STARTED]


def test_a_changed_time_is_taken_over_and_what_is_due_already_is_run_first(office: Office) -> None:
    office.begins(with_schedule(cron="0 10 * * *"))
    office.begins(with_schedule())
    office.bot.clock.move(HALF_PAST - office.bot.clock.now())
    office.begins(with_schedule(cron="0 11 * * *"))
    assert [run.due for run in office.past()] == [HALF_PAST]


def test_what_is_taken_out_of_the_policy_is_run_no_more(office: Office) -> None:
    office.begins(with_schedule())
    office.begins(POLICY.read_text())
    office.until(HALF_PAST)
    assert (office.bot.operations(), office.past()) == ((), ())


def test_people_see_what_is_scheduled(office: Office) -> None:
    office.begins(with_schedule())
    shown = office.bot.say("ana", "schedules")
    assert not shown.is_error
    rows = repr(shown.reply)
    assert "scale web 5 to staging" in rows
    assert "30 9 * * *" in rows
    assert len(office.bot.core.store.read(lambda tx: tx.records.find(RecordFilter(kind="read")))) == 1


@pytest.mark.parametrize(
    ("part", "instead", "says"),
    [
        ('cron: "30 9 * * *"', 'cron: "30 9 * *"', "five fields"),
        ('cron: "30 9 * * *"', 'cron: "99 9 * * *"', "bad minute"),
        ("zone: UTC", "zone: Europe/Nowhere", "no such time zone"),
        ("as: ana", "as: nobody", "there is no person nobody"),
        ("misfire: late-once", "misfire: skip", "late-once"),
        (", misfire: late-once", "", "misfire"),
        ("line:", "lines:", "lines"),
    ],
)
def test_a_schedule_that_is_not_whole_breaks_the_policy_and_says_where(part: str, instead: str, says: str) -> None:
    with pytest.raises(BrokenFile) as broken:
        parse(with_schedule().replace(part, instead).encode())
    assert any(says in str(problem) for problem in broken.value.problems)


def test_two_schedules_of_one_name_break_the_policy() -> None:
    twice = with_schedule() + with_schedule().rpartition("schedules:\n")[2]
    with pytest.raises(BrokenFile, match="twice"):
        parse(twice.encode())
