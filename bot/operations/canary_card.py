"""The card of a canary while it has a share of the requests: verdict, bar, what it gets, what happens next, and by whom.

Drawn from what is stored and nothing else. Before its first share and after its last it looks as every operation does.
"""

from __future__ import annotations

from bot.domain.analysis import Outcome, Verdict
from bot.domain.codec import UnknownKind
from bot.domain.operation import EXTENSION, PAUSE_LIMIT, Operation, Phase, SignalKind, given_here, last, promoted_full
from bot.domain.reply import Bar, Block, Button, Buttons, Confirm, Opens, Paragraph, Reply, Style, Text, text
from bot.operations.words import asked_by
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.progressive import HoldStop
from bot.steps.step import Face

Hold = Analyse | HoldStop


def canary_card(op: Operation, face: Face) -> Reply | None:
    """None while it has no share, or everything."""
    try:
        steps = load_steps(op.plan)
    except UnknownKind:
        return None
    looks = [(n, step.do) for n, step in enumerate(steps) if isinstance(step.do, Hold)]
    reached = [(n, look) for n, look in looks if n <= op.cursor]
    if not reached or op.cursor > looks[-1][0]:
        return None
    at, current = reached[-1]
    is_looking = at == op.cursor
    ahead = [look for n, look in looks if n > op.cursor]
    verdict = op.seen.verdict if op.seen and is_looking else None
    is_stopped = op.phase is Phase.PAUSED or _waits(current, verdict)
    blocks: list[Block] = []
    if verdict is not None:
        so_far = text("Verdict") if is_stopped else text("Verdict so far")
        blocks.append(
            Paragraph(
                text("*{so_far}: {word}.* {brief}", so_far=so_far, word=verdict.outcome.value, brief=verdict.brief)
            )
        )
    move = _next_move(op, current if is_looking else None, ahead, verdict)
    if is_stopped:
        blocks.append(Paragraph(text("{move}.", move=move)))
    blocks.append(_bar([look for _, look in looks], len(reached), verdict))
    if verdict is None and is_looking and op.seen and op.seen.report:
        blocks.append(Paragraph(op.seen.report))
    elif verdict is None and op.seen and op.seen.of:
        blocks.append(Paragraph(text("{n} of {all} canary pods ready.", n=op.seen.done, all=op.seen.of)))
    blocks.append(asked_by(op) if is_stopped else asked_by(op, before=move))
    blocks.append(_buttons(op, face, current if is_looking else None, ahead, verdict))
    state = text("Paused") if is_stopped else text("Canary")
    title = text(
        "{state} at {percent} % · {title}", state=state, percent=current.percent, title=face.subject or face.title
    )
    return Reply(title, tuple(blocks))


def _waits(look: Hold, verdict: Verdict | None) -> bool:
    """Its time is over, and it could not be judged."""
    return look.time is not None and verdict is not None and verdict.needs_person


def _bar(looks: list[Hold], number: int, verdict: Verdict | None) -> Bar:
    percent = looks[number - 1].percent
    path = " → ".join(
        [f"*{look.percent}*" if look.percent == percent else str(look.percent) for look in looks] + ["100"]
    )
    caption = text("*step {n} of {all}* · " + path + " %", n=number, all=len(looks) + 1)
    if verdict is not None:
        caption = text("{caption}\n{share}", caption=caption, share=verdict.share)
    return Bar(number, len(looks) + 1, caption)


def _goal(ahead: list[Hold]) -> Text:
    return text("{percent} %", percent=ahead[0].percent) if ahead else text("100 %")


def _next_move(op: Operation, look: Hold | None, ahead: list[Hold], verdict: Verdict | None) -> Text:
    if (signal := promoted_full(op)) is not None:
        return text("Goes to everybody without waiting, by {who}", who=signal.by)
    if look is None or op.since is None:
        return text("Getting its pods ready")
    if op.phase is Phase.PAUSED:
        signal = last(op, SignalKind.PAUSE)
        if signal is None:
            return text("Paused by {who}", who=op.requester)
        return text("Paused by {who} until {until}, then goes back", who=signal.by, until=signal.at + PAUSE_LIMIT)
    until = op.since + op.steps[op.cursor].deadline + EXTENSION * given_here(op, SignalKind.EXTEND)
    if look.time is None or _waits(look, verdict):
        old = text(" to {old}", old=look.old) if isinstance(look, Analyse) else text("")
        return text("Waits for a person until {until}, then goes back{old}", until=until, old=old)
    at, to = op.since + look.time, _goal(ahead)
    if isinstance(look, Analyse):
        return text("Goes to {to} at {at} by itself if it passes", to=to, at=at)
    return text("Goes to {to} at {at} by itself", to=to, at=at)


def _buttons(op: Operation, face: Face, look: Hold | None, ahead: list[Hold], verdict: Verdict | None) -> Buttons:
    resume, pause = Button(text("Resume"), f"resume {op.id}"), Button(text("Pause"), f"pause {op.id}")
    steer = resume if op.phase is Phase.PAUSED else pause
    abort = Button(text("Abort"), f"abort {op.id}", Style.DANGER, confirm=face.stop)
    another = Button(text("Set another percentage"), f"canary {op.app} to {op.env}", opens=Opens.FORM)
    plan = Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW)
    if look is None:
        return Buttons((steer, abort), more=(another, *face.running, plan))
    wait, go = Button(text("Wait 15 min more"), f"extend {op.id}"), _go(op, face, look, ahead, verdict)
    if op.phase is not Phase.PAUSED and _waits(look, verdict):
        # The safe next step is to go on watching; going on without a verdict is a person's own doing.
        wait = Button(wait.label, wait.line, Style.PRIMARY)
        return Buttons((wait, go, abort), more=(steer, another, *face.running, plan))
    row = (go, steer, abort) if go.style is Style.PRIMARY else (steer, go, abort)
    return Buttons(row, more=(wait, another, *face.running, plan))


def _go(op: Operation, face: Face, look: Hold, ahead: list[Hold], verdict: Verdict | None) -> Button:
    # A stop of Argo Rollouts is judged by its own controller.
    passes = isinstance(look, HoldStop) or (verdict is not None and verdict.outcome is Outcome.PASS)
    waits = look.time is None or op.phase is Phase.PAUSED
    label = text("Go to {percent} %", percent=ahead[0].percent) if ahead else text("Promote to everybody")
    if not waits and not _waits(look, verdict):
        label = text("Go to {percent} % now", percent=ahead[0].percent) if ahead else text("Promote now")
    title = text("{go}?", go=label) if passes else text("{go} without a verdict?", go=label)
    words = text(
        "{goal} of the requests of {app} on {env} go to {version}.",
        goal=_goal(ahead),
        app=op.app,
        env=op.env,
        version=look.version,
    )
    if verdict is not None:
        words = text(
            "{words} Verdict so far: {word}. {brief}", words=words, word=verdict.outcome.value, brief=verdict.brief
        )
    is_next = waits and passes
    return Button(
        label,
        f"promote {op.id} step={op.cursor}",
        Style.PRIMARY if is_next else Style.PLAIN,
        confirm=Confirm(title, words, yes=label),
    )
