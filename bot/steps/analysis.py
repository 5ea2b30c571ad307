"""The step that judges a canary at one share: its figures against stable's, from the moment it got that share.

A failure goes back at once. What cannot be judged (no data, too few requests) waits for a person until the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from bot.domain.analysis import Evidence, Gauge, Judgement, Limits, Outcome, Pair, judge
from bot.domain.errors import IntegrationError
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Chart, Series, Text, text
from bot.domain.workloads import Mark
from bot.ports.observing import Measure, MetricQuery, Scope
from bot.ports.traffic import Route
from bot.ports.world import Hands, World
from bot.steps import rollout as rollouts
from bot.steps.canary import look
from bot.steps.weights import named

LEAST = timedelta(seconds=12)
LONGEST = timedelta(minutes=30)
"""How far back is looked: a canary may wait for a person for a day."""
AGAIN = timedelta(seconds=3)
POINTS = 20
"""Of a series: Slack draws so many by itself, and a metrics system is asked often."""


@dataclass(frozen=True, slots=True)
class Analyse:
    """Watches one share for `time`, then goes on by itself if it passes; without `time` it waits for `promote`."""

    target: ObjectRef
    stable: ObjectRef
    routes: tuple[Route, ...]
    replicas: int
    percent: int
    version: str
    old: str
    requests: int
    """That the canary must have answered before it can pass."""
    time: timedelta | None

    def describe(self) -> Text:
        if self.time is None:
            return text("compare at {percent} % until somebody promotes it", percent=self.percent)
        return text("compare at {percent} % for {time}", percent=self.percent, time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        for route in self.routes:
            if world.cluster(route.ref.cluster).traffic.split(route).weight != self.percent:
                return Progress(Standing.FAILED, why=text(rollouts.CHANGED, target=str(route.ref)))
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.target.name))
        if failed := rollouts.judge(rollout, self.version):
            return failed
        evidence = _evidence(world, self.stable, self.target, held, sum(pod.restarts for pod in rollout.pods))
        judgement = judge(evidence, Limits(requests=self.requests))
        words = text("*Verdict: {verdict}.* {words}", verdict=judgement.outcome.value, words=judgement.words)
        report = text("{words} {share}", words=words, share=_share(judgement, self))
        chart = _chart(evidence, judgement, version=self.version, old=self.old)
        ready, all_pods = rollout.workload.available, self.replicas
        is_over = self.time is not None and held >= self.time
        why: Text | None = None
        match judgement.outcome:
            case Outcome.FAIL:
                why = text("{version} did worse than {old}. {words}", version=self.version, old=self.old, words=words)
                return Progress(Standing.FAILED, why=why, done=ready, of=all_pods, report=report, chart=chart)
            case Outcome.PASS if is_over and ready >= all_pods:
                standing = Standing.DONE
            case Outcome.PASS:
                standing, why = Standing.WAITING, text("nobody promoted it in time")
            case _:
                standing, why = Standing.WAITING, text("It could not be judged in time. {words}", words=words)
        return Progress(standing, why, ready, all_pods, report, chart, self._again(held))

    def _again(self, held: timedelta) -> timedelta:
        """Metrics are not asked every second, but the end of the time is not slept over."""
        if self.time is None or held >= self.time:
            return AGAIN
        return min(AGAIN, self.time - held)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


def _evidence(world: World, stable: ObjectRef, canary: ObjectRef, held: timedelta, restarts: int) -> Evidence:
    since = world.now - min(max(held, LEAST), LONGEST)
    missing: Text | None = None

    def points(measure: Measure, ref: ObjectRef) -> tuple[tuple[datetime, float], ...]:
        nonlocal missing
        scope = Scope(ref.cluster, ref.namespace, ref.name)
        try:
            return world.metrics.range(MetricQuery(measure, scope, since, world.now, _step(world.now - since))).points
        except IntegrationError as error:
            missing = missing or error.what
            return ()

    def pair(measure: Measure) -> Pair:
        return Pair(points(measure, canary), points(measure, stable)) if missing is None else Pair((), ())

    requests, errors, latency = pair(Measure.REQUESTS), pair(Measure.ERRORS), pair(Measure.LATENCY)
    return Evidence(world.now, _step(world.now - since), requests, errors, latency, restarts, missing)


def _step(whole: timedelta) -> timedelta:
    return timedelta(seconds=max(1, ceil(whole.total_seconds() / (POINTS - 1))))


def _share(judgement: Judgement, step: Analyse) -> Text:
    route = ", ".join(named(each) for each in step.routes)
    if judgement.share is None:
        return text("Asked {asked} % ({route}); what it gets is not known.", asked=step.percent, route=route)
    return text(
        "Asked {asked} %, getting {share} % ({route}).",
        asked=step.percent,
        share=f"{100 * judgement.share:.1f}",
        route=route,
    )


def _chart(evidence: Evidence, judgement: Judgement, *, version: str, old: str) -> Chart | None:
    gauge = Gauge.LATENCY if judgement.gauge is Gauge.LATENCY else Gauge.ERRORS
    pair = (evidence.latency if gauge is Gauge.LATENCY else evidence.errors).together()
    if len(pair.canary) < 2:
        return None
    factor, unit = (1000.0, "ms") if gauge is Gauge.LATENCY else (100.0, "%")

    def series(name: Text, points: tuple[tuple[datetime, float], ...]) -> Series:
        return Series(name, tuple((at, round(factor * value, 2)) for at, value in points))

    name = "p95" if gauge is Gauge.LATENCY else "Errors"
    limit = round(factor * judgement.limit, 2) if judgement.limit is not None and judgement.gauge is gauge else None
    title = text("{name} in {unit}, canary and stable", name=name, unit=unit)
    canary, stable = text("canary {version}", version=version), text("stable {version}", version=old)
    return Chart(title, unit, (series(canary, pair.canary), series(stable, pair.stable)), limit)
