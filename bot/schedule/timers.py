"""Runs the policy's schedules: each due time once across all replicas, or says that it was not run. Never silent.

A run is a command line on the road, for the person whom the policy names: it can do what that person may. Which replica
takes it is settled by the database: the run is stored with the operation that it became, under its due time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.audit.records import record
from bot.domain.errors import PolicyBroken, Unavailable
from bot.domain.operation import Place
from bot.domain.reply import Block, Paragraph, Reply, Text, Value, counted, text
from bot.domain.schedules import Entry, Misfire, Run, RunState, Schedule
from bot.policy.cron import following, next_after
from bot.policy.judge import Judge
from bot.ports.people import Identity
from bot.ports.schedules import AlreadyRan
from bot.ports.store import MessageClass, Store, Tx
from bot.road.request import Answered, Crashed, Origin, Outcome, Refused, Request

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=60)
"""A due time that is older was missed: the schedule's misfire says what becomes of it."""
AGAIN = timedelta(seconds=15)
"""After a try that came to no end, because something did not answer or whoever tried it died."""
TRIES = 4
MOST = 20_000
"""Missed due times that are counted: two weeks of every minute."""
PERMISSION = "schedules:run"


@dataclass(frozen=True, slots=True)
class Due:
    """All due times of a schedule that are over."""

    first: datetime
    newest: datetime
    count: int
    next: datetime | None

    missed: int
    """All but the newest where that is not too late yet."""


class Timers:
    def __init__(
        self,
        *,
        store: Store,
        judge: Callable[[], Judge],
        walk: Callable[[Request], Outcome],
        say: Callable[[Outcome], Reply],
        dump: Callable[[Reply], str],
        is_paused: Callable[[], bool] = lambda: False,
    ) -> None:
        """`walk` is the road's. `say` makes of an outcome what people are told. `is_paused`: a clock is off."""
        self._store = store
        self._judge = judge
        self._walk = walk
        self._say = say
        self._dump = dump
        self._is_paused = is_paused

    def run_once(self, now: datetime | None = None) -> int:
        """Once a second, on every replica; how many due times were tried. `now`: by the database's clock where None.
        Raises Unavailable."""
        if self._is_paused():
            return 0
        try:
            wanted = {schedule.name: schedule for schedule in self._judge().policy.schedules}
        except PolicyBroken:
            return 0  # doctor says so; what was missed meanwhile is seen when it is mended
        moment, entries = self._store.read(lambda tx: (now or tx.now, tx.schedules.list()))
        known = {entry.name: entry for entry in entries}
        if self._differ(wanted, known, moment):
            self._store.transact(lambda tx: self._adopt(tx, wanted, moment))
        return sum(
            self._try(wanted[name], entry, moment)
            for name, entry in known.items()
            if name in wanted and entry.next_due is not None and entry.next_due <= moment
        )

    # --- what the policy says -----------------------------------------------------------------

    @staticmethod
    def _differ(wanted: dict[str, Schedule], known: dict[str, Entry], now: datetime) -> bool:
        return wanted.keys() != known.keys() or any(_is_changed(wanted[name], known[name], now) for name in wanted)

    @staticmethod
    def _adopt(tx: Tx, wanted: dict[str, Schedule], now: datetime) -> None:
        known = {entry.name: entry for entry in tx.schedules.list()}
        for name in known.keys() - wanted.keys():
            tx.schedules.drop(name)
        for name, schedule in wanted.items():
            entry = known.get(name)
            if entry is None or _is_changed(schedule, entry, now):
                due = next_after(schedule.cron, schedule.zone, now)
                tx.schedules.put(Entry(name, schedule.cron, schedule.zone, schedule.misfire, due))

    # --- one due time -------------------------------------------------------------------------

    def _try(self, schedule: Schedule, entry: Entry, now: datetime) -> int:
        assert entry.next_due is not None
        due = _due(entry, entry.next_due, now)
        tries = self._store.transact(lambda tx: self._claim(tx, schedule, entry, due, now))
        if tries is None:
            return 0
        if due.missed and entry.misfire is Misfire.EXPIRE:
            return 1
        run = Run(schedule.name, due.newest, due.next)
        identity = Identity("schedule", "", schedule.by.id)
        request = Request(Origin.SCHEDULED, identity, schedule.line, Place(schedule.channel), run=run)
        outcome = self._walk(request)
        if _may_come_right(outcome) and tries < TRIES:
            log.warning("a schedule could not be run now", schedule=schedule.name, tries=tries)
            return 1
        try:
            self._end(schedule, run, outcome)
        except AlreadyRan:
            log.info("another replica ran it", schedule=schedule.name, due=run.due.isoformat())
        return 1

    def _claim(self, tx: Tx, schedule: Schedule, entry: Entry, due: Due, now: datetime) -> int | None:
        """What was missed is said, and expires, in the transaction that takes it."""
        tries = tx.schedules.claim(schedule.name, due.first, again=AGAIN)
        if tries is None or due.missed == 0:
            return tries
        expires = entry.misfire is Misfire.EXPIRE
        if expires:
            # The newest, where it is not too late for it, is the next thing that is due.
            rest = due.newest if due.missed < due.count else due.next
            tx.schedules.ran(Run(schedule.name, due.first, rest), RunState.EXPIRED, None)
        self._tell(tx, schedule, due.newest, _missed(due, now, expires=expires), part="missed")
        self._note(tx, schedule, due, outcome="expired" if expires else "late")
        return tries

    def _end(self, schedule: Schedule, run: Run, outcome: Outcome) -> None:
        """A change was stored with its run already; what else came of it is said with it."""
        if not isinstance(outcome, Answered | Refused | Crashed):
            return
        state = RunState.ANSWERED if isinstance(outcome, Answered) else RunState.REFUSED

        def work(tx: Tx) -> None:
            tx.schedules.ran(run, state, None)
            self._tell(tx, schedule, run.due, *self._say(outcome).blocks, part="outcome")

        self._store.transact(work)

    # --- what is said -------------------------------------------------------------------------

    def _tell(self, tx: Tx, schedule: Schedule, due: datetime, *blocks: Block | Text, part: str) -> None:
        said = tuple(Paragraph(each) if isinstance(each, Text) else each for each in blocks)
        title = text("Schedule {name} · {line}", name=schedule.name, line=schedule.line)
        tx.outbox.want(
            f"schedule/{schedule.name}/{int(due.timestamp())}/{part}",
            channel=schedule.channel,
            kind=MessageClass.OPERATION,
            body=f'{{"reply":{self._dump(Reply(title, said))}}}',
        )

    @staticmethod
    def _note(tx: Tx, schedule: Schedule, due: Due, *, outcome: str) -> None:
        tx.records.append(
            record(
                at=tx.now,
                actor=str(schedule.by),
                action=PERMISSION,
                target="",
                op="",
                kind="missed",
                outcome=outcome,
                details={
                    "schedule": schedule.name,
                    "line": schedule.line,
                    "first": due.first.isoformat(),
                    "missed": str(due.missed),
                    "origin": Origin.SCHEDULED.value,
                },
            )
        )


def _is_changed(schedule: Schedule, entry: Entry, now: datetime) -> bool:
    """What is due already stays as it is: it is run before anything else."""
    is_due = entry.next_due is not None and entry.next_due <= now
    same = (entry.cron, entry.zone, entry.misfire) == (schedule.cron, schedule.zone, schedule.misfire)
    return not same and not is_due


def _due(entry: Entry, first: datetime, now: datetime) -> Due:
    newest, count = first, 1
    for later in following(entry.cron, entry.zone, first):
        if later > now or count == MOST:
            break
        newest, count = later, count + 1
    rest = next_after(entry.cron, entry.zone, max(newest, now))
    return Due(first, newest, count, rest, count - 1 if now - newest <= GRACE else count)


def _missed(due: Due, now: datetime, *, expires: bool) -> Text:
    args: dict[str, Value] = {
        "n": due.missed if due.count < MOST else f"{MOST} or more",
        "first": due.first,
        "now": now,
    }
    if expires:
        return counted(
            due.missed,
            "It was due at {first} and not run, because nobody could run it until {now}. It is not run late.",
            "It was due {n} times from {first} on and not run, because nobody could run it until {now}. "
            "It is not run late.",
            **args,
        )
    return counted(
        due.missed,
        "It was due at {first}, and nobody could run it until {now}. It is run once now.",
        "It was due {n} times from {first} on, and nobody could run it until {now}. It is run once now.",
        **args,
    )


def _may_come_right(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and isinstance(outcome.error, Unavailable)
