"""The card of followed logs: the newest lines, and until when. Drawn from what is stored and nothing else."""

from __future__ import annotations

from bot.domain.operation import Operation, Phase
from bot.domain.reply import Block, Button, Buttons, Code, Note, Paragraph, Reply, Text, text
from bot.operations.words import stopper, titled
from bot.steps.codec import load_steps
from bot.steps.following import FollowLogs
from bot.steps.step import Face

KIND = "follow"
DRAWN = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.UNDOING, Phase.DONE, Phase.UNDONE})


def follow_card(op: Operation, face: Face) -> Reply:
    """In one of the phases of DRAWN."""
    seen = op.seen
    blocks: list[Block] = []
    if seen is not None and seen.why is not None:
        blocks.append(Paragraph(text("*It cannot be read now:* {why}", why=seen.why)))
    elif seen is not None and seen.report is not None:
        blocks.append(Paragraph(seen.report))
    if op.phase is Phase.UNDONE and op.failed_step is not None and op.why is not None:
        blocks.append(Paragraph(text("*It ended before its time:* {why}", why=op.why)))
    elif seen is not None and seen.excerpt:
        blocks.append(Code(seen.excerpt, "lines.txt"))
    elif seen is not None and seen.why is None:
        blocks.append(Paragraph(text("No lines match.")))
    is_on = op.phase in {Phase.RUNNING, Phase.PAUSED}
    blocks.append(Note(_small_print(op)))
    again = Button(text("Follow again"), op.line)
    stop = Button(text("Stop"), f"cancel {op.id}", spoken=text("Stop to {title}", title=face.title))
    look = Button(text("Search"), face.after[0].line) if face.after else None
    blocks.append(Buttons((stop,) if is_on else tuple(each for each in (again, look) if each is not None)))
    return Reply(titled("Following" if is_on else "Followed", face), tuple(blocks), stays=True)


def _small_print(op: Operation) -> Text:
    mask = text("What looks like a secret is masked.")
    match op.phase:
        case Phase.RUNNING | Phase.PAUSED if op.since is not None:
            step = load_steps(op.plan)[op.cursor].do
            time = step.time if isinstance(step, FollowLogs) else op.steps[op.cursor].deadline
            return text(
                "New lines every 10 s until {until}, times in UTC · {id} · {mask}",
                until=op.since + time,
                mask=mask,
                id=op.id,
            )
        case Phase.UNDONE if op.failed_step is None:
            return text(
                "Stopped by {who} at {at} · {id} · {mask}",
                who=stopper(op),
                at=op.ended or op.created,
                mask=mask,
                id=op.id,
            )
        case _:
            return text("Ended at {at} · {id} · {mask}", at=op.ended or op.created, mask=mask, id=op.id)
