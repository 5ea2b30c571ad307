"""How a step of an operation is named in marks and records, and what its state says about the target. Small and pure."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.codec import UnknownKind
from bot.domain.errors import PilothouseError
from bot.domain.operation import Operation, Phase, Progress, Standing
from bot.domain.reply import Text, text
from bot.ports.store import StepState, Tx
from bot.steps.build import StartBuild, StopBuild
from bot.steps.canary import CreateCanary, DeleteCanary
from bot.steps.codec import load_steps
from bot.steps.step import Step
from bot.steps.weights import CreateCanaryService, DeleteCanaryService

LATEST = timedelta(seconds=75)
"""A creation that went unanswered cannot be applied later: our own deadlines of the call (23 s), and the API server's of
the request, which is 20 s by what the request says, and at most 60 s by what the server allows where nobody set it."""


def settle(tx: Tx, op: Operation, step: Step, seen: Progress, fence: int) -> None:
    """After a stamp nothing older can land: open writes are history. But a creation: what is not there bears no stamp.

    `seen`: of `step`, after the stamp. What is there then came of the creation, where it was the first."""
    if removes(step):
        is_there = seen.standing is Standing.ABSENT
    else:
        is_there = seen.standing in {Standing.UNDERWAY, Standing.WAITING, Standing.DONE}
    for key, state, _ in tx.steps.states(op.id):
        if state is StepState.DONE:
            continue
        if creates(step_of(op, key)) and not (is_there and tx.steps.lost(op.id) is None):
            tx.steps.lose(op.id, key, fence=fence)
        tx.steps.mark(op.id, key, StepState.DONE, fence=fence)


def creates(step: Step | None) -> bool:
    return isinstance(step, CreateCanary | CreateCanaryService)


def removes(step: Step) -> bool:
    return isinstance(step, DeleteCanary | DeleteCanaryService)


def until_nothing_arrives(tx: Tx, op: Operation, seen: Progress) -> Progress:
    """What was removed stays watched for as long as a creation of it, sent before, may still arrive."""
    lost = tx.steps.lost(op.id)
    if lost is None or tx.now >= lost + LATEST:
        return seen
    why = text("No answer came to its creation, which may still arrive: watched until {time}.", time=lost + LATEST)
    return Progress(Standing.UNDERWAY, why=why, again=timedelta(seconds=5))


def writes_outside(op: Operation, key: str) -> bool:
    """The step of this key changes a cluster or starts a build: not only our own records."""
    try:
        step = step_of(op, key)
    except (UnknownKind, IndexError, ValueError):
        return True
    return isinstance(step, StartBuild | StopBuild) or (step is not None and bool(step.targets()))


def step_of(op: Operation, key: str) -> Step | None:
    """Of `step_key`. Raises UnknownKind."""
    planned = load_steps(op.plan)[int(key.removeprefix("u"))]
    return planned.undo if key.startswith("u") else planned.do


def step_key(op: Operation) -> str:
    return f"u{op.cursor}" if op.phase is Phase.UNDOING else str(op.cursor)


def reason_of(error: PilothouseError) -> Text:
    if error.why is None:
        return error.what
    return text("{what} {why}", what=error.what, why=error.why)
