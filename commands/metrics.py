"""`metrics APP in ENV`: requests, errors and latency of an app, as sentences and as charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.analysis import ERRORS, LATENCY, Criterion, mean, said
from bot.domain.errors import BadArguments, IntegrationError
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Chart, Note, Paragraph, Reply, Series, Text, span, text
from bot.ports.apps import App
from bot.ports.observing import Measure
from bot.ports.world import World
from bot.steps.figures import POINTS, newest

LONGEST = timedelta(days=7)
SHORTEST = timedelta(minutes=5)
REQUESTS = Criterion("Requests", "a second")
SHOWN = ((Measure.ERRORS, ERRORS), (Measure.LATENCY, LATENCY), (Measure.REQUESTS, REQUESTS))


@dataclass(frozen=True, slots=True)
class Metrics:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]
    since: Annotated[timedelta, Arg("how far back", example="1h")] = timedelta(hours=1)


def answer(params: Metrics, world: World) -> Reply:
    if not SHORTEST <= params.since <= LONGEST:
        raise BadArguments(text("since has to be {a} to {b}.", a=SHORTEST, b=LONGEST), field="since")
    app = world.apps.locate(params.app, params.env)
    sentences: list[Text] = []
    charts: list[Chart] = []
    for measure, criterion in SHOWN:
        sentence, chart = _measured(world, app, measure, criterion, params.since)
        sentences.append(sentence)
        charts += [chart] if chart is not None else []
    blocks: list[Block] = [Paragraph(sentence) for sentence in sentences]
    blocks += charts[:2]
    if len(app.scopes) > 1:
        blocks.append(Note(text("Of cluster {name}, the first of {n}.", name=app.scopes[0].cluster, n=len(app.scopes))))
    where = f"{app.name} in {app.env}"
    blocks.append(Buttons((Button(text("Logs"), f"logs {where}"), Button(text("Status"), f"status {where}"))))
    return Reply(text("Metrics · {app} on {env}", app=str(app.name), env=str(app.env)), tuple(blocks))


def _measured(
    world: World, app: App, measure: Measure, criterion: Criterion, since: timedelta
) -> tuple[Text, Chart | None]:
    """A sentence and, where there is enough of it, a chart; what is missing is said."""
    name = criterion.name
    try:
        points = newest(world, app, measure, since)
    except IntegrationError as error:
        return text("*{name}* not known: {why}", name=name, why=error.what), None
    if not points:
        return text("*{name}*: no data in the last {since}.", name=name, since=since), None
    values = [value for _, value in points]
    sentence = text(
        "*{name} {now}*, in the last {since} {low} to {high}, on average {mean}.",
        name=name,
        now=said(criterion, values[-1]),
        since=since,
        low=said(criterion, min(values)),
        high=said(criterion, max(values)),
        mean=said(criterion, mean(points)),
    )
    if len(points) < 2:
        return sentence, None
    drawn = tuple((at, round(criterion.scale * value, 3)) for at, value in points[-POINTS:])
    unit = text(" in {unit}", unit=criterion.unit) if criterion.unit == "%" else text(", {unit}", unit=criterion.unit)
    title = text(
        "{app} on {env}, {name}{unit}, {since}",
        app=str(app.name),
        env=str(app.env),
        name=name if name == LATENCY.name else name.lower(),
        unit=unit,
        since=span(since),
    )
    return sentence, Chart(title, criterion.unit, (Series(text("{name}", name=name), drawn),))


COMMAND = Command(
    "metrics",
    "an app's requests, errors and latency",
    Metrics,
    "metrics:read",
    Answers(answer),
    example="metrics web in prod",
)
