"""What is said to the asker for each Outcome: the same words in Slack and in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from bot.domain.errors import BadArguments, IntegrationError, NotNow, PilothouseError, PlanChanged, Preflight, UserError
from bot.domain.forms import Form
from bot.domain.operation import BEFORE_WRITES, Operation, Phase, Place, SignalKind
from bot.domain.refs import OperationId
from bot.domain.reply import Block, Buttons, Note, Paragraph, Reply, Text, text
from bot.road.request import Answered, Asks, Crashed, Outcome, Proposed, Refused, Signalled, Started


class Show(StrEnum):
    """Who sees an answer."""

    PRIVATE = "private"
    SHARED = "shared"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Answer:
    reply: Reply
    show: Show = Show.PRIVATE
    operation: OperationId | None = None
    """The operation that it is about: a terminal may follow it."""
    is_draft: bool = False
    is_error: bool = False
    field: str = ""
    """Of an error: the parameter that it is about, for a form."""
    form: Form | None = None


def answer(outcome: Outcome, preview: Callable[[Operation], Reply], asked: Place | None = None) -> Answer:
    """`preview` draws a draft (bot.operations.card). `asked`: where the request came from."""
    match outcome:
        case Answered(reply=reply, is_shared=is_shared):
            return Answer(reply, Show.SHARED if is_shared else Show.PRIVATE)
        case Proposed(operation=op) if op.phase is Phase.DRAFT:
            return Answer(preview(op), operation=op.id, is_draft=True)
        case Proposed(operation=op) | Started(operation=op):
            return Answer(_stands(op, is_here=asked is None or op.place.channel == asked.channel), operation=op.id)
        case Signalled(operation=op):
            return Answer(_heard(op), operation=op.id)
        case Asks(form=form):
            return Answer(Reply(text("{title}", title=form.title)), Show.FORM, form=form)
        case Refused(error=error, record=record):
            return Answer(refusal(error, record), is_error=True, field=getattr(error, "field", ""))
        case Crashed(reference=reference):
            return Answer(_crashed(reference), is_error=True)
        case _:
            assert_never(outcome)


def _stands(op: Operation, *, is_here: bool = True) -> Reply:
    if op.phase is Phase.WAITING:
        words = text("{id} waits for approval. Its card shows who decides.", id=op.id)
    elif op.phase in BEFORE_WRITES:
        where = text("Its card shows how it goes.") if is_here else text("Its card is in your direct messages with me.")
        words = text("{id} starts: `{line}`. {where}", id=op.id, line=op.line, where=where)
    else:
        words = text("{id} is {phase}: `{line}`.", id=op.id, phase=op.phase.value, line=op.line)
    return Reply(None, (Paragraph(words),))


_HEARD = {
    SignalKind.APPROVE: "You approved {id}. Its card shows how it goes.",
    SignalKind.DENY: "You denied {id}. Nothing was changed.",
    SignalKind.PROMOTE: "{id} goes on. Its card shows how it goes.",
    SignalKind.PROMOTE_FULL: "{id} goes to everybody, at no share waiting any more. Its card shows how it goes.",
    SignalKind.PAUSE: "{id} is paused where it is.",
    SignalKind.RESUME: "{id} goes on.",
    SignalKind.EXTEND: "{id} has 15 min more for this step.",
}


def _heard(op: Operation) -> Reply:
    """What became of the signal that was just given."""
    kind = op.signals[-1].kind if op.signals else SignalKind.ASK
    if op.phase is Phase.WITHDRAWN:
        words = text("{id} is withdrawn. Nothing was changed.", id=op.id)
    elif kind in {SignalKind.CANCEL, SignalKind.ABORT}:
        words = text("{id} stops and puts back what was. Its card shows how it goes.", id=op.id)
    elif kind is SignalKind.APPROVE and op.phase is Phase.WAITING:
        words = text("You approved {id}. It waits for others.", id=op.id)
    elif kind in _HEARD:
        words = text(_HEARD[kind], id=op.id)
    else:
        return _stands(op)
    return Reply(None, (Paragraph(words),))


def refusal(error: PilothouseError, record: int) -> Reply:
    """What, why, next, and that nothing was changed; in that order."""
    blocks: list[Block] = [Paragraph(text("*{what}*", what=error.what))]
    if error.why is not None:
        blocks.append(Paragraph(text("*Why:* {why}", why=error.why)))
    if next := _next(error):
        blocks.append(Paragraph(text("*Next:* {next}", next=next)))
    if record:
        blocks.append(Note(text("Nothing was changed. Recorded as r{n}, {code}.", n=record, code=error.code)))
    else:
        blocks.append(Note(text("Nothing was changed. It could not be recorded ({code}).", code=error.code)))
    if error.buttons:
        blocks.append(Buttons(error.buttons[:3]))
    return Reply(None, tuple(blocks))


def _next(error: PilothouseError) -> Text | None:
    match error:
        case PilothouseError(next=Text()):
            return error.next
        case IntegrationError():
            return text("Try again in a minute; `doctor` shows whether {system} answers.", system=error.system)
        case NotNow() | Preflight() | PlanChanged():
            return text("Write `status` to see what runs and what waits.")
        case BadArguments():
            return text("Change it and try again.")
        case UserError():
            return text("Write `help` to see what you may run.")
        case _:
            return None


def _crashed(reference: str) -> Reply:
    return Reply(
        None,
        (
            Paragraph(text("*Something went wrong on our side.*")),
            Paragraph(
                text(
                    "*Next:* try again. If it happens twice, give the platform team the reference `{ref}`.",
                    ref=reference,
                )
            ),
            Note(text("Nothing was changed by this request.")),
        ),
    )
