"""`ack ALERT APP in ENV`: says that somebody looks after an alert; its card names them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, Preflight, UnknownName
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import text
from bot.ports.world import World
from bot.steps.records import Acknowledge
from bot.steps.step import Face, Plan, Planned

_NUMBER = re.compile(r"(?:al-)?([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Ack:
    alert: Annotated[str, Arg("the alert's number, as its message says", example="ALERT")]
    app: Annotated[AppName, Arg("the app that it is about")]
    env: Annotated[EnvName, Arg("where", word="in")]


def plan(params: Ack, world: World) -> Plan:
    number = _NUMBER.fullmatch(params.alert)
    if number is None:
        raise BadArguments(text("{alert} is no number of an alert.", alert=params.alert), field="alert")
    app = world.apps.locate(params.app, params.env)
    args = {"alert": f"al-{number[1]}", "app": str(app.name), "env": str(app.env)}
    thread = world.trail.alert(int(number[1]))
    state = json.loads(thread.state) if thread is not None else {}
    if thread is None or (state.get("app"), state.get("env")) != (str(app.name), str(app.env)):
        raise UnknownName(
            text("There is no alert {alert} of {app} on {env}.", **args),
            field="alert",
            next=text("Write `alerts in {env}` to see what fires.", env=str(app.env)),
        )
    if not thread.is_firing:
        raise Preflight(text("{alert} has ended.", **args), next=text("There is nothing to look after any more."))
    if who := state.get("acked_by"):
        raise Preflight(text("{who} looks after {alert} already.", who=str(who), **args), next=text("Ask them."))
    name = str(state.get("name", ""))
    face = Face(
        title=text("acknowledge {name} of {app} on {env}", name=name, **args),
        asks=text("acknowledge {name} of {app} on {env}", name=name, **args),
        done=text("{name} of {app} on {env} is acknowledged", name=name, **args),
        undone=text("{name} of {app} on {env} was not acknowledged", name=name, **args),
        fallback=text("It touches no cluster."),
    )
    step = Acknowledge(int(number[1]), name)
    return Plan(face, (Planned(step, deadline=timedelta(minutes=1)),), extra={"alert": name})


COMMAND = Command(
    "ack",
    "say that you look after an alert",
    Ack,
    "alerts:ack",
    Changes(plan, Risk.LOW, is_quiet=True),
    example="ack al-311 web in prod",
)
