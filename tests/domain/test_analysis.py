"""The verdict on a canary: what passes, what fails, and everything that never passes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import Evidence, Gauge, Limits, Outcome, Pair, Points, judge, surely_at_least
from bot.domain.reply import text

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=15)
LIMITS = Limits()
NAN, INF = float("nan"), float("inf")


def points(*values: float, until: datetime = NOW) -> Points:
    return tuple((until - STEP * (len(values) - 1 - n), value) for n, value in enumerate(values))


def evidence(
    *,
    rate: float = 10.0,
    errors: tuple[float, float] = (0.004, 0.005),
    latency: tuple[float, float] = (0.212, 0.205),
    restarts: int = 0,
) -> Evidence:
    return Evidence(
        NOW,
        STEP,
        requests=Pair(points(*[rate] * 10), points(*[3 * rate] * 10)),
        errors=Pair(points(*[errors[0]] * 10), points(*[errors[1]] * 10)),
        latency=Pair(points(*[latency[0]] * 10), points(*[latency[1]] * 10)),
        restarts=restarts,
    )


def test_a_canary_as_good_as_stable_passes_with_both_figures_and_the_limits() -> None:
    found = judge(evidence(), LIMITS)
    assert found.outcome is Outcome.PASS
    assert found.words.plain() == (
        "Errors 0.4 % against 0.5 % on stable, limit 1.5 %. p95 212 ms against 205 ms on stable, limit 246 ms. "
        "1,500 requests seen, 500 needed."
    )
    assert found.share == pytest.approx(0.25)


def test_it_is_compared_with_stable_at_the_same_time_and_not_with_a_fixed_number() -> None:
    assert judge(evidence(errors=(0.2, 0.2)), LIMITS).outcome is Outcome.PASS
    assert judge(evidence(errors=(0.02, 0.0)), LIMITS).outcome is Outcome.FAIL
    assert judge(evidence(latency=(2.0, 2.0)), LIMITS).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("found", "gauge"),
    [
        (evidence(errors=(0.08, 0.004)), Gauge.ERRORS),
        (evidence(latency=(0.9, 0.2)), Gauge.LATENCY),
        (evidence(restarts=1), Gauge.RESTARTS),
    ],
    ids=["errors", "latency", "restarts"],
)
def test_a_worse_canary_fails(found: Evidence, gauge: Gauge) -> None:
    judgement = judge(found, LIMITS)
    assert judgement.outcome is Outcome.FAIL
    assert judgement.gauge is gauge


def test_what_surely_fails_need_not_wait_for_enough_requests() -> None:
    few = evidence(rate=0.4, errors=(0.5, 0.0))
    assert judge(few, LIMITS).outcome is Outcome.FAIL
    fewer = evidence(rate=0.2, errors=(0.5, 0.0))
    assert judge(fewer, LIMITS).outcome is Outcome.NOT_ENOUGH
    unsure = evidence(rate=0.4, errors=(0.03, 0.0))
    assert judge(unsure, LIMITS).outcome is Outcome.NOT_ENOUGH


def test_few_requests_are_not_enough() -> None:
    found = judge(evidence(rate=0.7), LIMITS)
    assert found.outcome is Outcome.NOT_ENOUGH
    assert "105 requests seen, 500 needed." in found.words.plain()


def test_no_request_at_all_is_not_enough() -> None:
    quiet = replace(evidence(rate=0.0), errors=Pair((), points(0.0)), latency=Pair((), points(0.2)))
    assert judge(quiet, LIMITS).outcome is Outcome.NOT_ENOUGH


@pytest.mark.parametrize("gauge", ["requests", "errors", "latency"])
@pytest.mark.parametrize("side", ["canary", "stable"])
@pytest.mark.parametrize("values", [(), (NAN,) * 10, (INF, -INF)], ids=["missing", "NaN", "infinite"])
def test_figures_that_are_missing_never_pass(gauge: str, side: str, values: tuple[float, ...]) -> None:
    whole = evidence()
    pair: Pair = getattr(whole, gauge)
    broken = replace(pair, **{side: points(*values)})
    if gauge == "requests" and side == "stable":
        assert judge(replace(whole, requests=broken), LIMITS).share is None
        return
    assert judge(replace(whole, **{gauge: broken}), LIMITS).outcome is Outcome.NO_DATA  # type: ignore[arg-type]


def test_figures_that_are_old_never_pass_and_their_age_is_said() -> None:
    old = points(*[0.0] * 10, until=NOW - timedelta(minutes=10))
    found = judge(replace(evidence(), errors=Pair(old, old)), LIMITS)
    assert found.outcome is Outcome.NO_DATA
    assert "10 min old" in found.words.plain()


def test_what_could_not_be_asked_is_said() -> None:
    found = judge(replace(evidence(), missing=text("Prometheus did not answer in time.")), LIMITS)
    assert found.outcome is Outcome.NO_DATA
    assert "did not answer" in found.words.plain()


def test_only_moments_that_both_have_count() -> None:
    shifted = Pair(points(0.0, 0.0, until=NOW - timedelta(seconds=7)), points(0.0, 0.0))
    assert judge(replace(evidence(), errors=shifted), LIMITS).outcome is Outcome.NO_DATA


ANY = st.floats(allow_nan=True, allow_infinity=True)
SERIES = st.lists(ANY, max_size=12).map(lambda values: points(*values))
PAIRS = st.builds(Pair, SERIES, SERIES)


@given(PAIRS, PAIRS, PAIRS, st.integers(0, 3))
def test_whatever_the_figures_are_a_pass_has_enough_fresh_ones_within_the_limits(
    requests: Pair, errors: Pair, latency: Pair, restarts: int
) -> None:
    found = judge(Evidence(NOW, STEP, requests, errors, latency, restarts), LIMITS)
    if found.outcome is not Outcome.PASS:
        return
    assert restarts == 0
    assert sum(v for _, v in requests.canary if math.isfinite(v) and 0 <= v <= 1e12) * 15 >= LIMITS.requests
    for pair in (errors, latency):
        both = pair.together()
        assert both.canary
        assert all(math.isfinite(value) for _, value in (*both.canary, *both.stable))


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_the_sure_bound_is_never_above_what_was_seen(rate: float, seen: float) -> None:
    assert 0 <= surely_at_least(rate, seen) <= rate + 1e-9


def test_the_sure_bound_comes_near_with_more_requests() -> None:
    bounds = [surely_at_least(0.1, seen) for seen in (10, 100, 1_000, 100_000)]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(0.1, abs=0.005)
