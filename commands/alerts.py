"""`alerts [in ENV]` and `silence`: what fires now, and quiet for a while with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, UnknownName
from bot.domain.refs import AppName, EnvName, quoted
from bot.domain.reply import Block, Button, Buttons, Fact, Note, Opens, Paragraph, Reply, Text, counted, text
from bot.ports.apps import App
from bot.ports.observing import Alert
from bot.ports.world import World
from bot.steps.following import masked
from bot.steps.records import Silence as SilenceAlert
from bot.steps.step import Face, Plan, Planned

SHOWN = 10
LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Alerts:
    env: Annotated[EnvName | None, Arg("where; everywhere without it", word="in")] = None
    severity: Annotated[str, Arg("only this severity", positional=True, example="SEVERITY")] = ""


def _visible(world: World, env: EnvName | None) -> tuple[App, ...]:
    envs = world.apps.envs() if env is None else (env,)
    apps = [world.apps.locate(name, each) for each in envs for name in world.apps.names(each)]
    return tuple(app for app in apps if world.rules.may("alerts:read", app))


def answer(params: Alerts, world: World) -> Reply:
    apps = _visible(world, params.env)
    namespaces = tuple(sorted({scope.namespace for app in apps for scope in app.scopes}))
    found = [alert for alert in world.alerts.list(namespaces) if alert.is_firing]
    if params.severity:
        found = [alert for alert in found if alert.labels.get("severity") == params.severity]
    where = text(" on {env}", env=str(params.env)) if params.env else text("")
    if params.severity:
        where = text("{where} · {severity} only", where=where, severity=params.severity)
    if not found:
        return Reply(text("Alerts{where}", where=where), (Paragraph(text("Nothing fires.")),))
    found.sort(key=lambda alert: alert.order)
    quiet = sum(1 for alert in found if alert.silenced_by)
    count = counted(
        len(found), "*{n} alert fires{quiet}.*", "*{n} alerts fire{quiet}.*", quiet=_of_them(quiet, len(found))
    )
    blocks: list[Block] = [Paragraph(count)]
    for alert in found[:SHOWN]:
        blocks += _alert(world, alert)
    if len(found) > SHOWN:
        blocks.append(Note(text("{n} more are not shown.", n=len(found) - SHOWN)))
    return Reply(text("Alerts{where}", where=where), tuple(blocks))


def _of_them(quiet: int, all: int) -> Text:
    if not quiet:
        return text("")
    return text(", silenced") if quiet == all else text(", {quiet} of them silenced", quiet=quiet)


def _alert(world: World, alert: Alert) -> list[Block]:
    app = world.apps.owner(alert.labels.get("namespace", ""), alert.labels.get("app", ""))
    about = (
        text("{app} on {env}", app=str(app.name), env=str(app.env))
        if app
        else text("{ns}", ns=alert.labels.get("namespace", "no namespace"))
    )
    words: Text = text(
        "*{name}* · {about}\n{severity} since {at}{silenced}\n{summary}",
        name=alert.name,
        about=about,
        severity=alert.labels.get("severity", "no severity"),
        at=alert.starts,
        silenced=text(", silenced") if alert.silenced_by else text(""),
        summary=masked(alert.annotations.get("summary", "")),
    )
    blocks: list[Block] = [Paragraph(words)]
    if app is not None:
        line = f"silence {quoted(alert.name)} {app.name} in {app.env}"
        blocks.append(
            Buttons(
                (
                    Button(text("Logs"), f"logs {app.name} in {app.env} level=error"),
                    Button(text("Status"), f"status {app.name} in {app.env}"),
                    Button(text("Silence"), line, opens=Opens.FORM),
                )
            )
        )
    return blocks


@dataclass(frozen=True, slots=True)
class Silence:
    alert: Annotated[str, Arg("the alert's name", example="ALERT")]
    app: Annotated[AppName, Arg("the app that it is about")]
    env: Annotated[EnvName, Arg("where", word="in")]
    reason: Annotated[str, Arg("why it may be quiet", rest=True)]
    time: Annotated[timedelta, Arg("for how long, at most 7d", example="1h")] = timedelta(hours=1)


def plan(params: Silence, world: World) -> Plan:
    if params.time > LONGEST:
        raise BadArguments(text("time is longer than {most}.", most=LONGEST), field="time")
    app = world.apps.locate(params.app, params.env)
    scope = app.scopes[0]
    firing = [
        a
        for a in world.alerts.list((scope.namespace,))
        if a.name == params.alert and a.labels.get("app") == scope.workload
    ]
    if not firing:
        raise UnknownName(
            text("{alert} does not fire for {app} on {env}.", alert=params.alert, app=str(app.name), env=str(app.env)),
            field="alert",
            next=text("Write `alerts in {env}` to see what fires.", env=str(app.env)),
        )
    matchers = {"alertname": params.alert, "namespace": scope.namespace, "app": scope.workload}
    args = {"alert": params.alert, "app": str(app.name), "env": str(app.env)}
    face = Face(
        title=text("silence {alert} of {app} on {env}", **args),
        asks=text("silence *{alert}* of *{app}* on *{env}* for {time}", time=params.time, **args),
        done=text("{alert} of {app} on {env} is quiet for {time}", time=params.time, **args),
        undone=text("{alert} of {app} on {env} is not silenced", **args),
        fallback=text("It ends by itself."),
        facts=(Fact(text("Reason"), text("{reason}", reason=params.reason)),),
    )
    step = SilenceAlert(matchers, scope.namespace, params.time, params.reason)
    return Plan(face, (Planned(step, deadline=timedelta(minutes=1)),))


COMMAND = Command(
    "alerts", "what fires now", Alerts, "alerts:read", Answers(answer), slash=True, example="alerts in prod"
)
SILENCE = Command(
    "silence",
    "quiet an alert for a while",
    Silence,
    "alerts:silence",
    Changes(plan, Risk.LOW),
    example="silence HighErrorRate web in prod known and being worked on",
)
