"""How much memory a pod of an app took at most, for plans: what is missing is said, and blocks nothing."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.errors import IntegrationError
from bot.domain.reply import Fact, Text, text
from bot.domain.templates import Template
from bot.ports.observing import Measure, MetricQuery
from bot.ports.world import World
from bot.steps.delivery import Target

WEEK = timedelta(days=7)
STEP = timedelta(minutes=30)
"""Of the samples, each of which is the most since the one before."""
_MIB = 2**20


def peak(world: World, target: Target) -> Text:
    """`the peak last week was 401 MiB`."""
    query = MetricQuery(Measure.PEAK_MEMORY, target.scope, world.now - WEEK, world.now, STEP)
    try:
        points = world.metrics.range(query).points
    except IntegrationError as error:
        return text("the peak last week is not known: {why}", why=error.what)
    if not points:
        return text("the peak last week is not known: no data")
    return text("the peak last week was {n} MiB", n=round(max(value for _, value in points) / _MIB))


def limit_of(template: Template) -> float:
    """MiB a pod; 0 where it has none."""
    return template.total("limits", "memory") / _MIB


def memory_fact(world: World, target: Target) -> Fact:
    limit = limit_of(target.running)
    most = text("limit {n} MiB a pod", n=f"{limit:g}") if limit else text("no limit")
    return Fact(text("Memory"), text("{most};\n{peak}", most=most, peak=peak(world, target)))
