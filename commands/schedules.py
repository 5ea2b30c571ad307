"""`schedules`: what the policy has run at set times, when each is due next, and what came of it last."""

from __future__ import annotations

from dataclasses import dataclass

from bot.command import Answers, Command
from bot.domain.reply import Paragraph, Reply, Table, Text, counted, text
from bot.domain.schedules import Misfire, PastRun, RunState
from bot.ports.world import Planned, World


@dataclass(frozen=True, slots=True)
class Schedules:
    pass


def answer(params: Schedules, world: World) -> Reply:
    found = world.schedules()
    if not found:
        return Reply(
            text("Schedules"), (Paragraph(text("Nothing is scheduled. Whoever keeps the policy file can add some.")),)
        )
    head = (text("Schedule"), text("What"), text("When"), text("Next"), text("Last"))
    rows = tuple(_row(each) for each in found)
    return Reply(
        text("Schedules"), (Table(head, rows), Paragraph(counted(len(found), "{n} schedule.", "{n} schedules.")))
    )


def _row(each: Planned) -> tuple[Text, ...]:
    schedule = each.schedule
    late = text("late, once") if schedule.misfire is Misfire.LATE_ONCE else text("not at all")
    return (
        text("{name}", name=schedule.name),
        text("{line} for {who}", line=schedule.line, who=schedule.by),
        text("{cron}, {zone}; when missed: {late}", cron=schedule.cron, zone=schedule.zone, late=late),
        text("{at}", at=each.next_due) if each.next_due else text("never"),
        _last(each.last),
    )


def _last(run: PastRun | None) -> Text:
    if run is None:
        return text("not yet")
    if run.operation is not None:
        return text("{at}: {op}", at=run.due, op=run.operation)
    words = {
        RunState.STARTED: text("started"),
        RunState.ANSWERED: text("answered"),
        RunState.REFUSED: text("refused"),
        RunState.EXPIRED: text("missed"),
    }
    return text("{at}: {state}", at=run.due, state=words[run.state])


COMMAND = Command(
    "schedules", "what is run at set times", Schedules, "operations:read", Answers(answer), example="schedules"
)
