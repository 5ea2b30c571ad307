"""The step that judges a canary at one share: its figures against stable's, from the moment it got that share.

By weights and by replicas alike. A failure goes back at once. What cannot be judged (no data, too few requests) waits for
a person until the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from bot.domain.analysis import (
    ERRORS,
    LATENCY,
    AppMeasure,
    Evidence,
    Judgement,
    Limits,
    Outcome,
    Pair,
    Points,
    Reading,
    Verdict,
    judge,
    mean,
)
from bot.domain.errors import IntegrationError
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Chart, Series, Text, span, text
from bot.domain.workloads import Mark, Rollout
from bot.ports.observing import Expression, Measure, MetricQuery, Scope
from bot.ports.traffic import Route
from bot.ports.world import Hands, World
from bot.steps import rollout as rollouts
from bot.steps.canary import look
from bot.steps.progressive import HoldStop, ready_of
from bot.steps.progressive import look as where

LEAST = timedelta(seconds=12)
LONGEST = timedelta(minutes=30)
"""How far back is looked: a canary may wait for a person for a day."""
AGAIN = timedelta(seconds=3)
POINTS = 20
"""Of a series: Slack draws so many by itself, and a metrics system is asked often."""
APART = timedelta(seconds=30)
"""At most, its points: over a long hold there are more of them, and they become a picture."""


@dataclass(frozen=True, slots=True)
class Analyse:
    """Watches one share for `time`, then goes on by itself if it passes; without `time` it waits for `promote`."""

    target: ObjectRef
    stable: ObjectRef
    routes: tuple[Route, ...]
    """That share the requests; none: the pods behind one Service do."""
    replicas: int
    percent: int
    version: str
    old: str
    requests: int
    """That the canary must have answered before it can pass."""
    time: timedelta | None
    measures: tuple[AppMeasure, ...] = ()
    """Beside errors and latency."""
    stop: HoldStop | None = None
    """Of a Rollout, where it stands: `target` and `stable` are the same then, and its pods are told apart by their hash."""

    @property
    def is_weighted(self) -> bool:
        return bool(self.routes) or (self.stop is not None and self.stop.is_routed)

    def describe(self) -> Text:
        if self.time is None:
            return text("compare at {percent} % until somebody promotes it", percent=self.percent)
        return text("compare at {percent} % for {time}", percent=self.percent, time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        if self.stop is not None:
            return self._at_stop(self.stop, world, mark, held)
        for route in self.routes:
            if world.cluster(route.ref.cluster).traffic.split(route).weight != self.percent:
                return Progress(Standing.FAILED, why=text(rollouts.CHANGED, target=str(route.ref)))
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.target.name))
        if failed := rollouts.judge(rollout, self.version):
            return failed
        stable = world.cluster(self.stable.cluster).workloads.rollout(self.stable)
        pods = (rollout.workload.ready, stable.workload.ready)
        return self._judged(world, held, rollout, stable, pods=pods, ready=rollout.workload.available)

    def _at_stop(self, stop: HoldStop, world: World, mark: Mark, held: timedelta) -> Progress:
        there = stop.observe(world, mark, held)
        if there.standing is not Standing.WAITING:
            return there
        rollout, stands = where(world, self.target)
        mine = ready_of(rollout)
        new, old = (replace(self.target, name=f"{self.target.name}-{hash}") for hash in (stands.current, stands.stable))
        apart = replace(self, target=new, stable=old)
        # Restarts of stable's pods are not looked at: none of the new ones may restart.
        rollout = replace(rollout, replica_set=new.name)
        beside = replace(rollout, pods=(), troubles=(), replica_set=old.name)
        pods = (mine, max(0, rollout.workload.ready - mine))
        return apart._judged(world, held, rollout, beside, pods=pods, ready=mine)

    def _judged(
        self, world: World, held: timedelta, canary: Rollout, stable: Rollout, *, pods: tuple[int, int], ready: int
    ) -> Progress:
        """`pods`: how many are ready of canary and stable; `ready`: of the canary, those that count."""
        evidence = _evidence(self, world, held, canary, stable)
        judgement = judge(evidence, Limits(requests=self.requests))
        is_over = self.time is not None and held >= self.time
        verdict = _verdict(self, evidence, judgement, pods=pods, held=held)
        all_pods = self.replicas
        report = text(
            "*Verdict: {verdict}.* {words} {share}",
            verdict=judgement.outcome.value,
            words=judgement.words,
            share=verdict.share,
        )
        why: Text | None = None
        match judgement.outcome:
            case Outcome.FAIL:
                standing = Standing.FAILED
                why = _worse(self, judgement)
            case Outcome.PASS if is_over and ready >= all_pods:
                standing = Standing.DONE
            case Outcome.PASS:
                standing, why = Standing.WAITING, text("nobody promoted it in time")
            case _:
                standing, why = Standing.WAITING, text("It could not be judged in time. {words}", words=judgement.words)
        return Progress(standing, why, ready, all_pods, report, verdict, self._again(held))

    def _again(self, held: timedelta) -> timedelta:
        """Metrics are not asked every second, but the end of the time is not slept over."""
        if self.time is None or held >= self.time:
            return AGAIN
        return min(AGAIN, self.time - held)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


def _evidence(step: Analyse, world: World, held: timedelta, canary: Rollout, stable: Rollout) -> Evidence:
    since = world.now - min(max(held, LEAST), LONGEST)
    between = min(APART, timedelta(seconds=max(1, ceil((world.now - since).total_seconds() / (POINTS - 1)))))
    missing: Text | None = None

    # By their sets: a canary before it had the same name, and rates look back to its pods' last requests.
    scopes = {
        track: Scope(ref.cluster, ref.namespace, ref.name, rollout.replica_set)
        for track, ref, rollout in (("canary", step.target, canary), ("stable", step.stable, stable))
    }

    def points(measure: Measure | Expression, scope: Scope) -> Points:
        nonlocal missing
        try:
            return world.metrics.range(MetricQuery(measure, scope, since, world.now, between)).points
        except IntegrationError as error:
            missing = missing or error.what
            return ()

    def pair(measure: Measure | str) -> Pair:
        if missing is not None:
            return Pair((), ())
        mine, theirs = (
            points(measure if isinstance(measure, Measure) else Expression(measure, track), scope)
            for track, scope in scopes.items()
        )
        return Pair(mine, theirs)

    requests = pair(Measure.REQUESTS)
    readings = [Reading(ERRORS, pair(Measure.ERRORS)), Reading(LATENCY, pair(Measure.LATENCY))]
    readings += [Reading(each.criterion, pair(each.query)) for each in step.measures]
    restarts, beside = (sum(pod.restarts for pod in each.pods) for each in (canary, stable))
    return Evidence(world.now, between, requests, tuple(readings), restarts, beside, missing)


def _worse(step: Analyse, judgement: Judgement) -> Text:
    why = text(
        "{version} did worse than {old} at {percent} %. *Verdict: fail.* {brief}",
        version=step.version,
        old=step.old,
        percent=step.percent,
        brief=judgement.brief,
    )
    if judgement.failed < 1:
        return why
    return text("{why} About {n} requests to it got an error.", why=why, n=f"{judgement.failed:,.0f}")


# --- in words -----------------------------------------------------------------------------------


def _verdict(
    step: Analyse, evidence: Evidence, judgement: Judgement, *, pods: tuple[int, int], held: timedelta
) -> Verdict:
    share, achieved = _shares(step, judgement, pods)
    match judgement.outcome:
        case Outcome.PASS:
            needs_person = step.time is None
        case _:
            needs_person = step.time is not None and held >= step.time
    charts = [_chart(reading, evidence, version=step.version, old=step.old) for reading in evidence.readings]
    found = [chart for chart in charts if chart is not None]
    found.sort(key=lambda chart: chart.title.args.get("name") != judgement.decisive.name)
    return Verdict(
        outcome=judgement.outcome,
        brief=judgement.brief,
        lines=judgement.lines(),
        share=share,
        achieved=achieved,
        charts=tuple(found),
        needs_person=needs_person,
    )


def _shares(step: Analyse, judgement: Judgement, pods: tuple[int, int]) -> tuple[Text, Text]:
    """For the card and for the thread. Measured where requests are; of pods alone only what they would give is known."""
    mine, every = pods[0], sum(pods)
    how = text("traffic weight") if step.is_weighted else text("{n} of {all} pods", n=mine, all=every)
    asked = (
        text("Weight asked {asked} %", asked=step.percent)
        if step.is_weighted
        else text("Asked {asked} %", asked=step.percent)
    )
    if judgement.share is not None and judgement.shared is not None:
        measured = f"{100 * judgement.share:.1f}"
        card = text("Asked {asked} %, getting {share} % ({how})", asked=step.percent, share=measured, how=how)
        seen = f"{judgement.shared:,.0f}"
        thread = text("{asked}, achieved {share} % of {seen} requests", asked=asked, share=measured, seen=seen)
        return card, thread if step.is_weighted else text("{thread} ({how})", thread=thread, how=how)
    if step.is_weighted:
        unknown = text("{asked}; what it gets is not known", asked=asked)
        return unknown, unknown
    by_pods = round(100 * mine / every) if every else 0
    guess = text(
        "Asked {asked} %, getting {share} % by pods ({how}); requests are not measured",
        asked=step.percent,
        share=by_pods,
        how=how,
    )
    return guess, guess


def _chart(reading: Reading, evidence: Evidence, *, version: str, old: str) -> Chart | None:
    criterion, pair = reading.criterion, reading.usable()
    if len(pair.canary) < 2:
        return None

    def series(name: Text, points: Points) -> Series:
        return Series(name, tuple((at, round(criterion.scale * value, 3)) for at, value in points))

    lines = [series(text("canary {version}", version=version), pair.canary)]
    beside = dict(pair.stable)
    if all(at in beside for at, _ in pair.canary):
        lines.append(series(text("stable {version}", version=old), tuple((at, beside[at]) for at, _ in pair.canary)))
        limits = tuple((at, criterion.allowed(beside[at])) for at, _ in pair.canary)
    else:
        stable = mean(pair.stable) if pair.stable else None
        limits = tuple((at, criterion.allowed(stable)) for at, _ in pair.canary)
    lines.append(series(text("limit"), limits))
    long = span(evidence.now - pair.canary[0][0])
    unit = text(" in {unit}", unit=criterion.unit) if criterion.unit else text("")
    title = text("{name}{unit}, canary and stable, {long}", name=criterion.name, unit=unit, long=long)
    return Chart(title, criterion.unit, tuple(lines))
