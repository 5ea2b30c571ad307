"""A measured figure over a span up to now, in as many samples as Slack draws by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from bot.ports.apps import App
from bot.ports.observing import Expression, Measure, MetricQuery
from bot.ports.world import World

POINTS = 20
"""Of a chart that Slack draws."""


def newest(world: World, app: App, what: Measure | Expression, span: timedelta) -> tuple[tuple[datetime, float], ...]:
    """Of the app's first cluster. Raises IntegrationError, BadArguments."""
    step = timedelta(seconds=ceil(span.total_seconds() / (POINTS - 1)))
    # Whole steps back from now: the last point is what is now, and not what was up to a step ago.
    since = world.now - (POINTS - 1) * step
    return world.metrics.range(MetricQuery(what, app.scopes[0], since, world.now, step)).points
