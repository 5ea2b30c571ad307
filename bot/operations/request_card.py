"""The card of an operation before anything runs: the private plan, the request for votes, the review, and no."""

from __future__ import annotations

from bot.domain.codec import UnknownKind
from bot.domain.operation import (
    Operation,
    Phase,
    SignalKind,
    first,
    voters,
)
from bot.domain.refs import Principal
from bot.domain.reply import (
    Block,
    Button,
    Buttons,
    Code,
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
    text,
)
from bot.operations.words import asked_by, short_hash, stopper, titled
from bot.steps.codec import load_face, load_steps
from bot.steps.step import Face


def preview(op: Operation) -> Reply:
    """The private plan: nothing has changed, and nothing will until it is asked for."""
    face = load_face(op.face)
    label = text("Ask for approval") if op.quorum.votes else face.go
    # A private plan is shown before the click: what is red here needs no second dialog.
    style = Style.DANGER if face.is_red and not op.quorum.votes else Style.PRIMARY
    go = Button(
        label,
        f"ask {op.id} plan={short_hash(op)}",
        style,
        spoken=text("{go}: {title}", go=label, title=face.title),
    )
    plan = Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW)
    cancel = Button(text("Cancel"), f"cancel {op.id}")
    buttons = Buttons((go, plan, cancel))
    if face.instead is not None:
        buttons = Buttons((go, face.instead), more=(plan, cancel))
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
    return Reply(titled("Plan", face), tuple(blocks))


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


def approval(op: Operation, face: Face) -> Reply:
    given = voters(op)
    names = text(", ".join(f"{{v{i}}}" for i in range(len(given))), **{f"v{i}": who for i, who in enumerate(given)})
    votes = text("{n} of {all} approvals", n=len(given), all=op.quorum.votes)
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
                hash=short_hash(op),
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
    return Reply(titled("Approval needed", face), tuple(blocks))


def review(op: Operation, *, asker: Principal, may_vote: bool) -> Reply:
    face = load_face(op.face)
    blocks: list[Block] = [
        Heading(face.title),
        Paragraph(text("Asked by {who} at {at}.", who=op.requester, at=op.created)),
    ]
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
                    hash=short_hash(op),
                )
            )
        )
        submit = Button(text("Approve"), f"approve {op.id} plan={short_hash(op)}", Style.PRIMARY)
    else:
        blocks.append(Note(text("Plan `{hash}` · {id} · {phase}", hash=short_hash(op), id=op.id, phase=op.phase.value)))
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


def never_began(op: Operation, face: Face) -> Reply:
    asked = Paragraph(text("{who} asked to {asks}. Nothing was changed.", who=op.requester, asks=face.asks))
    foot = Note(text("Plan `{hash}` · {id}", hash=short_hash(op), id=op.id))
    again = Buttons((Button(text("Plan it again"), op.line),))
    match op.phase:
        case Phase.DENIED:
            denial = first(op, SignalKind.DENY)
            assert denial is not None
            said = (Quote(text("Reason"), denial.words),) if denial.words else ()
            who = Paragraph(text("Denied by {who} at {at}. Nothing was changed.", who=denial.by, at=denial.at))
            plan = text("plan `{hash}`", hash=short_hash(op))
            return Reply(titled("Denied", face), (who, *said, asked_by(op, plan), again))
        case Phase.EXPIRED:
            late = Paragraph(text("Nobody decided in time."))
            return Reply(titled("Expired", face), (asked, late, foot, again))
        case Phase.WITHDRAWN:
            by = Note(text("Withdrawn by {who} · {id}", who=stopper(op), id=op.id))
            return Reply(titled("Withdrawn", face), (asked, by))
        case _:
            why = Paragraph(text("*Why:* {why}", why=op.why or text("It may not run.")))
            next = text("*Next:* look at the new plan; it needs its own approval.")
            if not op.quorum.votes:
                next = text("*Next:* look at the new plan.")
            new = Buttons((Button(text("See the new plan"), op.line),))
            return Reply(titled("Stopped", face), (asked, why, Paragraph(next), foot, new))
