"""The card of an operation, drawn from what is stored and nothing else: one message from the request to its end.

State word first; risk before facts; a primary button means that the card waits for a person. Knows no Slack.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from bot.domain.codec import UnknownKind
from bot.domain.operation import (
    EXTENSION,
    Operation,
    Phase,
    SignalKind,
    Standing,
    given_here,
    last,
)
from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
    Confirm,
    Note,
    Opens,
    Paragraph,
    Reply,
    Style,
    Text,
    span,
    text,
)
from bot.domain.succession import heir
from bot.operations.build_card import DRAWN, KIND, build_card
from bot.operations.request_card import approval, never_began, preview, review
from bot.operations.words import asked_by, short_hash, stopper, titled
from bot.steps.analysis import Analyse
from bot.steps.canary import HoldCanary
from bot.steps.codec import load_face, load_steps
from bot.steps.progressive import HoldStop
from bot.steps.step import Face

Hold = HoldCanary | Analyse | HoldStop
_WORTH_SAYING = timedelta(seconds=5)
"""How long something took, where nothing else is told of it."""


@dataclass(frozen=True, slots=True)
class OperationCards:
    """bot.ports.world.Cards."""

    def card(self, op: Operation) -> Reply:
        return card(op)

    def review(self, op: Operation, *, asker: Principal, may_vote: bool) -> Reply:
        return review(op, asker=asker, may_vote=may_vote)


def card(op: Operation) -> Reply:
    face = load_face(op.face)
    if face.kind == KIND and op.phase in DRAWN:
        return build_card(op, face)
    match op.phase:
        case Phase.DRAFT:
            return preview(op)
        case Phase.WAITING:
            return approval(op, face)
        case Phase.READY:
            return Reply(
                titled("Starting", face), (Paragraph(text("Checking once more, then it starts.")), asked_by(op))
            )
        case Phase.RUNNING | Phase.PAUSED:
            return _canary(op, face) if face.kind == "canary" else _running(op, face)
        case Phase.UNDOING:
            return _undoing(op, face)
        case Phase.STUCK:
            return _stuck(op, face)
        case Phase.DONE:
            return _done(op, face)
        case Phase.UNDONE:
            return _undone(op, face)
        case Phase.CLOSED | Phase.TAKEN_OVER:
            return _left(op, face)
        case Phase.DENIED | Phase.EXPIRED | Phase.WITHDRAWN | Phase.REFUSED:
            return never_began(op, face)
        case _:
            assert_never(op.phase)


# --- while it runs ------------------------------------------------------------------------------


def _deadline(op: Operation) -> tuple[Text, ...]:
    step = op.steps[op.cursor]
    if not any(each.has_undo for each in op.steps):
        return ()
    if op.since is None or op.is_committed:
        return (text("cannot go back from here"),)
    until = op.since + step.deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
    return (text("goes back by itself at {until} if not healthy", until=until),)


def _running(op: Operation, face: Face) -> Reply:
    step = _current(op)
    state = "Paused" if op.phase is Phase.PAUSED else "Running"
    blocks: list[Block] = [_progress(op)]
    if (
        op.seen
        and op.seen.why
        and op.seen.standing in {Standing.UNKNOWN, Standing.UNDERWAY}
        and op.seen.done < op.seen.of
    ):
        blocks.append(Paragraph(op.seen.why))
    if step is not None and op.seen is not None and op.seen.of:
        blocks.append(Note(text("step {n} of {all}: {what}", n=op.cursor + 1, all=len(op.steps), what=step)))
    blocks.append(asked_by(op, *_deadline(op)))
    row = list(face.running)
    if not op.is_committed and face.stop is not None:
        row.append(Button(text("Stop and roll back"), f"abort {op.id}", Style.DANGER, confirm=face.stop))
    blocks.append(Buttons(tuple(row), more=(Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)))
    return Reply(titled(state, face), tuple(blocks))


def _current(op: Operation) -> Text | None:
    try:
        steps = load_steps(op.plan)
    except UnknownKind:
        return None
    planned = steps[op.cursor]
    step = planned.undo if op.phase is Phase.UNDOING else planned.do
    return step.describe() if step else None


def _progress(op: Operation) -> Block:
    started = op.started or op.created
    if op.seen is None or op.seen.of == 0:
        step = _current(op)
        what = text(": {step}", step=step) if step else text("")
        return Bar(
            op.cursor,
            len(op.steps),
            text("*step {n} of {all}*{what}, started {at}", n=op.cursor + 1, all=len(op.steps), what=what, at=started),
        )
    return Bar(
        op.seen.done,
        op.seen.of,
        text("*{n} of {all} pods ready*, started {at}", n=op.seen.done, all=op.seen.of, at=started),
    )


def _canary(op: Operation, face: Face) -> Reply:
    try:
        steps = load_steps(op.plan)
    except UnknownKind:
        return _running(op, face)
    holds = [(n, step.do) for n, step in enumerate(steps) if isinstance(step.do, Hold)]
    reached = [(n, hold) for n, hold in holds if n <= op.cursor]
    ahead = [hold for n, hold in holds if n > op.cursor]
    if not reached:
        return _running(op, face)
    percent = reached[-1][1].percent
    is_holding = bool(reached) and reached[-1][0] == op.cursor
    if holds and op.cursor > holds[-1][0]:
        return _running(op, face)
    word = (
        text("Paused at {percent} %", percent=percent)
        if op.phase is Phase.PAUSED
        else text("Canary at {percent} %", percent=percent)
    )
    marks = [f"*{hold.percent}*" if hold.percent == percent else str(hold.percent) for _, hold in holds] + ["100"]
    number = len(reached)
    bar = Bar(
        number, len(holds) + 1, text("*step {n} of {all}* · " + " → ".join(marks) + " %", n=number, all=len(holds) + 1)
    )
    blocks: list[Block] = [bar]
    if op.seen and op.seen.report:
        blocks.append(Paragraph(op.seen.report))
    elif op.seen and op.seen.of:
        blocks.append(Paragraph(text("{n} of {all} canary pods ready.", n=op.seen.done, all=op.seen.of)))
    blocks.append(asked_by(op, _next_move(op, reached[-1][1] if is_holding else None, ahead)))
    go = text("Go to {percent} %", percent=ahead[0].percent) if ahead else text("Promote to everybody")
    row: list[Button] = []
    if is_holding:
        waits = reached[-1][1].time is None or op.phase is Phase.PAUSED
        row.append(
            Button(
                go,
                f"promote {op.id} step={op.cursor}",
                Style.PRIMARY if waits else Style.PLAIN,
                confirm=_promotes(op, face, go),
            )
        )
    row.append(
        Button(text("Resume"), f"resume {op.id}")
        if op.phase is Phase.PAUSED
        else Button(text("Pause"), f"pause {op.id}")
    )
    row.append(Button(text("Abort"), f"abort {op.id}", Style.DANGER, confirm=face.stop))
    another = Button(text("Set another percentage"), f"canary {op.app} to {op.env}", opens=Opens.FORM)
    more = (another, *face.running, Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))
    if is_holding:
        more = (Button(text("Wait 15 min more"), f"extend {op.id}"), *more)
    blocks.append(Buttons(tuple(row), more=more))
    return Reply(text("{state} · {title}", state=word, title=face.subject or face.title), tuple(blocks))


def _promotes(op: Operation, face: Face, go: Text) -> Confirm:
    words = text("More requests of {title} go to the new version.", title=face.subject or face.title)
    if op.seen and op.seen.report:
        words = text("{words} {report}", words=words, report=op.seen.report)
    return Confirm(text("{go}?", go=go), words, yes=go)


def _next_move(op: Operation, hold: Hold | None, ahead: list[Hold]) -> Text:
    if hold is None or op.since is None:
        return text("getting its pods ready")
    if op.phase is Phase.PAUSED:
        return text("paused by {who}", who=_paused_by(op))
    until = op.since + op.steps[op.cursor].deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
    if hold.time is None:
        return text("waits for a person until {until}, then goes back", until=until)
    to = text("{percent} %", percent=ahead[0].percent) if ahead else text("100 %")
    if isinstance(hold, Analyse):
        at = op.since + hold.time
        return text(
            "goes to {to} at {at} if it passes, else waits for a person until {until}", to=to, at=at, until=until
        )
    return text("goes to {to} at {at} by itself", to=to, at=op.since + hold.time)


def _paused_by(op: Operation) -> Principal:
    signal = last(op, SignalKind.PAUSE)
    return signal.by if signal else op.requester


def _undoing(op: Operation, face: Face) -> Reply:
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        _progress(op),
        asked_by(op),
        Buttons((), more=(Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)),
    ]
    return Reply(titled("Going back", face), tuple(blocks))


def _stuck(op: Operation, face: Face) -> Reply:
    return Reply(
        titled("Stuck", face),
        (
            Paragraph(text("*Why:* {why}", why=op.why or text("It can go neither on nor back."))),
            Paragraph(
                text(
                    "*Now:* stopped after step {n} of {all}; nothing more happens by itself.",
                    n=op.cursor,
                    all=len(op.steps),
                )
            ),
            Paragraph(
                text("*Next:* look at the full plan, mend it by hand, then withdraw it with `cancel {id}`.", id=op.id)
            ),
            asked_by(op),
            Buttons((*face.running[:1], Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))),
        ),
    )


# --- at the end ---------------------------------------------------------------------------------


def _took(op: Operation) -> str:
    return span(op.ended - op.started) if op.ended and op.started else ""


def _ended(op: Operation) -> Text:
    return text("{at}", at=op.ended) if op.ended else text("")


def _done(op: Operation, face: Face) -> Reply:
    blocks: list[Block] = []
    if op.seen and op.seen.of:
        blocks.append(
            Paragraph(text("{n} of {all} pods ready in {took}.", n=op.seen.done, all=op.seen.of, took=_took(op)))
        )
    elif op.ended and op.started and op.ended - op.started >= _WORTH_SAYING:
        blocks.append(Paragraph(text("It took {took}.", took=_took(op))))
    blocks += [asked_by(op, _ended(op), text("plan `{hash}`", hash=short_hash(op)))]
    more = (Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)
    blocks.append(Buttons(face.after[:3], more=(*face.after[3:], *more)))
    return Reply(text("Done · {done}", done=face.done), tuple(blocks))


def _undone(op: Operation, face: Face) -> Reply:
    # A version that a person stopped was not locked out, so there is nothing to allow again.
    failed = tuple(b for b in face.failed if op.failed_step is not None or not b.line.startswith("unlock "))
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        *_next_after(op),
        asked_by(op, _ended(op)),
        Buttons(failed[:3], more=(*failed[3:], Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))),
    ]
    return Reply(text("Rolled back · {undone}", undone=face.undone), tuple(blocks))


def _left(op: Operation, face: Face) -> Reply:
    """Where it stood: by a person, or for a successor."""
    if op.phase is Phase.CLOSED:
        why = Paragraph(text("*Why:* {why}", why=op.why or text("It was stuck.")))
        who = Note(text("Left as it is by {who} · {id}", who=stopper(op), id=op.id))
        return Reply(titled("Closed", face), (why, who))
    other = heir(op)
    words = text("{other} goes on with it, from where this one stood. Nothing was taken back.", other=other)
    show = Button(text("Show {other}", other=other), f"plan {other}", opens=Opens.VIEW)
    more = (Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)
    state = text("{state} by {other}", state=text("Taken over"), other=other)
    title = text("{state} · {title}", state=state, title=face.subject or face.title)
    return Reply(title, (Paragraph(words), asked_by(op, _ended(op)), Buttons((show, *face.after), more=more)))


def _next_after(op: Operation) -> tuple[Block, ...]:
    """The header says what is now; whoever stopped it knows why."""
    if op.failed_step is None or op.kind not in {"deploy", "canary"}:
        return ()
    return (Paragraph(text("*Next:* see its last log lines, mend it, and deploy the mended version.")),)
