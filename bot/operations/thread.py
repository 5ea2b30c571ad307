"""What an operation says in the thread of its card: finished steps, and its end with a mention. Each is posted once."""

from __future__ import annotations

from bot.domain.operation import FINAL, Operation, Phase
from bot.domain.reply import Block, Code, Paragraph, Reply, Text, text
from bot.domain.succession import heir
from bot.operations.build_card import KIND
from bot.operations.desk import card_key, was_asked
from bot.ports.store import MessageClass, Tx
from bot.steps.codec import dump, load_face, load_steps
from bot.steps.step import Planned


def say_step(tx: Tx, before: Operation, after: Operation) -> None:
    """What a finished step has to say, once, in the card's thread."""
    report = after.seen.report if after.seen else None
    if report is None or before.phase is Phase.UNDOING:
        return
    step = _describe(before)
    words = text("{step}: {report}", step=step, report=report) if step else report
    _reply(tx, after, f"{before.cursor}", Reply(None, _with_chart(words, after)), is_broadcast=False)


def say_the_turn(tx: Tx, op: Operation) -> None:
    """Why it goes back, at once and with the chart or the lines that show it."""
    if op.why is None or op.seen is None or not (op.seen.chart or op.seen.excerpt):
        return
    words = text("{why} Its last lines:", why=op.why) if op.seen.excerpt else text("Going back: {why}", why=op.why)
    _reply(tx, op, "turn", Reply(None, _with_chart(words, op)), is_broadcast=False)


def _with_chart(words: Text, op: Operation) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(words)]
    if op.seen and op.seen.chart:
        blocks.append(op.seen.chart)
    if op.seen and op.seen.excerpt:
        blocks.append(Code(op.seen.excerpt, "build.txt"))
    return tuple(blocks)


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
        case Phase.UNDONE if face.kind == KIND:
            words = text("{who} {undone}. {why}", who=who, undone=face.undone, why=op.why or text(""))
        case Phase.UNDONE:
            words = text("{who} rolled back: {undone}. {why}", who=who, undone=face.undone, why=op.why or text(""))
        case Phase.STUCK:
            words = text("{who} stuck: {title}. {why}", who=who, title=face.title, why=op.why or text(""))
        case Phase.DENIED:
            words = text("{who} denied: {title}.", who=who, title=face.title)
        case Phase.TAKEN_OVER:
            words = text("{who} taken over: {other} goes on with {title}.", who=who, other=heir(op), title=face.title)
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
