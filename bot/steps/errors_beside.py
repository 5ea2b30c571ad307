"""What a rollout does to its app's requests, beside whether its pods are ready: the share of errors now and before it.

Said on the card and nothing more: nothing goes back because of it, and a metrics system that does not answer holds up
nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.analysis import ERRORS, mean, said
from bot.domain.errors import IntegrationError
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.ports.observing import Measure, MetricQuery, Scope
from bot.ports.world import World

EVERY = timedelta(seconds=10)
"""Metrics are not asked at each look at the pods."""
NOW = timedelta(minutes=1)
BEFORE = timedelta(minutes=10)
STEP = timedelta(seconds=15)
ALIKE = 0.002
"""Shares that differ by less are "as before"."""


def with_errors(found: Progress, world: World, target: ObjectRef, mark: Mark) -> Progress:
    """The same progress, with what the card says of errors; taken over from the last look where that was just now."""
    if found.standing not in {Standing.UNDERWAY, Standing.DONE}:
        return found
    operation = world.book.operation(mark.operation)
    last = operation.seen if operation is not None else None
    if last is not None and last.errors_at is not None and world.now - last.errors_at < EVERY:
        return replace(found, errors=last.errors, errors_at=last.errors_at)
    began = operation.started if operation is not None and operation.started is not None else world.now
    return replace(found, errors=_words(world, target, began), errors_at=world.now)


def _words(world: World, target: ObjectRef, began: datetime) -> Text:
    scope = Scope(target.cluster, target.namespace, target.name)
    try:
        now = _share(world, scope, max(began, world.now - NOW), world.now)
        before = _share(world, scope, began - BEFORE, began)
    except IntegrationError as error:
        return text("Errors not known: {why}", why=error.what)
    if now is None:
        return text("Errors not known: no requests are measured.")
    figure = said(ERRORS, now)
    if before is None:
        return text("Errors {now}; before is not known", now=figure)
    if abs(now - before) < ALIKE or figure == said(ERRORS, before):
        return text("Errors {now}, as before", now=figure)
    if now > before:
        return text("Errors *{now}*, before {before}", now=figure, before=said(ERRORS, before))
    return text("Errors {now}, before {before}", now=figure, before=said(ERRORS, before))


def _share(world: World, scope: Scope, since: datetime, until: datetime) -> float | None:
    """Mean of the samples; None: there are none."""
    if until - since < STEP:
        since = until - STEP
    points = world.metrics.range(MetricQuery(Measure.ERRORS, scope, since, until, STEP)).points
    return mean(points) if points else None
