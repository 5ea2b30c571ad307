"""How an operation goes from READY to RUNNING: it takes its holds, or those of the operation that it takes over.

All in the caller's transaction: the one is at its end and the other has begun, or neither. Nothing is written outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.audit.records import record
from bot.domain.operation import Operation
from bot.domain.reply import Text, text
from bot.domain.succession import hand_over, hindrance
from bot.operations.desk import announce, target_of
from bot.operations.marks import LATEST
from bot.operations.thread import say_the_end
from bot.operations.words import approved, asks
from bot.ports.store import StepState, Tx
from bot.steps.codec import load_steps
from bot.steps.succession import running, take_over_in


@dataclass(frozen=True, slots=True)
class Grip:
    """What it begins with."""

    fence: int
    cursor: int = 0
    taken_over: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """A write of the other is still under way."""

    why: Text


def take_holds(tx: Tx, op: Operation, *, action: str) -> Grip | Wait | Text:
    """A Text says why not. `action`: for the record of the other's end. Both rows are locked, the successor's first."""
    start = take_over_in(load_steps(op.plan))
    if start is None:
        fence = tx.holds.take(op.holds, op.id)
        if not isinstance(fence, int):
            return text("{holder} began to work on it first.", holder=fence)
        return Grip(fence)
    cursor, take = start
    other = tx.operations.lock(take.operation)
    now = running(other) if other is not None else None
    if other is None or now is None:
        return text("There is no operation {id}.", id=take.operation)
    if why := hindrance(other, first_watch=now.first_watch, last_watch=now.last_watch):
        return why
    if set(other.holds) != set(op.holds):
        return text("{id} holds something else.", id=other.id)
    if any(state is not StepState.DONE for _, state, _ in tx.steps.states(other.id)):
        return Wait(text("{id} is in the middle of a write.", id=other.id))
    lost = tx.steps.lost(other.id)
    if lost is not None and tx.now < lost + LATEST:
        return Wait(text("A creation that {id} sent may still arrive.", id=other.id))
    _end(tx, other, op, action)
    tx.holds.free(other.id)
    fence = tx.holds.take(op.holds, op.id)
    # They were the other's, whose row is locked.
    assert isinstance(fence, int), fence
    return Grip(fence, cursor, other.id)


def record_intent(tx: Tx, op: Operation, grip: Grip, *, action: str) -> None:
    """That it begins, before anything is written outside."""
    tx.records.append(
        record(
            at=tx.now,
            actor=str(op.requester),
            action=action,
            target=target_of(op),
            op=op.id,
            kind="intent",
            outcome="ok",
            details={
                "command": op.kind,
                "asks": asks(op),
                "line": op.line,
                "plan": op.plan_hash,
                "approved": approved(op),
                "steps": str(len(op.steps)),
                "fence": str(grip.fence),
                **({"takes-over": grip.taken_over} if grip.taken_over else {}),
            },
        )
    )


def _end(tx: Tx, other: Operation, successor: Operation, action: str) -> None:
    ended = hand_over(other, to=successor.id, by=successor.requester, now=tx.now)
    tx.operations.signal(other.id, ended.signals[-1])
    saved = tx.operations.save(ended, claim=None, wake=None)
    tx.records.append(
        record(
            at=tx.now,
            actor=str(successor.requester),
            action=action,
            target=target_of(other),
            op=other.id,
            kind="outcome",
            outcome=ended.phase.value,
            details={"command": other.kind, "line": other.line, "plan": other.plan_hash, "by": successor.id},
        )
    )
    say_the_end(tx, saved)
    announce(tx, saved)
