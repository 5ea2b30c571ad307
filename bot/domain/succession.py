"""When a running operation may be taken over by one that goes on with it, and what it is then. Pure.

The two go from one hand to the other in one transaction: the first is at its end, and nothing of it is undone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.operation import Operation, Phase, Signal, SignalKind, first, promoted, promoted_full
from bot.domain.refs import OperationId, Principal
from bot.domain.reply import Text, text


def hindrance(op: Operation, *, first_watch: int, last_watch: int) -> Text | None:
    """Why it cannot be taken over now; None where it can. The watches are the steps at which its first and its last share
    are looked at: before them it is still being set up, after them it goes to everybody."""
    if op.phase is Phase.TAKEN_OVER:
        return text("{id} was taken over by {other} already.", id=op.id, other=heir(op))
    if op.phase not in {Phase.RUNNING, Phase.PAUSED}:
        return text("{id} is {phase}.", id=op.id, phase=op.phase.value)
    if signal := first(op, SignalKind.ABORT, SignalKind.CANCEL):
        return text("{who} stopped {id}.", who=signal.by, id=op.id)
    if op.cursor < first_watch:
        return text("{id} has not reached its first share yet.", id=op.id)
    if op.cursor > last_watch or op.is_committed:
        return text("{id} goes to everybody already.", id=op.id)
    if promoted_full(op) or (op.cursor == last_watch and promoted(op)):
        return text("Somebody promoted {id} to everybody.", id=op.id)
    return None


def hand_over(op: Operation, *, to: OperationId, by: Principal, now: datetime) -> Operation:
    """`op` at its end. The signal says who and to whom; whoever saves it adds it to the stored signals."""
    signal = Signal(SignalKind.TAKE_OVER, by, now, op.plan_hash, op.cursor, to)
    why = text("{other} took it over.", other=to)
    return replace(op, phase=Phase.TAKEN_OVER, signals=(*op.signals, signal), why=why, ended=now)


def heir(op: Operation) -> OperationId:
    """Of an operation that was taken over."""
    signal = first(op, SignalKind.TAKE_OVER)
    return OperationId(signal.words if signal else "")
