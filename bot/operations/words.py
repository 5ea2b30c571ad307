"""Words that several parts of an operation's card share."""

from __future__ import annotations

from bot.domain.operation import (
    Operation,
    SignalKind,
    last,
    voters,
)
from bot.domain.refs import Principal
from bot.domain.reply import (
    Note,
    Text,
    text,
)
from bot.steps.codec import load_face
from bot.steps.step import Face

SHORT = 8
"""Characters of a plan hash that people see."""


def titled(state: str, face: Face) -> Text:
    return text("{state} · {title}", state=text(state), title=face.title)


def short_hash(op: Operation) -> str:
    return op.plan_hash[:SHORT]


def asked_by(op: Operation, *more: Text, before: Text | None = None) -> Note:
    """`before`: what happens next, where that comes first."""
    parts = [text("Asked by {who}", who=op.requester)]
    if before is not None:
        parts = [before, text("asked by {who}", who=op.requester)]
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


def asks(op: Operation) -> str:
    """`deploy web 1.8.1 → 1.8.2 to prod`, for the record."""
    return load_face(op.face).asks.plain()


def approved(op: Operation) -> str:
    """By whom, for the record."""
    return ", ".join(str(signal.by) for signal in op.signals if signal.kind is SignalKind.APPROVE)


def outcome_of(op: Operation) -> dict[str, str]:
    """What the record says of its end."""
    details = {"command": op.kind, "asks": asks(op), "line": op.line, "plan": op.plan_hash, "approved": approved(op)}
    if op.why is not None:
        details["why"] = op.why.plain()
    if op.started is not None and op.ended is not None:
        details["seconds"] = str(int((op.ended - op.started).total_seconds()))
    return {name: value for name, value in details.items() if value}


def unended(words: Text) -> Text:
    """Without its full stop: one follows."""
    return Text(words.template.removesuffix("."), words.args)


def stopper(op: Operation) -> Principal:
    signal = last(op, SignalKind.CANCEL, SignalKind.ABORT)
    return signal.by if signal else op.requester
