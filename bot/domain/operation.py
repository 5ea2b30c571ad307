"""The durable record of doing something, and the one pure function that says what happens to it next.

`decide` runs every plan: it owns the approval protocol (votes, deadline, deny) and walks the steps forward and, where
one fails, back. It knows steps only as StepFacts and what was just observed as Progress. No clock, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from bot.domain.analysis import Verdict
from bot.domain.refs import OperationId, PlanHash, Principal
from bot.domain.reply import Text, text


class Standing(StrEnum):
    ABSENT = "absent"
    """Not there, and no trace of our own write: act."""
    UNDERWAY = "underway"
    WAITING = "waiting"
    """Everything is in place and it waits for a person (or for the end of its deadline)."""
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Missing or stale evidence: neither acts nor passes."""


@dataclass(frozen=True, slots=True)
class Progress:
    standing: Standing
    why: Text | None = None
    """Of FAILED and UNKNOWN: the reason, for people."""
    done: int = 0
    of: int = 0
    """`3 of 6 pods ready`; `of` is 0 where nothing is counted."""
    report: Text | None = None
    """What the thread is told when the step is done, or what the card says meanwhile."""
    verdict: Verdict | None = None
    """On a canary: its figures and charts go onto the card, and into the thread with the end of the step."""
    again: timedelta | None = None
    """When to look again where once a second would ask others too often."""
    excerpt: str = ""
    """Words of a program that belong to a failure, masked; they go into the thread with its reason."""
    errors: Text | None = None
    """How the app's requests fare meanwhile: `Errors 0.4 %, as before`, or why that is not known."""
    errors_at: datetime | None = field(default=None, compare=False)
    """When that was looked at."""


class Phase(StrEnum):
    DRAFT = "draft"
    """Planned and shown to one person; nobody has been asked yet."""
    WAITING = "waiting"
    """For votes."""
    READY = "ready"
    """Agreed to; the engine still has to re-authorise, re-plan and take the holds."""
    RUNNING = "running"
    PAUSED = "paused"
    UNDOING = "undoing"
    STUCK = "stuck"
    """Can go neither on nor back; explained, and waits for a person."""
    DONE = "done"
    UNDONE = "undone"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    """It was stuck, and a person left it as it is."""
    TAKEN_OVER = "taken-over"
    """A successor goes on with what it had; nothing of it is undone."""
    REFUSED = "refused"
    """Stopped before the first write: the plan changed, a freeze, a lock, a right lost."""


FINAL = frozenset(
    {
        Phase.DONE,
        Phase.UNDONE,
        Phase.DENIED,
        Phase.EXPIRED,
        Phase.WITHDRAWN,
        Phase.CLOSED,
        Phase.REFUSED,
        Phase.TAKEN_OVER,
    }
)
BEFORE_WRITES = frozenset({Phase.DRAFT, Phase.WAITING, Phase.READY})
STARTED = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.UNDOING, Phase.STUCK})


class SignalKind(StrEnum):
    ASK = "ask"
    """The asker has seen the draft and wants it."""
    APPROVE = "approve"
    DENY = "deny"
    CANCEL = "cancel"
    """Withdraws what has not begun; what has begun is aborted."""
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    """Ends the waiting of the step it was given at."""
    PROMOTE_FULL = "promote-full"
    """Ends the waiting of this step and of all after it, until somebody pauses it."""
    ABORT = "abort"
    EXTEND = "extend"
    """15 minutes more for the step it was given at."""
    TAKE_OVER = "take-over"
    """Given by the engine when a successor begins, never by people; its words name the successor."""


@dataclass(frozen=True, slots=True)
class Signal:
    kind: SignalKind
    by: Principal
    at: datetime
    plan_hash: PlanHash
    """What the person saw: an approval of another plan is no approval."""
    step: int
    """Where the operation stood: a second click on `Go to 50 %` does not also go to 100 %."""
    words: str = ""
    """The reason that a denial gives."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What `decide` needs to know of a step without knowing its type."""

    deadline: timedelta
    has_undo: bool
    undo_deadline: timedelta = timedelta(minutes=10)
    no_return: bool = False
    """From here on there is no undoing."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many people must agree, from which group (by name in the policy). `votes` 0: nobody needs to."""

    votes: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation happens. Opaque below the edges: `channel` may be a terminal."""

    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    id: OperationId
    kind: str
    """The command's name."""
    line: str
    """The command line in canonical form, all defaults written out; planned anew before the first write."""
    app: str
    env: str
    tenant: str
    requester: Principal
    origin: str
    place: Place
    plan: str
    """Canonical JSON of holds and steps (bot.steps.codec): what is hashed, approved and run."""
    face: str
    """JSON of the plan's Face: how it is shown; not hashed."""
    plan_hash: PlanHash
    ask_key: str
    """SHA-256 of principal, verb, target and arguments: retyping joins the open operation."""
    policy_version: str
    holds: tuple[str, ...]
    steps: tuple[StepFacts, ...]
    quorum: Quorum
    created: datetime
    expires: datetime
    """Of the draft, then of the request for approval."""
    phase: Phase = Phase.DRAFT
    cursor: int = 0
    """The step that is done or, while UNDOING, undone now."""
    since: datetime | None = None
    """When the cursor came to where it is, by the database's clock."""
    attempts: int = 0
    """Writes tried for the step at the cursor."""
    signals: tuple[Signal, ...] = ()
    seen: Progress | None = None
    """The last observation, for the card."""
    why: Text | None = None
    """Of a failure, an abort, a denial, a refusal."""
    failed_step: int | None = None
    reason: str = ""
    """Why the asker wants it, in the asker's words."""
    started: datetime | None = None
    ended: datetime | None = None
    fence: int = 0
    version: int = 0
    """Of the row: a save names the version that it read."""

    @property
    def is_final(self) -> bool:
        return self.phase in FINAL

    @property
    def is_committed(self) -> bool:
        return any(step.no_return for step in self.steps[: self.cursor + 1])


class Act(StrEnum):
    DO = "do"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Decision:
    operation: Operation
    act: Act | None = None
    wake: timedelta | None = None
    """When to look again; None: never, unless a signal comes."""


TICK = timedelta(seconds=1)
ATTEMPTS = 5
"""Writes of one step before it counts as failed; storage.md: read again, at most 5 times."""
PAUSE_LIMIT = timedelta(hours=24)
PATIENCE = timedelta(minutes=5)
"""An undo whose state nobody can tell at its deadline is looked at for so much longer: a cluster that comes back with us
answers later than we ask."""
UNSEEN = timedelta(minutes=1)
"""Looks come far closer together: whoever finds an undo so much over its time was not there when it ran out."""
EXTENSION = timedelta(minutes=15)
NOW = timedelta(0)


def voters(op: Operation) -> tuple[Principal, ...]:
    """Distinct people, without the asker, who approved exactly this plan; in the order of their votes."""
    given = [s.by for s in op.signals if s.kind is SignalKind.APPROVE and s.plan_hash == op.plan_hash]
    return tuple(dict.fromkeys(who for who in given if who != op.requester))


def first(op: Operation, *kinds: SignalKind) -> Signal | None:
    return next((s for s in op.signals if s.kind in kinds), None)


def last(op: Operation, *kinds: SignalKind) -> Signal | None:
    return next((s for s in reversed(op.signals) if s.kind in kinds), None)


def given_here(op: Operation, kind: SignalKind) -> int:
    """How often `kind` was given at the step where the operation stands."""
    return sum(1 for s in op.signals if s.kind is kind and s.step == op.cursor)


def promoted_full(op: Operation) -> Signal | None:
    """By whom it goes to everybody without waiting any more; a pause after that takes it back."""
    found = last(op, SignalKind.PAUSE, SignalKind.PROMOTE_FULL)
    return found if found is not None and found.kind is SignalKind.PROMOTE_FULL else None


def promoted(op: Operation) -> Signal | None:
    """By whom it need not wait where it stands."""
    here = (s for s in reversed(op.signals) if s.kind is SignalKind.PROMOTE and s.step == op.cursor)
    return next(here, None) or promoted_full(op)


def decide(op: Operation, seen: Progress | None, now: datetime) -> Decision:
    """What happens next. `seen` is a live observation of the step at the cursor, None before the first write."""
    match op.phase:
        case Phase.DRAFT | Phase.WAITING:
            return _agree(op, now)
        case Phase.READY:
            if signal := first(op, SignalKind.CANCEL, SignalKind.DENY, SignalKind.ABORT):
                return _stopped(op, signal, now)
            if now >= op.expires:
                # What was agreed to is agreed to for a time: nobody expects it to begin after an outage of hours.
                return Decision(replace(op, phase=Phase.EXPIRED, ended=now))
            return Decision(op, wake=NOW)
        case Phase.RUNNING | Phase.PAUSED:
            assert seen is not None
            return _forward(replace(op, seen=_counted(seen, op.seen)), seen, now)
        case Phase.UNDOING:
            assert seen is not None
            return _back(replace(op, seen=seen), seen, now)
        case Phase.STUCK:
            if first(op, SignalKind.CANCEL) is None:
                return Decision(op)
            return Decision(replace(op, phase=Phase.CLOSED, ended=now))
        case Phase.DONE | Phase.UNDONE | Phase.CLOSED | Phase.TAKEN_OVER:
            return Decision(op)
        case Phase.DENIED | Phase.EXPIRED | Phase.WITHDRAWN | Phase.REFUSED:
            return Decision(op)
        case _:
            assert_never(op.phase)


def _counted(seen: Progress, before: Progress | None) -> Progress:
    """A step that counts nothing leaves what was counted last: what is recorded at the end moves no pod."""
    if before is None:
        return seen
    if seen.errors is None:
        seen = replace(seen, errors=before.errors, errors_at=before.errors_at)
    return seen if seen.of else replace(seen, done=before.done, of=before.of)


def _stopped(op: Operation, signal: Signal, now: datetime) -> Decision:
    phase = Phase.DENIED if signal.kind is SignalKind.DENY else Phase.WITHDRAWN
    return Decision(replace(op, phase=phase, ended=now))


def _agree(op: Operation, now: datetime) -> Decision:
    if signal := first(op, SignalKind.CANCEL, SignalKind.DENY, SignalKind.ABORT):
        return _stopped(op, signal, now)
    if now >= op.expires:
        return Decision(replace(op, phase=Phase.EXPIRED, ended=now))
    if op.phase is Phase.DRAFT and first(op, SignalKind.ASK) is None:
        return Decision(op, wake=op.expires - now)
    if len(voters(op)) >= op.quorum.votes:
        return Decision(replace(op, phase=Phase.READY), wake=NOW)
    return Decision(replace(op, phase=Phase.WAITING), wake=op.expires - now)


def _forward(op: Operation, seen: Progress, now: datetime) -> Decision:
    step, since = op.steps[op.cursor], op.since or now
    if (signal := first(op, SignalKind.ABORT, SignalKind.CANCEL)) and not op.is_committed:
        return _turn_back(op, text("{who} stopped it.", who=signal.by), now)
    if seen.standing is Standing.FAILED:
        return _turn_back(op, seen.why, now, failed=True)
    lifted = last(op, SignalKind.PAUSE, SignalKind.RESUME, SignalKind.PROMOTE, SignalKind.PROMOTE_FULL)
    if lifted is not None and lifted.kind is SignalKind.PAUSE:
        if now - lifted.at > PAUSE_LIMIT:
            return _turn_back(op, text("it was paused for {limit}", limit=PAUSE_LIMIT), now, failed=True)
        return Decision(replace(op, phase=Phase.PAUSED), wake=seen.again or TICK)
    op = op if op.phase is Phase.RUNNING else replace(op, phase=Phase.RUNNING)
    if seen.standing is Standing.DONE or (seen.standing is Standing.WAITING and promoted(op)):
        if op.cursor + 1 == len(op.steps):
            return Decision(replace(op, phase=Phase.DONE, ended=now))
        return Decision(replace(op, cursor=op.cursor + 1, since=now, attempts=0), wake=NOW)
    late = now - since > step.deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
    if late or (seen.standing is Standing.ABSENT and op.attempts >= ATTEMPTS):
        why = seen.why or seen.report or text("the deadline passed")
        return _turn_back(op, why, now, failed=True)
    if seen.standing is Standing.ABSENT:
        return Decision(replace(op, attempts=op.attempts + 1), Act.DO, wake=TICK)
    return Decision(op, wake=seen.again or TICK)


def _turn_back(op: Operation, why: Text | None, now: datetime, *, failed: bool = False) -> Decision:
    op = replace(op, why=why, failed_step=op.cursor if failed else op.failed_step)
    if op.is_committed:
        return Decision(replace(op, phase=Phase.STUCK))
    return Decision(replace(op, phase=Phase.UNDOING, since=now, attempts=0), wake=NOW)


def _back(op: Operation, seen: Progress, now: datetime) -> Decision:
    step, since = op.steps[op.cursor], op.since or now
    if seen.standing is Standing.DONE or not step.has_undo:
        if op.cursor == 0:
            return Decision(replace(op, phase=Phase.UNDONE, ended=now))
        return Decision(replace(op, cursor=op.cursor - 1, since=now, attempts=0), wake=NOW)
    over = now - since - step.undo_deadline
    is_untried = seen.standing is Standing.ABSENT and op.attempts == 0
    if over > timedelta(0) and (is_untried or over > PATIENCE + UNSEEN):
        # Its time ran out while nobody looked (an outage, a clock that was set): it has all of it from here on.
        since, over = now, -step.undo_deadline
    late = over > (PATIENCE if seen.standing is Standing.UNKNOWN else timedelta(0))
    if seen.standing is Standing.FAILED or late or (seen.standing is Standing.ABSENT and op.attempts >= ATTEMPTS):
        why = text(
            "{before} Going back failed too: {why}",
            before=op.why or text("It failed."),
            why=seen.why or text("the deadline passed"),
        )
        return Decision(replace(op, phase=Phase.STUCK, why=why))
    if seen.standing is Standing.ABSENT:
        return Decision(replace(op, attempts=op.attempts + 1, since=since), Act.UNDO, wake=TICK)
    return Decision(replace(op, since=since), wake=seen.again or TICK)
