"""The card of an operation, drawn from what is stored and nothing else: one message from the request to its end.

State word first; risk before facts; a primary button means that the card waits for a person. Knows no Slack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
)
from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
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
from bot.operations import build_card, follow_card
from bot.operations.canary_card import canary_card
from bot.operations.request_card import approval, never_began, preview, review
from bot.operations.words import asked_by, short_hash, stopper, titled, unended
from bot.steps.codec import load_face, load_steps
from bot.steps.step import Face
from bot.steps.suspects import versions

ROW = 2
"""Buttons of an ended card beside its menu, which always has the full plan."""
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
    drawn, draw = _OF_ITS_OWN.get(face.kind, _LIKE_ALL)
    if op.phase in drawn:
        return draw(op, face)
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
            return (canary_card(op, face) if face.kind == "canary" else None) or _running(op, face)
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


Draw = Callable[[Operation, Face], Reply]
_OF_ITS_OWN: Mapping[str, tuple[frozenset[Phase], Draw]] = {
    build_card.KIND: (build_card.DRAWN, build_card.build_card),
    follow_card.KIND: (follow_card.DRAWN, follow_card.follow_card),
}
_LIKE_ALL: tuple[frozenset[Phase], Draw] = (frozenset(), build_card.build_card)


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
    if op.seen is not None and op.seen.errors is not None:
        blocks.append(Paragraph(op.seen.errors))
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
        ready = text("{n} of {all} pods ready in {took}.", n=op.seen.done, all=op.seen.of, took=_took(op))
        if op.seen.errors is not None:
            ready = text("{ready} {errors}.", ready=ready, errors=unended(op.seen.errors))
        blocks.append(Paragraph(ready))
    elif op.ended and op.started and op.ended - op.started >= _WORTH_SAYING:
        blocks.append(Paragraph(text("It took {took}.", took=_took(op))))
    blocks += [asked_by(op, _ended(op), text("plan `{hash}`", hash=short_hash(op)))]
    more = (Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)
    blocks.append(Buttons(face.after[:ROW], more=(*face.after[ROW:], *more)))
    return Reply(text("Done · {done}", done=face.done), tuple(blocks))


def _undone(op: Operation, face: Face) -> Reply:
    # A version that a person stopped was not locked out, so there is nothing to allow again.
    failed = tuple(b for b in face.failed if op.failed_step is not None or not b.line.startswith("unlock "))
    title = text("Rolled back · {undone}", undone=face.undone)
    if op.kind == "canary" and face.subject is not None:
        # It had a share only: what it went back to served the others all the time.
        title = text("Rolled back · canary of {subject}", subject=face.subject)
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        *_now_after(op),
        *_next_after(op),
        asked_by(op, _ended(op)),
        Buttons(failed[:ROW], more=(*failed[ROW:], Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))),
    ]
    return Reply(title, tuple(blocks))


def _now_after(op: Operation) -> tuple[Block, ...]:
    found = versions(op)
    if op.ended is None or found is None:
        return ()
    args = {"old": found.old, "new": found.new, "env": op.env}
    if op.kind == "canary":
        now = text("all requests go to {old} since {at}.", at=op.ended, **args)
    elif op.seen is not None and op.seen.of:
        now = text("{n} of {all} pods run {old}.", n=op.seen.done, all=op.seen.of, **args)
    else:
        now = text("every pod runs {old}.", **args)
    if op.failed_step is not None and op.kind != "canary":
        now = text("{now} {new} is locked out of {env}.", now=now, **args)
    return (Paragraph(text("*Now:* {now}", now=now)),)


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
    """Whoever stopped it knows why."""
    if op.failed_step is None or op.kind not in {"deploy", "canary"}:
        return ()
    found = versions(op)
    if op.kind == "canary" and found is not None:
        return (Paragraph(text("*Next:* read what is new in the logs of {new}.", new=found.new)),)
    return (Paragraph(text("*Next:* see its last log lines, mend it, and deploy the mended version.")),)
