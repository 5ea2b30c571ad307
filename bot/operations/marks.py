"""How a step of an operation is named in marks and records, and what its state says about the target. Small and pure."""

from __future__ import annotations

from bot.domain.codec import UnknownKind
from bot.domain.errors import PilothouseError
from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Text, text
from bot.ports.store import StepState, Tx
from bot.steps.build import StartBuild, StopBuild
from bot.steps.codec import load_steps


def settle(tx: Tx, id: OperationId, fence: int) -> None:
    """After a stamp nothing older can land: open writes are history."""
    for step, state, _ in tx.steps.states(id):
        if state is not StepState.DONE:
            tx.steps.mark(id, step, StepState.DONE, fence=fence)


def writes_outside(op: Operation, key: str) -> bool:
    """The step of this key changes a cluster or starts a build: not only our own records."""
    try:
        planned = load_steps(op.plan)[int(key.removeprefix("u"))]
    except (UnknownKind, IndexError, ValueError):
        return True
    step = planned.undo if key.startswith("u") else planned.do
    return isinstance(step, StartBuild | StopBuild) or (step is not None and bool(step.targets()))


def step_key(op: Operation) -> str:
    return f"u{op.cursor}" if op.phase is Phase.UNDOING else str(op.cursor)


def reason_of(error: PilothouseError) -> Text:
    if error.why is None:
        return error.what
    return text("{what} {why}", what=error.what, why=error.why)
