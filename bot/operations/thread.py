"""What an operation says in the thread of its card: finished steps, a canary that waits for a person, and its end with a
mention. Each is posted once.
"""

from __future__ import annotations

from bot.domain.analysis import Outcome
from bot.domain.operation import EXTENSION, FINAL, Operation, Phase, SignalKind, given_here, last, promoted
from bot.domain.reply import Block, Chart, Code, Note, Paragraph, Reply, Text, span, text
from bot.domain.succession import heir
from bot.operations.build_card import KIND
from bot.operations.desk import card_key, was_asked
from bot.operations.follow_card import KIND as FOLLOW
from bot.operations.words import joined
from bot.ports.store import MessageClass, Tx
from bot.steps.analysis import Analyse
from bot.steps.codec import dump, load_face, load_steps
from bot.steps.step import Step

CHARTS = 2
"""Of one message: Slack draws no more."""


def say_step(tx: Tx, before: Operation, after: Operation) -> None:
    """What a finished step has to say, once, in the card's thread."""
    if before.phase is Phase.UNDOING or after.seen is None:
        return
    step = _step(before)
    if isinstance(step, Analyse) and after.seen.verdict is not None:
        by = promoted(before)
        acted = text("let on by {who}", who=by.by) if by else text("went on by itself")
        _say_verdict(tx, before, after, step, f"{before.cursor}", acted)
    elif after.seen.report is not None:
        words = text("{step}: {report}", step=step.describe(), report=after.seen.report)
        _reply(tx, after, f"{before.cursor}", Reply(None, (Paragraph(words),)), is_broadcast=False)


def say_the_turn(tx: Tx, before: Operation, op: Operation) -> None:
    """Why it goes back, at once and with the charts or the lines that show it."""
    if op.why is None or op.seen is None or load_face(op.face).kind == FOLLOW:
        return
    if op.seen.excerpt:
        words = Paragraph(text("{why} Its last lines:", why=op.why))
        _reply(tx, op, "turn", Reply(None, (words, Code(op.seen.excerpt, "build.txt"))), is_broadcast=False)
        return
    step = _step(op)
    if op.seen.verdict is None or not isinstance(step, Analyse):
        return
    by = last(op, SignalKind.ABORT, SignalKind.CANCEL) if op.failed_step is None else None
    acted = text("stopped by {who}", who=by.by) if by else text("goes back by itself")
    why = op.why
    if op.seen.verdict.outcome is Outcome.FAIL and by is None:
        # The figures are below it.
        why = text("{version} did worse than {old}.", version=step.version, old=step.old)
    _say_verdict(tx, before, op, step, "turn", acted, Paragraph(text("Going back: {why}", why=why)))


def say_it_waits(tx: Tx, before: Operation, after: Operation) -> None:
    """Once a share, with a mention: from here on only a person takes it further, and edits of the card notify nobody."""
    verdict = after.seen.verdict if after.seen else None
    was = before.seen.verdict if before.seen and before.cursor == after.cursor else None
    if after.phase is not Phase.RUNNING or before.cursor != after.cursor or verdict is None:
        return
    if not verdict.needs_person or (was is not None and was.needs_person):
        return
    step = _step(after)
    if not isinstance(step, Analyse) or after.since is None:
        return
    until = after.since + after.steps[after.cursor].deadline + EXTENSION * given_here(after, SignalKind.EXTEND)
    words = text(
        "{who} {percent} % of {title}: *{verdict}*. It waits for a person until {until}, then goes back to {old}.",
        who=after.requester,
        percent=step.percent,
        title=load_face(after.face).subject or text("{app}", app=after.app),
        verdict=verdict.outcome.value,
        until=until,
        old=step.old,
    )
    lines = Paragraph(joined(list(verdict.lines), between="\n"))
    reply = Reply(None, (Paragraph(words), lines, Note(verdict.achieved)))
    _reply(tx, after, f"{after.cursor}/waits", reply, is_broadcast=False)


def _say_verdict(
    tx: Tx, before: Operation, after: Operation, step: Analyse, part: str, acted: Text, *first: Block
) -> None:
    """Figures as sentences, a chart of each, and below them what it got and who acted."""
    assert after.seen is not None
    verdict = after.seen.verdict
    assert verdict is not None
    held = span(tx.now - (before.since or tx.now))
    head = text("*{percent} %, after {held}: {word}.*", percent=step.percent, held=held, word=verdict.outcome.value)
    figures = Paragraph(joined([head, *verdict.lines], between="\n"))
    note = Note(text("{achieved} · {acted}", achieved=verdict.achieved, acted=acted))
    charts: list[Chart] = list(verdict.charts)
    _reply(tx, after, part, Reply(None, (*first, figures, *charts[:CHARTS], note)), is_broadcast=False)
    for n in range(CHARTS, len(charts), CHARTS):
        title = Paragraph(text("*{percent} %*, more of its figures", percent=step.percent))
        _reply(tx, after, f"{part}/{n}", Reply(None, (title, *charts[n : n + CHARTS])), is_broadcast=False)


def _step(op: Operation) -> Step:
    return load_steps(op.plan)[op.cursor].do


def say_the_end(tx: Tx, op: Operation) -> None:
    """Edits notify nobody: the end is also a new reply that mentions the asker. Failures show in the channel."""
    face = load_face(op.face)
    is_read = face.kind == FOLLOW and op.phase in {Phase.DONE, Phase.UNDONE}
    if not was_asked(op) or is_read:
        return
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
