"""The card of a build, from the start to the image: drawn from what is stored and nothing else. Knows no Slack."""

from __future__ import annotations

from bot.domain.codec import UnknownKind
from bot.domain.operation import Operation, Phase, Standing
from bot.domain.reply import Bar, Block, Button, Buttons, Confirm, Opens, Paragraph, Reply, Style, Text, span, text
from bot.operations.words import asked_by, titled
from bot.steps.build import StartBuild, tag_of
from bot.steps.codec import load_steps
from bot.steps.step import Face

KIND = "build"
DRAWN = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.UNDOING, Phase.DONE, Phase.UNDONE})


def build_card(op: Operation, face: Face) -> Reply:
    """Of a build in one of the phases of DRAWN."""
    match op.phase:
        case Phase.DONE:
            return _built(op, face)
        case Phase.UNDONE:
            return _not_built(op, face)
        case Phase.UNDOING:
            why = Paragraph(text("*Why:* {why}", why=op.why or text("It failed.")))
            return Reply(titled("Stopping", face), (why, asked_by(op), Buttons((), more=(_plan(op),))))
        case _:
            return _running(op, face)


def is_unknown(op: Operation) -> bool:
    """Whether it was started, or what became of it, cannot be told: a person decides."""
    return op.seen is not None and op.seen.standing is Standing.UNKNOWN and op.seen.why is not None


def _running(op: Operation, face: Face) -> Reply:
    if is_unknown(op):
        return _paused(op, face)
    started = text("started {at}", at=op.started or op.created)
    blocks: list[Block] = []
    words = op.seen.report if op.seen and op.seen.report else text("Asking for it.")
    blocks.append(Bar(op.seen.done, op.seen.of, words) if op.seen and op.seen.of else Paragraph(words))
    blocks.append(asked_by(op, started))
    stop = Button(text("Stop"), f"abort {op.id}", Style.DANGER, confirm=face.stop)
    if op.phase is Phase.PAUSED:
        blocks.append(Buttons((Button(text("Resume"), f"resume {op.id}"), stop), more=(*face.running, _plan(op))))
        return Reply(titled("Paused", face), tuple(blocks))
    blocks.append(Buttons((*face.running, stop), more=(_plan(op),)))
    return Reply(titled("Running", face), tuple(blocks))


def _paused(op: Operation, face: Face) -> Reply:
    why = op.seen.why if op.seen and op.seen.why else text("")
    next = text("look at the builds. If yours is there, wait: I go on by myself. If not, end this and build again.")
    if op.seen and op.seen.report:
        next = op.seen.report
    end = Confirm(
        text("End it?"),
        text("I look once more for a build of {id} and stop it if it is there. Then you can build again.", id=op.id),
        text("End it"),
    )
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=why)),
        Paragraph(text("*Next:* {next}", next=next)),
        asked_by(op, _until(op)),
        Buttons(
            (*face.running, Button(text("End it"), f"abort {op.id}", Style.DANGER, confirm=end)), more=(_plan(op),)
        ),
    ]
    return Reply(titled("Paused", face), tuple(blocks))


def _until(op: Operation) -> Text:
    if op.since is None:
        return text("waits for a person")
    return text("waits for a person until {until}, then ends", until=op.since + op.steps[op.cursor].deadline)


def _built(op: Operation, face: Face) -> Reply:
    tag = _tag(op)
    deploy: tuple[Button, ...] = ()
    if tag:
        spoken = text("Deploy {app} {tag}", app=op.app, tag=tag)
        deploy = (Button(text("Deploy"), f"deploy {op.app}@{tag}", Style.PRIMARY, opens=Opens.FORM, spoken=spoken),)
    report = op.seen.report if op.seen and op.seen.report else text("It is in the registry.")
    blocks: list[Block] = [
        Paragraph(report),
        asked_by(op, text("{at}", at=op.ended or op.created), text("{took}", took=_took(op))),
        Buttons((*deploy, *face.after[:2]), more=(_plan(op),)),
    ]
    return Reply(text("Done · {done}", done=face.done), tuple(blocks))


def _not_built(op: Operation, face: Face) -> Reply:
    state = "Failed" if op.failed_step is not None else "Stopped"
    again = Button(text("Build again"), op.line, spoken=text("Build {what} again", what=face.subject or face.title))
    blocks: list[Block] = [
        Paragraph(text("*Why:* {why}", why=op.why or text("It failed."))),
        asked_by(op, text("{at}", at=op.ended or op.created)),
        Buttons((again, *face.failed[:2]), more=(_plan(op),)),
    ]
    return Reply(text("{state} · {undone}", state=text(state), undone=face.undone), tuple(blocks))


def _tag(op: Operation) -> str:
    try:
        steps = load_steps(op.plan)
    except UnknownKind:
        return ""
    return next((tag_of(step.do.ref, op.id) for step in steps if isinstance(step.do, StartBuild)), "")


def _took(op: Operation) -> str:
    return span(op.ended - op.started) if op.ended and op.started else ""


def _plan(op: Operation) -> Button:
    return Button(text("Full plan"), f"plan {op.id}", opens=Opens.VIEW)
