"""`why APP in ENV`: what points to the cause of what is wrong, in one answer: what fires and the figure that its rule
measures, the changes before it with the suspect first, what is new in the logs, and how the pods stand.

Each part stands alone, and one that cannot be read says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.analysis import ERRORS, said
from bot.domain.errors import BadArguments, IntegrationError, Preflight, UnknownName
from bot.domain.operation import Operation
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Chart, Code, Note, Paragraph, Reply, Series, Text, counted, text
from bot.ports.apps import App
from bot.ports.observing import Alert, Expression, Level, LogQuery, Measure
from bot.ports.store import OperationFilter
from bot.ports.world import World
from bot.steps.codec import load_face
from bot.steps.delivery import targets, version_of
from bot.steps.figures import POINTS, newest
from bot.steps.following import masked
from bot.steps.new_patterns import new_since
from bot.steps.rollout import explain
from bot.steps.suspects import CHANGES, SUSPECT_WITHIN, how_long_before, suspect

SPAN = timedelta(hours=1)
SHORT = timedelta(minutes=10)
"""Where an hour has next to no samples yet."""
FEW = 4
ALERTS = 3
SHOWN = 6
"""Changes."""


@dataclass(frozen=True, slots=True)
class Why:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]


def answer(params: Why, world: World) -> Reply:
    app = world.apps.locate(params.app, params.env)
    blocks: list[Block] = []
    firing: list[Alert] = []
    if world.rules.may("alerts:read", app):
        firing, told = _firing(world, app)
        blocks += told
    if world.rules.may("metrics:read", app):
        blocks += _measured(world, app, firing)
    began = min((alert.starts for alert in firing), default=None)
    blocks += _changes(world, app, began)
    if world.rules.may("logs:read", app):
        blocks += _news(world, app)
    blocks += _pods(world, app)
    where = f"{app.name} in {app.env}"
    blocks.append(
        Buttons(
            (
                Button(text("Logs"), f"logs {where} since=15m level=error"),
                Button(text("Metrics"), f"metrics {where}"),
                Button(text("Status"), f"status {where}"),
            )
        )
    )
    return Reply(text("Why · {app} on {env}", app=str(app.name), env=str(app.env)), tuple(blocks))


# --- what fires, and its figure -------------------------------------------------------------------


def _firing(world: World, app: App) -> tuple[list[Alert], list[Block]]:
    places = {(scope.namespace, scope.workload) for scope in app.scopes}
    try:
        listed = world.alerts.list(tuple(sorted({scope.namespace for scope in app.scopes})))
    except IntegrationError as error:
        return [], [Paragraph(text("Whether alerts fire cannot be seen now: {why}", why=error.what))]
    found = [a for a in listed if a.is_firing and (a.labels.get("namespace"), a.labels.get("app")) in places]
    found.sort(key=lambda alert: alert.order)
    if not found:
        return [], [Paragraph(text("No alert fires for it."))]
    lines: list[Block] = [Paragraph(_alert(alert)) for alert in found[:ALERTS]]
    if len(found) > ALERTS:
        lines.append(Note(text("{n} more fire.", n=len(found) - ALERTS)))
    return found, lines


def _alert(alert: Alert) -> Text:
    summary = masked(alert.annotations.get("summary", ""))
    silenced = text(", silenced") if alert.silenced_by else text("")
    line = text("*{name}* fires since {at}{silenced}", name=alert.name, at=alert.starts, silenced=silenced)
    return text("{line}: {summary}", line=line, summary=summary) if summary else text("{line}.", line=line)


def _measured(world: World, app: App, firing: Sequence[Alert]) -> list[Block]:
    """What the first rule that says so measures, beside its limit; else the app's errors."""
    for alert in firing:
        rule = world.metrics.threshold(alert.rule) if alert.rule else None
        if rule is not None:
            above = text("fires above {limit}", limit=f"{rule.limit:.3g}")
            if not rule.is_above:
                above = text("fires below {limit}", limit=f"{rule.limit:.3g}")
            name = text("{alert}", alert=alert.name)
            figure = _figure(world, app, rule.measured, name, lambda value: f"{value:.3g}", limit=rule.limit)
            if figure is not None:
                sentence, chart = figure
                return [Paragraph(text("{sentence}; {above}.", sentence=sentence, above=above)), *chart]
    figure = _figure(world, app, Measure.ERRORS, text("Errors"), lambda value: said(ERRORS, value), scale=ERRORS.scale)
    if figure is None:
        return [Paragraph(text("*Errors*: no data in the last {span}.", span=SPAN))]
    sentence, chart = figure
    return [Paragraph(text("{sentence}.", sentence=sentence)), *chart]


def _figure(
    world: World,
    app: App,
    what: Measure | Expression,
    name: Text,
    show: Callable[[float], str],
    *,
    limit: float | None = None,
    scale: float = 1.0,
) -> tuple[Text, list[Block]] | None:
    """A sentence and its chart; None where there is nothing to be said."""
    span = SPAN
    try:
        points = newest(world, app, what, span)
        if 0 < len(points) < FEW:
            span = SHORT
            points = newest(world, app, what, span)
    except (IntegrationError, BadArguments):
        return None
    if not points:
        return None
    values = [value for _, value in points]
    sentence = text(
        "*{name}: {now}* now, in the last {span} {low} to {high}",
        name=name,
        now=show(values[-1]),
        span=span,
        low=show(min(values)),
        high=show(max(values)),
    )
    if len(points) < 2:
        return sentence, []
    unit, shown = "", name
    if what is Measure.ERRORS:
        unit, shown = ERRORS.unit, text("errors in {unit}", unit=ERRORS.unit)
    title = text("{app} on {env}, {name}, {span}", app=str(app.name), env=str(app.env), name=shown, span=span)
    drawn = tuple((at, round(scale * value, 4)) for at, value in points[-POINTS:])
    return sentence, [Chart(title, unit, (Series(name, drawn),), limit)]


# --- changes ----------------------------------------------------------------------------------------


def _changes(world: World, app: App, began: datetime | None) -> list[Block]:
    """Of the last hours before it began, the suspect first, and why others are unlikely."""
    since = (began or world.now) - SUSPECT_WITHIN
    recent = [
        op
        for op in world.book.operations(OperationFilter(env=str(app.env), kinds=CHANGES, limit=60))
        if op.started is not None and (op.ended is None or op.ended >= since) and _is_visible(world, app, op)
    ]
    hours = text("*Changes, last {span}*", span=SUSPECT_WITHIN)
    if not recent:
        return [Paragraph(text("{hours}: none.", hours=hours))]
    own = [op for op in recent if op.app == str(app.name)]
    blamed = suspect(own, began) if began is not None else None
    recent.sort(key=lambda op: (op is not blamed, -(op.started or world.now).timestamp()))
    lines: list[Block] = [Paragraph(hours)]
    lines += [Paragraph(_change(op, app, blamed, began)) for op in recent[:SHOWN]]
    if len(recent) > SHOWN:
        lines.append(Note(text("{n} more.", n=len(recent) - SHOWN)))
    return lines


def _is_visible(world: World, app: App, op: Operation) -> bool:
    if op.app == str(app.name):
        return True
    try:
        other = world.apps.locate(AppName(op.app), app.env)
    except (UnknownName, IntegrationError, ValueError):
        return False
    return world.rules.may("workloads:read", other)


def _change(op: Operation, app: App, blamed: Operation | None, began: datetime | None) -> Text:
    assert op.started is not None
    line = text(
        "• {at} {title}, by {who} ({id})",
        at=op.started,
        title=load_face(op.face).title,
        who=str(op.requester),
        id=op.id,
    )
    if began is None:
        return line
    if op is blamed:
        return text("{line}: *suspect*, {when}", line=line, when=how_long_before(op.started, began))
    if op.started > began:
        why = text("began after it")
    elif op.app != str(app.name):
        why = text("another app")
    else:
        why = text("a newer change came after it")
    return text("{line}: unlikely, {why}", line=line, why=why)


# --- logs and pods ----------------------------------------------------------------------------------


def _news(world: World, app: App) -> list[Block]:
    """Of warnings and errors; of every line where none has a level."""
    try:
        for level in (Level.WARN, None):
            query = LogQuery(app.scopes, world.now - SPAN, world.now, level=level, limit=1)
            page = world.logs.search(query)
            if page.total:
                break
        news = new_since(world, app, query, page)
    except IntegrationError as error:
        return [Paragraph(text("*Logs* cannot be read now: {why}", why=error.what))]
    if news is None:
        return []
    if news.unsure is not None:
        unsure = text("*New in the logs since {version}*: not known, {why}.", version=news.version, why=news.unsure)
        return [Paragraph(unsure)]
    if not news.patterns:
        return [Paragraph(text("*New in the logs since {version}*: nothing.", version=news.version))]
    words = "\n".join(f"{each.count:>6}  {masked(each.template)}" for each in news.patterns)
    return [Paragraph(text("*New in the logs since {version}*", version=news.version)), Code(words, "patterns.txt")]


def _pods(world: World, app: App) -> list[Block]:
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    lines: list[Block] = []
    try:
        for target in targets(world, app):
            rollout = world.cluster(target.scope.cluster).workloads.rollout(target.ref)
            workload = rollout.workload
            restarts = counted(sum(pod.restarts for pod in rollout.pods), "{n} restart", "{n} restarts")
            line = text(
                "*Pods:* {n} of {all} ready, {restarts}.", n=workload.serving, all=workload.replicas, restarts=restarts
            )
            troubles = [explain(trouble, version_of(target.image, known)) for trouble in rollout.troubles[:2]]
            lines += [Paragraph(line), *map(Paragraph, troubles)]
    except (Preflight, IntegrationError) as error:
        lines.append(Paragraph(text("*Pods* cannot be seen now: {why}", why=error.what)))
    return lines


COMMAND = Command(
    "why",
    "what points to the cause: alerts, changes, new log patterns, pods",
    Why,
    "workloads:read",
    Answers(answer),
    example="why web in prod",
)
