"""Whether a canary may go on: its figures against stable's at the same time, judged in words.

Pure. Missing, stale or NaN figures never pass; few requests never pass; what is surely bad fails at once, also while
there are few. Knows no source of metrics: whoever asks brings the points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.reply import Text, span, text

Points = tuple[tuple[datetime, float], ...]

SURE = 3.0
"""Standard deviations: how sure a failure has to be before there are enough requests (about 1 in 1,000)."""


FEWEST = 50
"""Requests, below which nothing fails by its figures: it is looked again and again, and one bad moment is soon found."""

_LARGEST = 1e12


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"
    NO_DATA = "no data"


class Gauge(StrEnum):
    ERRORS = "errors"
    LATENCY = "latency"
    RESTARTS = "restarts"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the canary is held to, always beside stable."""

    errors_over: float = 0.01
    """How much more of its requests than of stable's may fail: 0.01 is one point."""
    latency_times: float = 1.2
    """Its 95th percentile may be so many times stable's,"""
    latency_over: float = 0.010
    """or so many seconds above it, whichever allows more."""
    requests: int = 500
    """That it must have answered before it can pass."""
    fresh: timedelta = timedelta(seconds=60)
    """The newest figure may not be older, beside the time between two figures."""


@dataclass(frozen=True, slots=True)
class Pair:
    canary: Points
    stable: Points

    def together(self) -> Pair:
        """Only moments at which both are known."""
        canary, stable = dict(_finite(self.canary)), dict(_finite(self.stable))
        moments = sorted(canary.keys() & stable.keys())
        return Pair(tuple((at, canary[at]) for at in moments), tuple((at, stable[at]) for at in moments))


@dataclass(frozen=True, slots=True)
class Evidence:
    now: datetime
    step: timedelta
    """Between two points."""
    requests: Pair
    """A second."""
    errors: Pair
    """Share of failed requests, 0 to 1."""
    latency: Pair
    """Seconds, 95th percentile."""
    restarts: int
    """Of the canary's pods."""
    missing: Text | None = None
    """Why nothing could be asked."""


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: Outcome
    words: Text
    """`Errors 0.4 % against 0.5 % on stable, limit 1.5 %. ...`: every figure beside its limit."""
    gauge: Gauge = Gauge.ERRORS
    """What decided it: this one is shown."""
    limit: float | None = None
    """Of that gauge, in its own unit."""
    share: float | None = None
    """Of the requests that the canary got, 0 to 1; None where it is not known."""


def judge(evidence: Evidence, limits: Limits) -> Judgement:
    share = _share(evidence.requests.together())
    if evidence.restarts:
        words = text("The canary restarted: {n} restarts, limit 0.", n=evidence.restarts)
        return Judgement(Outcome.FAIL, words, Gauge.RESTARTS, 0.0, share)
    if evidence.missing is not None:
        return Judgement(Outcome.NO_DATA, evidence.missing, share=share)
    seen = _requests(evidence)
    if seen is None:
        return Judgement(Outcome.NO_DATA, text("Nothing is known of the canary's requests."), share=share)
    counted = text("{seen} requests seen, {needed} needed.", seen=f"{int(seen):,}", needed=f"{limits.requests:,}")
    if seen < 1:
        return Judgement(Outcome.NOT_ENOUGH, counted, share=share)
    errors, latency = evidence.errors.together(), evidence.latency.together()
    # Latency is looked at last: a version that fails all its requests may be quick about it.
    known: list[Text] = []
    for gauge, pair in ((Gauge.ERRORS, errors), (Gauge.LATENCY, latency)):
        if said := _stale(pair, gauge, evidence.now, limits.fresh + evidence.step):
            known.append(said)
            return Judgement(Outcome.NO_DATA, _joined([*known, counted]), gauge, share=share)
        canary, stable = mean(pair.canary), mean(pair.stable)
        limit = _limit(gauge, stable, limits)
        known.append(_compared(gauge, canary, stable, limit))
        if _is_over(gauge, canary, limit, seen, limits):
            return Judgement(Outcome.FAIL, _joined([*known, counted]), gauge, limit, share)
    outcome = Outcome.PASS if seen >= limits.requests else Outcome.NOT_ENOUGH
    return Judgement(
        outcome, _joined([*known, counted]), Gauge.ERRORS, _limit(Gauge.ERRORS, mean(errors.stable), limits), share
    )


def mean(points: Points) -> float:
    return sum(value for _, value in points) / len(points)


def surely_at_least(rate: float, seen: float) -> float:
    """Wilson's lower bound of a share that was `rate` among `seen`, SURE deviations down.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    z2 = SURE * SURE
    middle = rate + z2 / (2 * seen)
    spread = SURE * math.sqrt(rate * (1 - rate) / seen + z2 / (4 * seen * seen))
    return max(0.0, (middle - spread) / (1 + z2 / seen))


def _is_over(gauge: Gauge, canary: float, limit: float, seen: float, limits: Limits) -> bool:
    if canary <= limit:
        return False
    if seen >= limits.requests:
        return True
    is_sure = seen >= FEWEST and surely_at_least(min(1.0, canary), seen) > limit
    return gauge is Gauge.ERRORS and is_sure


def _limit(gauge: Gauge, stable: float, limits: Limits) -> float:
    if gauge is Gauge.ERRORS:
        return stable + limits.errors_over
    return max(stable * limits.latency_times, stable + limits.latency_over)


def _finite(points: Iterable[tuple[datetime, float]]) -> Points:
    """Also without what no rate, share or time can be."""
    return tuple((at, value) for at, value in points if math.isfinite(value) and 0 <= value <= _LARGEST)


def _requests(evidence: Evidence) -> float | None:
    points = _finite(evidence.requests.canary)
    return sum(value for _, value in points) * evidence.step.total_seconds() if points else None


def _share(requests: Pair) -> float | None:
    """Of the newest quarter: rates look back, and the first of them still see the share before."""
    newest = -(-len(requests.canary) // 4)
    canary = sum(value for _, value in requests.canary[-newest:])
    everything = canary + sum(value for _, value in requests.stable[-newest:])
    return canary / everything if everything > 0 else None


def _stale(pair: Pair, gauge: Gauge, now: datetime, fresh: timedelta) -> Text | None:
    name = _NAMES[gauge]
    if not pair.canary:
        return text("{name}: no figure of canary and stable at the same time.", name=name)
    age = now - pair.canary[-1][0]
    if age > fresh:
        return text("{name}: the last figure is {age} old.", name=name, age=span(age))
    return None


_NAMES = {Gauge.ERRORS: "Errors", Gauge.LATENCY: "p95", Gauge.RESTARTS: "Restarts"}


def _compared(gauge: Gauge, canary: float, stable: float, limit: float) -> Text:
    return text(
        "{name} *{canary}* against {stable} on stable, limit {limit}.",
        name=_NAMES[gauge],
        canary=said(gauge, canary),
        stable=said(gauge, stable),
        limit=said(gauge, limit),
    )


def said(gauge: Gauge, value: float) -> str:
    """`0.4 %`, `212 ms`."""
    match gauge:
        case Gauge.ERRORS:
            return f"{100 * value:.1f} %"
        case Gauge.LATENCY:
            return f"{1000 * value:,.0f} ms"
        case Gauge.RESTARTS:
            return f"{value:.0f}"


def _joined(parts: list[Text]) -> Text:
    return text(" ".join(f"{{p{n}}}" for n in range(len(parts))), **{f"p{n}": part for n, part in enumerate(parts)})
