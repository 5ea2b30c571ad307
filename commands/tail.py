"""`tail APP [words] in ENV`: an app's newest log lines as they come, for a while, in one message that is edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Button, text
from bot.ports.observing import Level
from bot.ports.world import World
from bot.steps.following import FollowLogs
from bot.steps.step import Face, Plan, Planned

LONGEST = timedelta(minutes=10)
SLACK = timedelta(minutes=5)
"""How long a log store may not answer before it is given up."""


@dataclass(frozen=True, slots=True)
class Tail:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]
    query: Annotated[str, Arg('words to look for; "a phrase", -not', rest=True)] = ""
    level: Annotated[Level | None, Arg("this level and worse")] = None
    time: Annotated[timedelta, Arg("for how long, at most 10m", example="5m")] = timedelta(minutes=5)


def plan(params: Tail, world: World) -> Plan:
    if params.time > LONGEST:
        raise BadArguments(text("time is longer than {most}.", most=LONGEST), field="time")
    app = world.apps.locate(params.app, params.env)
    words = f" · {params.query}" if params.query else ""
    title = text("logs of {app} on {env}{words}", app=str(app.name), env=str(app.env), words=words)
    level = f" level={params.level}" if params.level else ""
    tail = f" {params.query}" if params.query else ""
    search = Button(text("Search"), f"logs {app.name} in {app.env}{level}{tail}")
    face = Face(
        title=title,
        asks=title,
        done=title,
        undone=title,
        fallback=text("It only reads."),
        after=(search,),
        kind="follow",
    )
    step = FollowLogs(app.scopes, params.query, params.level, params.time)
    return Plan(face, (Planned(step, deadline=params.time + SLACK),))


COMMAND = Command(
    "tail",
    "follow an app's logs for a while, for you or in a thread",
    Tail,
    "logs:read",
    Changes(plan, Risk.LOW, is_private=True),
    example="tail web timeout in prod",
)
