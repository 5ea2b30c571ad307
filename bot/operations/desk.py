"""Where the road hands over: an operation, or a signal to one, stored in one transaction with its record and its card.

Nothing is done to any target here. Votes come one after the other, because the operation's row is locked first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from bot.audit.records import record
from bot.domain.errors import ApprovalExpired, NotNow, PlanChanged
from bot.domain.failpoints import failpoint
from bot.domain.operation import (
    BEFORE_WRITES,
    STARTED,
    Operation,
    Phase,
    Signal,
    SignalKind,
    decide,
    first,
    promoted,
    promoted_full,
    voters,
)
from bot.domain.refs import OperationId, Principal
from bot.domain.reply import Text, text
from bot.domain.schedules import RunState
from bot.ports.schedules import AlreadyRan
from bot.ports.store import AlreadyOpen, MessageClass, OperationFilter, Store, Tx
from bot.steps.codec import dump, dump_plan, hash_plan, load_steps
from bot.steps.following import FollowLogs
from bot.steps.proposal import Given, Proposal

DRAFT_LIFE = timedelta(minutes=15)


def card_key(id: OperationId) -> str:
    return f"operation/{id}"


def is_following(op: Operation) -> bool:
    """It shows logs, and changes nothing."""
    return not op.holds and all(isinstance(each.do, FollowLogs) for each in load_steps(op.plan))


def announce(tx: Tx, op: Operation) -> None:
    """The operation's card should be drawn anew. A draft has none: it is shown to one person only."""
    if op.phase is Phase.DRAFT or (op.phase in {Phase.EXPIRED, Phase.WITHDRAWN} and not was_asked(op)):
        return
    kind = MessageClass.APPROVAL if op.phase is Phase.WAITING else MessageClass.OPERATION
    if op.phase is Phase.RUNNING and is_following(op):
        # Its edits, every ten seconds, hold up nobody else's.
        kind = MessageClass.CHATTER
    tx.outbox.want(
        card_key(op.id),
        channel=op.place.channel,
        thread=op.place.thread,
        kind=kind,
        body=f'{{"subject":"{card_key(op.id)}"}}',
    )


def was_asked(op: Operation) -> bool:
    return any(s.kind is SignalKind.ASK for s in op.signals)


def target_of(op: Operation) -> str:
    return f"{op.app}/{op.env}" if op.app else ""


class Desk:
    def __init__(self, store: Store, wake: Callable[[], None]) -> None:
        """`wake` tells the engine, after the commit, that something may be due."""
        self._store = store
        self._wake = wake

    def propose(self, proposal: Proposal, *, inbox: int | None) -> Operation:
        """Stores it, or joins the open operation that asks exactly the same. Raises NotNow for a run that was started."""
        try:
            stored = self._store.transact(lambda tx: self._propose(tx, proposal, inbox))
        except AlreadyOpen as open_one:
            id = open_one.id
            stored = self._store.transact(lambda tx: self._join(tx, id, proposal, inbox))
        except AlreadyRan as ran:
            raise NotNow(text("This run of a schedule was started already.")) from ran
        failpoint("CP4")
        self._wake()
        return stored

    def _propose(self, tx: Tx, proposal: Proposal, inbox: int | None) -> Operation:
        plan, app = proposal.plan, proposal.app
        op = Operation(
            id=tx.operations.next_id(),
            kind=proposal.command,
            line=proposal.line,
            app=str(app.name) if app else "",
            env=str(app.env) if app else "",
            tenant=app.tenant if app else "",
            requester=proposal.requester,
            origin=proposal.origin,
            place=proposal.place,
            plan=dump_plan(plan),
            face=dump(plan.face),
            plan_hash=hash_plan(plan),
            ask_key=proposal.ask_key,
            policy_version=proposal.policy_version,
            holds=plan.holds,
            steps=tuple(step.facts() for step in plan.steps),
            quorum=proposal.quorum,
            created=tx.now,
            expires=tx.now + DRAFT_LIFE,
            reason=proposal.reason,
        )
        tx.operations.add(op, inbox=inbox)
        self._run(tx, proposal, op)
        outcome = "planned"
        if proposal.is_asked:
            signal = self._signal_of(op, SignalKind.ASK, proposal.requester, tx, "")
            op = self._take(tx, op, signal, proposal.expiry)
            outcome = op.phase.value
        self._record(
            tx,
            op,
            proposal.requester,
            proposal.origin,
            proposal.permission,
            "request",
            outcome,
            {**proposal.fields, "line": proposal.line, "place": proposal.place.channel},
        )
        if inbox is not None:
            tx.inbox.done(inbox)
        return op

    def _join(self, tx: Tx, id: OperationId, proposal: Proposal, inbox: int | None) -> Operation:
        op = tx.operations.lock(id)
        assert op is not None
        if op.phase is Phase.DRAFT and op.place != proposal.place:
            # Nobody has seen it but the asker, who looks here now: here its card will be.
            op = tx.operations.save(replace(op, place=proposal.place), claim=None, wake=op.expires - tx.now)
        self._run(tx, proposal, op)
        self._record(
            tx,
            op,
            proposal.requester,
            proposal.origin,
            proposal.permission,
            "request",
            "joined",
            {"line": proposal.line},
        )
        if inbox is not None:
            tx.inbox.done(inbox)
        return op

    @staticmethod
    def _run(tx: Tx, proposal: Proposal, op: Operation) -> None:
        if proposal.run is not None:
            tx.schedules.ran(proposal.run, RunState.STARTED, op.id)

    def signal(self, given: Given, *, inbox: int | None, expiry: timedelta) -> Operation:
        """Stores the signal and, before the first write, decides on it at once. Raises NotNow, PlanChanged,
        ApprovalExpired."""

        def work(tx: Tx) -> Operation:
            op = tx.operations.lock(given.id)
            assert op is not None
            check_seen(op, given)
            check_phase(op, given, tx)
            step = op.cursor if given.step is None else given.step
            signal = replace(self._signal_of(op, given.kind, given.by, tx, given.words), step=step)
            op = self._take(tx, op, signal, expiry)
            kind = "vote" if given.kind in {SignalKind.APPROVE, SignalKind.DENY} else "signal"
            details = {"signal": given.kind.value, "plan": op.plan_hash, "words": given.words}
            self._record(tx, op, given.by, given.origin, given.permission, kind, op.phase.value, details)
            if inbox is not None:
                tx.inbox.done(inbox)
            return op

        op = self._store.transact(work)
        if given.kind is SignalKind.APPROVE:
            failpoint("CP7")
        self._wake()
        return op

    def _take(self, tx: Tx, op: Operation, signal: Signal, expiry: timedelta) -> Operation:
        tx.operations.signal(op.id, signal)
        op = replace(op, signals=(*op.signals, signal))
        if op.phase not in BEFORE_WRITES:
            return op
        if signal.kind is SignalKind.ASK:
            op = replace(op, expires=tx.now + expiry)
        decision = decide(op, None, tx.now)
        saved = tx.operations.save(decision.operation, claim=None, wake=decision.wake)
        announce(tx, saved)
        return saved

    @staticmethod
    def _signal_of(op: Operation, kind: SignalKind, by: Principal, tx: Tx, words: str) -> Signal:
        return Signal(kind=kind, by=by, at=tx.now, plan_hash=op.plan_hash, step=op.cursor, words=words)

    @staticmethod
    def _record(
        tx: Tx,
        op: Operation,
        by: Principal,
        origin: str,
        action: str,
        kind: str,
        outcome: str,
        details: Mapping[str, str],
    ) -> None:
        tx.records.append(
            record(
                at=tx.now,
                actor=str(by),
                action=action,
                target=target_of(op),
                op=op.id,
                kind=kind,
                outcome=outcome,
                details={**details, "origin": origin, "command": op.kind},
            )
        )


def check_seen(op: Operation, given: Given) -> None:
    if given.seen and not op.plan_hash.startswith(given.seen):
        raise PlanChanged(
            text("{id} is not the plan that you saw.", id=op.id),
            why=text("You saw {seen}, it is {now}.", seen=given.seen, now=op.plan_hash[:8]),
            next=text("Look at it again."),
        )


def check_phase(op: Operation, given: Given, tx: Tx) -> None:
    """Raises when this signal means nothing any more, or not yet."""
    kind = given.kind
    if op.phase is Phase.EXPIRED or (op.phase in {Phase.DRAFT, Phase.WAITING} and tx.now >= op.expires):
        raise ApprovalExpired(
            text("{id} has expired.", id=op.id),
            why=text("It was open until {until}.", until=op.expires),
            next=text("Run `{line}` again.", line=op.line),
        )
    match kind:
        case SignalKind.ASK:
            fits = op.phase is Phase.DRAFT
        case SignalKind.APPROVE:
            fits = op.phase is Phase.WAITING
        case SignalKind.DENY:
            fits = op.phase in {Phase.WAITING, Phase.READY}
        case SignalKind.CANCEL | SignalKind.ABORT:
            can_turn = op.phase in {Phase.RUNNING, Phase.PAUSED} and not op.is_committed
            fits = op.phase in BEFORE_WRITES or can_turn or (op.phase is Phase.STUCK and kind is SignalKind.CANCEL)
        case SignalKind.PAUSE | SignalKind.RESUME | SignalKind.PROMOTE | SignalKind.PROMOTE_FULL | SignalKind.EXTEND:
            # Logs would be followed for as long as that is paused.
            is_steered = kind is not SignalKind.PAUSE or not is_following(op)
            fits = is_steered and op.phase in {Phase.RUNNING, Phase.PAUSED}
        case SignalKind.TAKE_OVER:
            fits = False
    if kind is SignalKind.APPROVE and given.by in voters(op):
        waits = op.phase is Phase.WAITING
        next = text("It waits for other people.") if waits else text("Write `plan {id}` to see it.", id=op.id)
        raise NotNow(text("You have approved {id} already.", id=op.id), why=None if waits else _state(op), next=next)
    if not fits:
        raise _too_late(op, kind)
    if kind is SignalKind.APPROVE and (newer := _newer(op, tx)):
        raise NotNow(
            text("{id} is not the newest plan for {target} any more.", id=op.id, target=target_of(op)),
            why=text("{newer} was asked for after it: {line}", newer=newer.id, line=newer.line),
            next=text("Decide on {newer}, or withdraw it first.", newer=newer.id),
        )
    if given.step is not None and given.step != op.cursor and op.phase in STARTED:
        raise NotNow(text("{id} has moved on since you saw it.", id=op.id), why=_state(op))
    if (kind is SignalKind.PROMOTE and promoted(op)) or (kind is SignalKind.PROMOTE_FULL and promoted_full(op)):
        raise NotNow(text("Somebody has promoted this step of {id} already.", id=op.id), why=_state(op))


def _too_late(op: Operation, kind: SignalKind) -> NotNow:
    what = text("{id} cannot take {kind} now.", id=op.id, kind=kind.value)
    next = None
    if kind in {SignalKind.APPROVE, SignalKind.DENY} and op.phase not in BEFORE_WRITES:
        what = text("It is too late to {kind} {id}.", id=op.id, kind=kind.value)
        if op.phase in {Phase.RUNNING, Phase.PAUSED} and not op.is_committed:
            next = text("`abort {id}` stops it and puts back what was.", id=op.id)
    return NotNow(what, why=_state(op), next=next)


def _newer(op: Operation, tx: Tx) -> Operation | None:
    """A plan for the same target that was asked for after this one and is still open: only the newest is agreed to."""
    asked = first(op, SignalKind.ASK)
    for other in tx.operations.find(OperationFilter(app=op.app, env=op.env, is_final=False, limit=200)):
        later = first(other, SignalKind.ASK)
        is_over = other.phase in BEFORE_WRITES and tx.now >= other.expires
        if other.id == op.id or later is None or asked is None or is_over or not set(op.holds) & set(other.holds):
            continue
        if (later.at, int(other.id[3:])) > (asked.at, int(op.id[3:])):
            return other
    return None


def _state(op: Operation) -> Text:
    return text("It is {phase}.", phase=op.phase.value)
