"""The card of an operation, drawn from what is stored and nothing else: one message from the request to its end.

State word first; risk before facts; a primary button means that the card waits for a person. Knows no Slack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from bot.domain.codec import UnknownKind
from bot.domain.operation import (
    EXTENSION,
    FINAL,
    Operation,
    Phase,
    SignalKind,
    Standing,
    first,
    given_here,
    last,
    voters,
)
from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
    Code,
    Confirm,
    Facts,
    Group,
    Heading,
    Note,
    Opens,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Style,
    Text,
    counted,
    span,
    text,
)
from bot.operations.desk import card_key, was_asked
from bot.ports.store import MessageClass, Tx
from bot.steps.canary import HoldCanary
from bot.steps.codec import dump, load_face, load_steps
from bot.steps.step import Face, Planned

SHORT = 8
"""Characters of a plan hash that people see."""


@dataclass(frozen=True, slots=True)
class OperationCards:
    """bot.ports.world.Cards."""

    def card(self, op: Operation) -> Reply:
        return card(op)

    def review(self, op: Operation, *, asker: Principal, may_vote: bool) -> Reply:
        return review(op, asker=asker, may_vote=may_vote)


def card(op: Operation) -> Reply:
    face = load_face(op.face)
    match op.phase:
        case Phase.DRAFT:
            return preview(op)
        case Phase.WAITING:
            return _approval(op, face)
        case Phase.READY:
            return Reply(_title("Starting", face), (Paragraph(text("Checking once more, then it starts.")), _who(op)))
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
        case Phase.CLOSED:
            why = Paragraph(text("*Why:* {why}", why=op.why or text("It was stuck.")))
            who = Note(text("Left as it is by {who} · {id}", who=_stopper(op), id=op.id))
            return Reply(_title("Closed", face), (why, who))
        case Phase.DENIED | Phase.EXPIRED | Phase.WITHDRAWN | Phase.REFUSED:
            return _never_began(op, face)
        case _:
            assert_never(op.phase)


def _title(state: str, face: Face) -> Text:
    return text("{state} · {title}", state=text(state), title=face.title)


def _hash(op: Operation) -> str:
    return op.plan_hash[:SHORT]


# --- before it runs -----------------------------------------------------------------------------


def preview(op: Operation) -> Reply:
    """The private plan: nothing has changed, and nothing will until it is asked for."""
    face = load_face(op.face)
    label = text("Ask for approval") if op.quorum.votes else face.go
    buttons = Buttons(
        (
            Button(
                label,
                f"ask {op.id} plan={_hash(op)}",
                Style.PRIMARY,
                spoken=text("{go}: {title}", go=label, title=face.title),
            ),
            Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),
            Button(text("Cancel"), f"cancel {op.id}"),
        )
    )
    needs = (
        text(
            "{fallback} Needs {votes} from {group}.",
            fallback=face.fallback,
            votes=_approvals(op),
            group=op.quorum.group,
        )
        if op.quorum.votes
        else face.fallback
    )
    blocks: list[Block] = [Note(text("Only you see this. Nothing has changed yet."))]
    blocks += _facts(face)
    blocks.append(Note(needs))
    blocks.append(buttons)
    return Reply(_title("Plan", face), tuple(blocks))


def _approvals(op: Operation) -> Text:
    return counted(op.quorum.votes, "{n} approval", "{n} approvals")


def _facts(face: Face) -> list[Block]:
    blocks: list[Block] = []
    if face.warnings:
        blocks.append(Risks(face.warnings[:3]))
        if len(face.warnings) > 3:
            blocks.append(Note(text("{n} more in the full plan.", n=len(face.warnings) - 3)))
    if face.facts:
        blocks.append(Facts(face.facts))
    return blocks


def _approval(op: Operation, face: Face) -> Reply:
    given = voters(op)
    names = text(", ".join(f"{{v{i}}}" for i in range(len(given))), **{f"v{i}": who for i, who in enumerate(given)})
    votes = text("{n} of {votes}", n=len(given), votes=_approvals(op))
    if given:
        votes = text("{votes}: {names}", votes=votes, names=names)
    group: Text | Group = Group(op.quorum.group) if op.quorum.group else text("anybody else")
    blocks: list[Block] = [Paragraph(text("{who} asks to {asks}.", who=op.requester, asks=face.asks))]
    if op.reason:
        blocks.append(Quote(text("Reason"), op.reason))
    blocks += _facts(face)
    blocks.append(
        Note(
            text(
                "{group} · {votes} · open until {until} · plan `{hash}` · {id}",
                group=group,
                votes=votes,
                until=op.expires,
                hash=_hash(op),
                id=op.id,
            )
        )
    )
    blocks.append(
        Buttons(
            (
                Button(
                    text("Review and approve"),
                    f"review {op.id}",
                    Style.PRIMARY,
                    opens=Opens.VIEW,
                    spoken=text("Review and approve {title}", title=face.title),
                ),
                Button(
                    text("Deny"),
                    f"deny {op.id}",
                    Style.DANGER,
                    opens=Opens.FORM,
                    spoken=text("Deny {title}", title=face.title),
                ),
            ),
            more=(
                Button(text("Withdraw my request"), f"cancel {op.id}"),
                Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),
            ),
        )
    )
    return Reply(_title("Approval needed", face), tuple(blocks))


def review(op: Operation, *, asker: Principal, may_vote: bool) -> Reply:
    face = load_face(op.face)
    blocks: list[Block] = [Heading(face.title), Note(text("Asked by {who} at {at}.", who=op.requester, at=op.created))]
    if op.reason:
        blocks.append(Quote(text("Reason"), op.reason))
    if face.warnings:
        blocks.append(Risks(face.warnings))
    if face.facts:
        blocks.append(Facts(face.facts))
    blocks.append(Paragraph(text("*Everything that changes*")))
    blocks.append(Code(face.diff or steps_in_words(op), name=f"{op.id}-plan.txt"))
    blocks.append(Paragraph(text("*If it goes wrong*\n{fallback}", fallback=face.fallback)))
    submit = None
    if op.phase is Phase.WAITING and asker == op.requester:
        blocks.append(Note(text("You asked for this; someone else approves.")))
    elif op.phase is Phase.WAITING and may_vote:
        blocks.append(
            Note(
                text(
                    "You approve exactly this plan, `{hash}`. If anything in it changes, your approval no longer counts.",
                    hash=_hash(op),
                )
            )
        )
        submit = Button(text("Approve"), f"approve {op.id} plan={_hash(op)}", Style.PRIMARY)
    else:
        blocks.append(Note(text("Plan `{hash}` · {id} · {phase}", hash=_hash(op), id=op.id, phase=op.phase.value)))
    return Reply(text("Review plan"), tuple(blocks), submit=submit)


def steps_in_words(op: Operation) -> str:
    try:
        steps = load_steps(op.plan)
    except UnknownKind as kind:
        return f"Written by a newer version of the product ({kind})."
    lines = []
    for number, step in enumerate(steps, 1):
        lines.append(f"{number}. {step.do.describe().plain()}")
        if step.undo is not None:
            lines.append(f"   undo: {step.undo.describe().plain()}")
    return "\n".join(lines)


def _never_began(op: Operation, face: Face) -> Reply:
    asked = Paragraph(text("{who} asked to {asks}. Nothing was changed.", who=op.requester, asks=face.asks))
    foot = Note(text("Plan `{hash}` · {id}", hash=_hash(op), id=op.id))
    again = Buttons((Button(text("Plan it again"), op.line),))
    match op.phase:
        case Phase.DENIED:
            denial = first(op, SignalKind.DENY)
            assert denial is not None
            said = (Quote(text("What should change"), denial.words),) if denial.words else ()
            who = Note(text("Denied by {who} at {at} · {id}", who=denial.by, at=denial.at, id=op.id))
            return Reply(_title("Denied", face), (asked, *said, who, again))
        case Phase.EXPIRED:
            late = Paragraph(text("Nobody decided in time."))
            return Reply(_title("Expired", face), (asked, late, foot, again))
        case Phase.WITHDRAWN:
            who = Note(text("Withdrawn by {who} · {id}", who=_stopper(op), id=op.id))
            return Reply(_title("Withdrawn", face), (asked, who))
        case _:
            why = Paragraph(text("*Why:* {why}", why=op.why or text("It may not run.")))
            return Reply(_title("Stopped", face), (asked, why, foot, again))


def _stopper(op: Operation) -> Principal:
    signal = last(op, SignalKind.CANCEL, SignalKind.ABORT)
    return signal.by if signal else op.requester


# --- while it runs ------------------------------------------------------------------------------


def _who(op: Operation, *more: Text) -> Note:
    parts = [text("Asked by {who}", who=op.requester)]
    if given := voters(op):
        parts.append(
            text(
                "approved by " + ", ".join(f"{{v{i}}}" for i in range(len(given))),
                **{f"v{i}": who for i, who in enumerate(given)},
            )
        )
    parts += [*more, text("{id}", id=op.id)]
    return Note(joined(parts))


def joined(parts: list[Text], *, between: str = " · ") -> Text:
    return text(between.join(f"{{p{i}}}" for i in range(len(parts))), **{f"p{i}": part for i, part in enumerate(parts)})


def _deadline(op: Operation) -> Text:
    step = op.steps[op.cursor]
    if op.since is None or op.is_committed:
        return text("cannot go back from here")
    until = op.since + step.deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
    return text("goes back by itself at {until} if not healthy", until=until)


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
    doing = text("step {n} of {all}: {what}", n=op.cursor + 1, all=len(op.steps), what=step) if step else text("")
    blocks.append(Note(joined([doing] if step else [text("{id}", id=op.id)])))
    blocks.append(_who(op, _deadline(op)))
    row = list(face.running)
    if not op.is_committed and face.stop is not None:
        row.append(Button(text("Stop and roll back"), f"abort {op.id}", Style.DANGER, confirm=face.stop))
    blocks.append(Buttons(tuple(row), more=(Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)))
    return Reply(_title(state, face), tuple(blocks))


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
        return Bar(
            op.cursor,
            len(op.steps),
            text("*step {n} of {all}*, started {at}", n=op.cursor + 1, all=len(op.steps), at=started),
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
    holds = [(n, step.do) for n, step in enumerate(steps) if isinstance(step.do, HoldCanary)]
    reached = [(n, hold) for n, hold in holds if n <= op.cursor]
    ahead = [hold for n, hold in holds if n > op.cursor]
    percent = reached[-1][1].percent if reached else 0
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
    blocks.append(_who(op, _next_move(op, reached[-1][1] if is_holding else None, ahead)))
    go = text("Go to {percent} %", percent=ahead[0].percent) if ahead else text("Promote to everybody")
    row: list[Button] = []
    if is_holding:
        waits = reached[-1][1].time is None or op.phase is Phase.PAUSED
        row.append(
            Button(
                go,
                f"promote {op.id} step={op.cursor}",
                Style.PRIMARY if waits else Style.PLAIN,
                confirm=_promotes(face, go),
            )
        )
    row.append(
        Button(text("Resume"), f"resume {op.id}")
        if op.phase is Phase.PAUSED
        else Button(text("Pause"), f"pause {op.id}")
    )
    row.append(Button(text("Abort"), f"abort {op.id}", Style.DANGER, confirm=face.stop))
    more = (*face.running, Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))
    if is_holding:
        more = (Button(text("Wait 15 min more"), f"extend {op.id}"), *more)
    blocks.append(Buttons(tuple(row), more=more))
    return Reply(text("{state} · {title}", state=word, title=face.title), tuple(blocks))


def _promotes(face: Face, go: Text) -> Confirm:
    return Confirm(text("{go}?", go=go), text("{go}: {title}.", go=go, title=face.title), yes=go)


def _next_move(op: Operation, hold: HoldCanary | None, ahead: list[HoldCanary]) -> Text:
    if hold is None or op.since is None:
        return text("getting its pods ready")
    if op.phase is Phase.PAUSED:
        return text("paused by {who}", who=_paused_by(op))
    if hold.time is None:
        until = op.since + op.steps[op.cursor].deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
        return text("waits for a person until {until}, then goes back", until=until)
    to = text("{percent} %", percent=ahead[0].percent) if ahead else text("100 %")
    return text("goes to {to} at {at} by itself", to=to, at=op.since + hold.time)


def _paused_by(op: Operation) -> Principal:
    signal = last(op, SignalKind.PAUSE)
    return signal.by if signal else op.requester


def _undoing(op: Operation, face: Face) -> Reply:
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        _progress(op),
        _who(op),
        Buttons((), more=(Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)),
    ]
    return Reply(_title("Going back", face), tuple(blocks))


def _stuck(op: Operation, face: Face) -> Reply:
    return Reply(
        _title("Stuck", face),
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
            _who(op),
            Buttons((*face.running[:1], Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))),
        ),
    )


# --- at the end ---------------------------------------------------------------------------------


def _took(op: Operation) -> str:
    return span(op.ended - op.started) if op.ended and op.started else ""


def _ended(op: Operation) -> Text:
    return text("{at}", at=op.ended) if op.ended else text("")


def _done(op: Operation, face: Face) -> Reply:
    sentence = text("It took {took}.", took=_took(op))
    if op.seen and op.seen.of:
        sentence = text("{n} of {all} pods ready in {took}.", n=op.seen.done, all=op.seen.of, took=_took(op))
    blocks: list[Block] = [Paragraph(sentence), _who(op, _ended(op), text("plan `{hash}`", hash=_hash(op)))]
    more = (Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW),)
    blocks.append(Buttons(face.after[:3], more=(*face.after[3:], *more)))
    return Reply(text("Done · {done}", done=face.done), tuple(blocks))


def _undone(op: Operation, face: Face) -> Reply:
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        Paragraph(text("*Now:* {undone}.", undone=face.undone)),
        _who(op, _ended(op)),
        Buttons(face.failed[:3], more=(*face.failed[3:], Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW))),
    ]
    return Reply(text("Rolled back · {undone}", undone=face.undone), tuple(blocks))


# --- the thread ---------------------------------------------------------------------------------


def say_step(tx: Tx, before: Operation, after: Operation) -> None:
    """What a finished step has to say, once, in the card's thread."""
    report = after.seen.report if after.seen else None
    if report is None or before.phase is Phase.UNDOING:
        return
    step = _describe(before)
    words = text("{step}: {report}", step=step, report=report) if step else report
    _reply(tx, after, f"{before.cursor}", Reply(None, (Paragraph(words),)), is_broadcast=False)


def _describe(op: Operation) -> Text | None:
    steps: tuple[Planned, ...] = load_steps(op.plan)
    return steps[op.cursor].do.describe()


def say_the_end(tx: Tx, op: Operation) -> None:
    """Edits notify nobody: the end is also a new reply that mentions the asker. Failures show in the channel."""
    if not was_asked(op):
        return
    face = load_face(op.face)
    who = op.requester
    match op.phase:
        case Phase.DONE:
            words = text("{who} done: {done}.", who=who, done=face.done)
        case Phase.UNDONE:
            words = text("{who} rolled back: {undone}. {why}", who=who, undone=face.undone, why=op.why or text(""))
        case Phase.STUCK:
            words = text("{who} stuck: {title}. {why}", who=who, title=face.title, why=op.why or text(""))
        case Phase.DENIED:
            words = text("{who} denied: {title}.", who=who, title=face.title)
        case Phase.EXPIRED:
            words = text("{who} expired: {title}. Nobody decided in time.", who=who, title=face.title)
        case Phase.REFUSED:
            words = text("{who} stopped before anything was changed: {why}", who=who, why=op.why or text(""))
        case _:
            return
    is_broadcast = op.phase in {Phase.UNDONE, Phase.STUCK}
    _reply(tx, op, "end" if op.phase in FINAL else "stuck", Reply(None, (Paragraph(words),)), is_broadcast=is_broadcast)


def _reply(tx: Tx, op: Operation, part: str, reply: Reply, *, is_broadcast: bool) -> None:
    tx.outbox.want(
        f"{card_key(op.id)}/{part}",
        channel=op.place.channel,
        thread=op.place.thread,
        kind=MessageClass.OPERATION,
        body=f'{{"reply":{dump(reply)}}}',
        parent=card_key(op.id),
        is_broadcast=is_broadcast,
    )
