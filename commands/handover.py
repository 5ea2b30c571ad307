"""`handover PERSON LINE`: asks somebody who may to run a command. They run it, as themselves, or do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments
from bot.domain.refs import Principal
from bot.domain.reply import Button, Confirm, Style, text
from bot.ports.world import Errand, World
from bot.steps.records import AskPerson
from bot.steps.step import Face, Plan, Planned


@dataclass(frozen=True, slots=True)
class Handover:
    whom: Annotated[str, Arg("who is asked, by the name in the policy", example="PERSON")]
    line: Annotated[str, Arg("the command that they are asked to run", rest=True)]


def plan(params: Handover, world: World) -> Plan:
    whom = Principal(params.whom.removeprefix("@"))
    if whom == world.asker:
        raise BadArguments(text("You need not ask yourself."), field="whom", next=text("Run it: `{l}`.", l=params.line))
    errand = world.errand(whom, params.line)
    run = _run(errand)
    title = text("ask {who} to run the {what}", who=whom, what=errand.what)
    face = Face(
        title=title,
        asks=title,
        done=text("{who} is asked to run the {what}", who=whom, what=errand.what),
        undone=text("{who} was not asked", who=whom),
        fallback=text("It changes nothing."),
        after=(run,),
    )
    step = AskPerson(whom, world.asker, errand.line, run)
    extra = {"whom": whom.id, "asked": errand.line}
    return Plan(face, (Planned(step, deadline=timedelta(minutes=1)),), extra=extra)


def _run(errand: Errand) -> Button:
    confirm = None
    if errand.is_at_once:
        confirm = Confirm(text("Run it as you?"), text("{line}", line=errand.line), text("Run it"))
    spoken = text("Run the {what}", what=errand.what)
    return Button(text("Run it"), errand.line, Style.PRIMARY, confirm=confirm, spoken=spoken)


COMMAND = Command(
    "handover",
    "ask somebody who may to run a command",
    Handover,
    "operations:ask",
    Changes(plan, Risk.LOW),
    example="handover bo deploy web@1.8.2 to prod",
)
