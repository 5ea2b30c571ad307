"""`tail APP [words] in ENV`: an app's newest log lines as they come, for a while, in one message that is edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, Preflight
from bot.domain.operation import STARTED
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Button, text
from bot.ports.observing import Level
from bot.ports.store import OperationFilter
from bot.ports.world import World
from bot.steps.following import FollowLogs
from bot.steps.step import Face, Plan, Planned

LONGEST = timedelta(minutes=10)
OWN, ALL = 3, 12
"""Followed at once, by one person and by everybody: each asks the log store every few seconds, and is an edit every ten."""
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
    _check_room(world)
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


def _check_room(world: World) -> None:
    """Of those that run: it is asked again where this one begins."""
    found = world.book.operations(OperationFilter(kinds=(COMMAND.name,), is_final=False, limit=200))
    running = [op for op in found if op.phase in STARTED]
    own = sum(1 for op in running if op.requester == world.asker)
    if own >= OWN:
        raise Preflight(
            text("You follow {n} logs already.", n=own), next=text("Stop one of them, or wait until it ends.")
        )
    if len(running) >= ALL:
        raise Preflight(
            text("{n} logs are followed already.", n=len(running)),
            next=text("Read them with `logs`, or wait a little."),
        )


COMMAND = Command(
    "tail",
    "follow an app's logs for a while, for you or in a thread",
    Tail,
    "logs:read",
    Changes(plan, Risk.LOW, is_private=True),
    example="tail web timeout in prod",
)
