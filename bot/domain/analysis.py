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

from bot.domain.reply import Chart, Text, span, text

Points = tuple[tuple[datetime, float], ...]

SURE = 3.0
"""Standard deviations: how sure a failure has to be before there are enough requests (about 1 in 1,000)."""


FEWEST = 50
"""Requests, below which nothing fails by its figures: it is looked again and again, and one bad moment is soon found."""

LARGEST = 1e12


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"
    NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class Criterion:
    """A figure of a version and what it is held to. `over` and `times` are about stable's figure at the same time, and
    whichever allows more counts; `limit` is a number of its own and holds besides. At least one of the three is there.
    """

    name: str
    unit: str = ""
    scale: float = 1.0
    """A figure is shown so many times what was measured: 100 for a share as a percentage."""
    over: float | None = None
    """How much worse than stable's it may be, as measured."""
    times: float | None = None
    """How many times stable's it may be; below 1 where more is better."""
    limit: float | None = None
    """As measured."""
    is_more_better: bool = False
    is_share: bool = False
    """Of requests, 0 to 1: chance can be told from failure before there are enough of them."""
    least: float = 0.0
    """No such figure is below it: a point that is, is none."""

    @property
    def is_against_stable(self) -> bool:
        return self.over is not None or self.times is not None

    def allowed(self, stable: float | None) -> float:
        """The worst that it may be beside `stable`, as measured."""
        sign = -1.0 if self.is_more_better else 1.0
        beside: list[float] = []
        if stable is not None:
            beside += [stable + sign * self.over] if self.over is not None else []
            beside += [stable * self.times] if self.times is not None else []
        worst = [sign * max(sign * each for each in beside)] if beside else []
        worst += [self.limit] if self.limit is not None else []
        return sign * min(sign * each for each in worst)

    def is_over(self, canary: float, allowed: float) -> bool:
        return canary < allowed if self.is_more_better else canary > allowed


ERRORS = Criterion("Errors", "%", 100.0, over=0.01, is_share=True)
"""The share of requests that fail: one point more than stable's."""
LATENCY = Criterion("p95", "ms", 1000.0, over=0.010, times=1.2)
"""The 95th percentile, in seconds."""
RESTARTS = Criterion("Restarts", limit=0.0)


@dataclass(frozen=True, slots=True)
class AppMeasure:
    """A figure of the app's own, and what it is held to."""

    criterion: Criterion
    query: str
    """With placeholders (bot.ports.observing.Expression)."""


@dataclass(frozen=True, slots=True)
class Limits:
    requests: int = 500
    """That the canary must have answered before it can pass."""
    fresh: timedelta = timedelta(seconds=60)
    """The newest figure may not be older, beside the time between two figures."""


@dataclass(frozen=True, slots=True)
class Pair:
    canary: Points
    stable: Points

    def together(self, least: float = 0.0) -> Pair:
        """Only moments at which both are known."""
        canary, stable = dict(_finite(self.canary, least)), dict(_finite(self.stable, least))
        moments = sorted(canary.keys() & stable.keys())
        return Pair(tuple((at, canary[at]) for at in moments), tuple((at, stable[at]) for at in moments))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured for one criterion."""

    criterion: Criterion
    pair: Pair

    def usable(self) -> Pair:
        """What counts: moments at which both are known or, where stable is nothing to it, the canary's."""
        least = self.criterion.least
        if self.criterion.is_against_stable:
            return self.pair.together(least)
        return Pair(_finite(self.pair.canary, least), _finite(self.pair.stable, least))


@dataclass(frozen=True, slots=True)
class Evidence:
    now: datetime
    step: timedelta
    """Between two points."""
    requests: Pair
    """A second."""
    readings: tuple[Reading, ...]
    """In the order in which they are judged: a version that fails all its requests may be quick about it, so errors
    come first."""
    restarts: int
    """Of the canary's pods."""
    stable_restarts: int = 0
    missing: Text | None = None
    """Why nothing could be asked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion, judged."""

    criterion: Criterion
    canary: float
    stable: float | None
    allowed: float

    @property
    def is_over(self) -> bool:
        return self.criterion.is_over(self.canary, self.allowed)

    def figures(self) -> Text:
        """`Errors *0.4 %* against 0.5 % on stable`."""
        shown = text("{name} *{canary}*", name=self.criterion.name, canary=said(self.criterion, self.canary))
        if self.stable is None:
            return shown
        return text("{canary} against {stable} on stable", canary=shown, stable=said(self.criterion, self.stable))

    def words(self) -> Text:
        """The figures, `; limit +1.0 point` behind them."""
        return text("{figures}; limit {rule}", figures=self.figures(), rule=_rule(self))


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    why: Text | None = None
    """What is wrong beside the findings, or missing."""
    decisive: Criterion = ERRORS
    """What decided it: this one is shown first."""
    seen: float | None = None
    """Requests that the canary answered; None where it is not known."""
    needed: int = 0
    share: float | None = None
    """Of the requests that the canary got, 0 to 1; None where it is not known."""
    shared: float | None = None
    """Among how many requests that was measured."""
    failed: float = 0.0
    """About how many of the canary's requests failed."""

    def lines(self) -> tuple[Text, ...]:
        """Every figure beside its limit, the reason why not, and how many requests were seen."""
        return self._lines([finding.words() for finding in self.findings])

    @property
    def words(self) -> Text:
        """The lines as sentences."""
        return _sentences(self.lines())

    @property
    def brief(self) -> Text:
        """Sentences with a limit only where it is passed."""
        return _sentences(self._lines([each.words() if each.is_over else each.figures() for each in self.findings]))

    def _lines(self, found: list[Text]) -> tuple[Text, ...]:
        more = [self.why] if self.why is not None else []
        if self.seen is not None:
            more.append(text("{seen} requests seen, {n} needed", seen=f"{int(self.seen):,}", n=f"{self.needed:,}"))
        return (*found, *more)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a canary says: for its card while it runs, and for its thread when a share has ended."""

    outcome: Outcome
    brief: Text
    """`Errors *0.4 %* against 0.5 % on stable. ...`"""
    lines: tuple[Text, ...]
    """Every figure with its limit."""
    share: Text
    """`Asked 25 %, getting 24.8 % (traffic weight)`: below the card's bar."""
    achieved: Text
    """`Weight asked 25 %, achieved 24.8 % of 7,420 requests`: below the figures in the thread."""
    charts: tuple[Chart, ...] = ()
    """Of each criterion, the decisive one first."""
    needs_person: bool = False
    """It does not go on by itself from here."""


def judge(evidence: Evidence, limits: Limits) -> Judgement:
    share, shared = _share(evidence)
    seen = _requests(evidence)

    def judged(outcome: Outcome, why: Text | None = None, decisive: Criterion = ERRORS) -> Judgement:
        failed = _failed(evidence)
        return Judgement(outcome, tuple(findings), why, decisive, seen, limits.requests, share, shared, failed)

    findings: list[Finding] = []
    if evidence.restarts:
        words = text(
            "The canary's pods restarted: *{n}* against {stable} on stable; limit 0",
            n=evidence.restarts,
            stable=evidence.stable_restarts,
        )
        return judged(Outcome.FAIL, words, RESTARTS)
    if evidence.missing is not None:
        return judged(Outcome.NO_DATA, _ended(evidence.missing))
    if seen is None:
        return judged(Outcome.NO_DATA, text("Nothing is known of the canary's requests"))
    if seen < 1:
        return judged(Outcome.NOT_ENOUGH)
    missing: list[tuple[Text, Criterion]] = []
    for reading in evidence.readings:
        criterion, pair = reading.criterion, reading.usable()
        if unusable := _stale(pair, criterion, evidence.now, limits.fresh + evidence.step):
            missing.append((unusable, criterion))
            continue
        stable = mean(pair.stable) if pair.stable else None
        finding = Finding(criterion, mean(pair.canary), stable, criterion.allowed(stable))
        findings.append(finding)
        if _fails(finding, seen, limits):
            return judged(Outcome.FAIL, decisive=criterion)
    if missing:
        return judged(Outcome.NO_DATA, *missing[0])
    return judged(Outcome.PASS if seen >= limits.requests else Outcome.NOT_ENOUGH)


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


def _fails(finding: Finding, seen: float, limits: Limits) -> bool:
    criterion = finding.criterion
    if not finding.is_over:
        return False
    if seen >= limits.requests:
        return True
    is_sure = seen >= FEWEST and surely_at_least(min(1.0, finding.canary), seen) > finding.allowed
    return criterion.is_share and not criterion.is_more_better and is_sure


def _finite(points: Iterable[tuple[datetime, float]], least: float = 0.0) -> Points:
    """Also without what no rate, share or time can be."""
    return tuple((at, value) for at, value in points if math.isfinite(value) and least <= value <= LARGEST)


def _requests(evidence: Evidence) -> float | None:
    points = _finite(evidence.requests.canary)
    return sum(value for _, value in points) * evidence.step.total_seconds() if points else None


def _failed(evidence: Evidence) -> float:
    requests = dict(_finite(evidence.requests.canary))
    errors = next((each.pair.canary for each in evidence.readings if each.criterion == ERRORS), ())
    seconds = evidence.step.total_seconds()
    return sum(requests.get(at, 0.0) * seconds * min(1.0, share) for at, share in _finite(errors))


def _share(evidence: Evidence) -> tuple[float | None, float | None]:
    """Of the newest quarter: rates look back, and the first of them still see the share before."""
    requests = evidence.requests.together()
    newest = -(-len(requests.canary) // 4)
    canary = sum(value for _, value in requests.canary[-newest:])
    everything = canary + sum(value for _, value in requests.stable[-newest:])
    if everything <= 0:
        return None, None
    return canary / everything, everything * evidence.step.total_seconds()


def _stale(pair: Pair, criterion: Criterion, now: datetime, fresh: timedelta) -> Text | None:
    if not pair.canary:
        if not criterion.is_against_stable:
            return text("{name}: no figure of the canary", name=criterion.name)
        return text("{name}: no figure of canary and stable at the same time", name=criterion.name)
    age = now - pair.canary[-1][0]
    if age > fresh:
        return text("{name}: the last figure is {age} old", name=criterion.name, age=span(age))
    return None


def _ended(words: Text) -> Text:
    """Without its full stop: another follows."""
    return Text(words.template.removesuffix("."), words.args)


# --- figures for people -------------------------------------------------------------------------


def said(criterion: Criterion, value: float) -> str:
    """`0.4 %`, `212 ms`, `3.5`."""
    shown = criterion.scale * value
    match criterion.unit:
        case "%":
            figure = f"{shown:.1f}"
        case "ms":
            figure = f"{shown:,.0f}" if abs(shown) >= 10 else f"{shown:.2g}"
        case _:
            figure = f"{shown:,.0f}" if abs(shown) >= 100 or shown == int(shown) else f"{shown:.3g}"
    return f"{figure} {criterion.unit}".rstrip()


def _rule(finding: Finding) -> Text:
    """The one of its limits that counts: `+1.0 point`, `1.2 times`, `2 %`."""
    criterion = finding.criterion
    if finding.allowed == criterion.limit or finding.stable is None:
        return text("{limit}", limit=said(criterion, finding.allowed))
    if criterion.times is not None and finding.allowed == finding.stable * criterion.times:
        return text("{times} times", times=f"{criterion.times:g}")
    over = said(criterion, criterion.over or 0.0)
    if criterion.unit == "%":
        points = criterion.scale * (criterion.over or 0.0)
        over = f"{points:.1f} point{'' if points == 1 else 's'}"
    return text("{sign}{over}", sign="-" if criterion.is_more_better else "+", over=over)


def _sentences(lines: tuple[Text, ...]) -> Text:
    return text(" ".join(f"{{p{n}}}." for n in range(len(lines))), **{f"p{n}": each for n, each in enumerate(lines)})
