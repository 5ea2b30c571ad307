"""Steering of operations that exist: ask, approve, deny, cancel, promote, pause, resume, abort, extend.

They take no hold, so that a busy target never refuses an abort. What is steered is named by operation, or by app.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.command import AnyCommand, Arg, Command, Signals
from bot.domain.errors import BadArguments, UnknownName
from bot.domain.operation import STARTED, SignalKind
from bot.domain.refs import AppName, EnvName, OperationId, operation_id
from bot.domain.reply import text
from bot.ports.store import OperationFilter
from bot.ports.world import World


@dataclass(frozen=True, slots=True)
class Ask:
    operation: Annotated[OperationId, Arg("the plan to ask for")]
    plan: Annotated[str, Arg("the start of its hash, as you saw it")] = ""


@dataclass(frozen=True, slots=True)
class Vote:
    operation: Annotated[OperationId, Arg("the operation that waits for votes")]
    plan: Annotated[str, Arg("the start of the plan's hash, as you saw it")] = ""


@dataclass(frozen=True, slots=True)
class Denial:
    operation: Annotated[OperationId, Arg("the operation that waits for votes")]
    reason: Annotated[str, Arg("what should change", rest=True)]


@dataclass(frozen=True, slots=True)
class Cancel:
    operation: Annotated[OperationId, Arg("the operation to withdraw, or to stop and roll back")]


@dataclass(frozen=True, slots=True)
class Steer:
    which: Annotated[str, Arg("the operation, or the app that it works on", example="OPERATION|APP")]
    env: Annotated[EnvName | None, Arg("where, when it is named by app", word="in")] = None
    step: Annotated[int | None, Arg("the step that you saw; it is refused when that has passed")] = None


@dataclass(frozen=True, slots=True)
class Promote(Steer):
    full: Annotated[bool, Arg("straight to everybody: its further shares are not waited at")] = False


def _find(params: Steer, world: World) -> OperationId:
    try:
        return operation_id(params.which)
    except ValueError:
        pass
    try:
        app = AppName(params.which)
    except ValueError as bad:
        raise BadArguments(
            text("{which} is neither an operation nor an app.", which=params.which), field="which"
        ) from bad
    if params.env is not None:
        holder = world.book.holder(f"{app}/{params.env}")
        if holder is not None:
            return holder
        raise UnknownName(
            text("Nothing runs for {app} on {env}.", app=str(app), env=str(params.env)),
            next=text("Write `status {app} in {env}` to see how it is.", app=str(app), env=str(params.env)),
        )
    running = [op for op in world.book.operations(OperationFilter(app=str(app), is_final=False)) if op.phase in STARTED]
    if len(running) == 1:
        return running[0].id
    if running:
        envs = ", ".join(sorted({op.env for op in running}))
        raise BadArguments(text("Where? {app} is worked on in {envs}.", app=str(app), envs=envs), field="env")
    raise UnknownName(text("Nothing runs for {app}.", app=str(app)), next=text("Write `status` to see what runs."))


def _steer(name: str, summary: str, kind: SignalKind) -> AnyCommand:
    does = Signals[Steer](_find, kind, at_step=lambda params: params.step)
    return Command(name, summary, Steer, "operations:steer", does, example=f"{name} web in prod")


ASK = Command(
    "ask",
    "ask for a plan that you have seen",
    Ask,
    "operations:ask",
    Signals[Ask](lambda params, _: params.operation, SignalKind.ASK, seen=lambda params: params.plan),
    example="ask op-1042",
)
APPROVE = Command(
    "approve",
    "agree to exactly one plan",
    Vote,
    "operations:approve",
    Signals[Vote](lambda params, _: params.operation, SignalKind.APPROVE, seen=lambda params: params.plan),
    example="approve op-1042",
)
DENY = Command(
    "deny",
    "refuse a plan, and say what should change",
    Denial,
    "operations:approve",
    Signals[Denial](lambda params, _: params.operation, SignalKind.DENY, words=lambda params: params.reason),
    example="deny op-1042 not before the freeze ends",
)
CANCEL = Command(
    "cancel",
    "withdraw a request, or stop and roll back what runs",
    Cancel,
    "operations:steer",
    Signals[Cancel](lambda params, _: params.operation, SignalKind.CANCEL),
    example="cancel op-1042",
)
PROMOTE = Command(
    "promote",
    "let a canary go on to its next share, or to everybody",
    Promote,
    "operations:steer",
    Signals[Promote](
        _find,
        SignalKind.PROMOTE,
        instead=lambda params: SignalKind.PROMOTE_FULL if params.full else None,
        at_step=lambda params: params.step,
    ),
    example="promote web in prod",
)
PAUSE = _steer("pause", "hold an operation where it is", SignalKind.PAUSE)
RESUME = _steer("resume", "let a paused operation go on", SignalKind.RESUME)
ABORT = _steer("abort", "stop an operation and put back what was", SignalKind.ABORT)
EXTEND = _steer("extend", "give the current step 15 minutes more", SignalKind.EXTEND)
