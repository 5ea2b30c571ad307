"""The verdict on a canary: what passes, what fails, and everything that never passes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import (
    ERRORS,
    LATENCY,
    RESTARTS,
    Criterion,
    Evidence,
    Limits,
    Outcome,
    Pair,
    Points,
    Reading,
    judge,
    surely_at_least,
)
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
        readings=(
            Reading(ERRORS, Pair(points(*[errors[0]] * 10), points(*[errors[1]] * 10))),
            Reading(LATENCY, Pair(points(*[latency[0]] * 10), points(*[latency[1]] * 10))),
        ),
        restarts=restarts,
    )


def having(whole: Evidence, criterion: Criterion, pair: Pair) -> Evidence:
    """With another reading of this criterion, or one more."""
    kept = tuple(each for each in whole.readings if each.criterion != criterion)
    at = next((n for n, each in enumerate(whole.readings) if each.criterion == criterion), len(kept))
    return replace(whole, readings=(*kept[:at], Reading(criterion, pair), *kept[at:]))


def test_a_canary_as_good_as_stable_passes_with_both_figures_and_the_limits() -> None:
    found = judge(evidence(), LIMITS)
    assert found.outcome is Outcome.PASS
    assert found.words.plain() == (
        "Errors 0.4 % against 0.5 % on stable; limit +1.0 point. p95 212 ms against 205 ms on stable; limit 1.2 times. "
        "1,500 requests seen, 500 needed."
    )
    assert found.brief.plain().startswith("Errors 0.4 % against 0.5 % on stable. p95 212 ms")
    assert found.share == pytest.approx(0.25)


def test_it_is_compared_with_stable_at_the_same_time_and_not_with_a_fixed_number() -> None:
    assert judge(evidence(errors=(0.2, 0.2)), LIMITS).outcome is Outcome.PASS
    assert judge(evidence(errors=(0.02, 0.0)), LIMITS).outcome is Outcome.FAIL
    assert judge(evidence(latency=(2.0, 2.0)), LIMITS).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("found", "criterion"),
    [
        (evidence(errors=(0.08, 0.004)), ERRORS),
        (evidence(latency=(0.9, 0.2)), LATENCY),
        (evidence(restarts=1), RESTARTS),
    ],
    ids=["errors", "latency", "restarts"],
)
def test_a_worse_canary_fails(found: Evidence, criterion: Criterion) -> None:
    judgement = judge(found, LIMITS)
    assert judgement.outcome is Outcome.FAIL
    assert judgement.decisive == criterion


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
    quiet = having(evidence(rate=0.0), ERRORS, Pair((), points(0.0)))
    quiet = having(quiet, LATENCY, Pair((), points(0.2)))
    assert judge(quiet, LIMITS).outcome is Outcome.NOT_ENOUGH


@pytest.mark.parametrize("side", ["canary", "stable"])
@pytest.mark.parametrize("criterion", [None, ERRORS, LATENCY], ids=["requests", "errors", "latency"])
@pytest.mark.parametrize("values", [(), (NAN,) * 10, (INF, -INF)], ids=["missing", "NaN", "infinite"])
def test_figures_that_are_missing_never_pass(side: str, criterion: Criterion | None, values: tuple[float, ...]) -> None:
    whole = evidence()
    if criterion is None:
        broken = replace(whole, requests=replace(whole.requests, **{side: points(*values)}))
        found = judge(broken, LIMITS)
        assert found.share is None
        assert side == "stable" or found.outcome is Outcome.NO_DATA
        return
    [pair] = [each.pair for each in whole.readings if each.criterion == criterion]
    assert judge(having(whole, criterion, replace(pair, **{side: points(*values)})), LIMITS).outcome is Outcome.NO_DATA


def test_figures_that_are_old_never_pass_and_their_age_is_said() -> None:
    old = points(*[0.0] * 10, until=NOW - timedelta(minutes=10))
    found = judge(having(evidence(), ERRORS, Pair(old, old)), LIMITS)
    assert found.outcome is Outcome.NO_DATA
    assert "10 min old" in found.words.plain()


def test_what_could_not_be_asked_is_said() -> None:
    found = judge(replace(evidence(), missing=text("Prometheus did not answer in time.")), LIMITS)
    assert found.outcome is Outcome.NO_DATA
    assert "did not answer" in found.words.plain()


def test_only_moments_that_both_have_count() -> None:
    shifted = Pair(points(0.0, 0.0, until=NOW - timedelta(seconds=7)), points(0.0, 0.0))
    assert judge(having(evidence(), ERRORS, shifted), LIMITS).outcome is Outcome.NO_DATA


SHARE = Criterion("Failed checkouts", "%", 100.0, over=0.02, limit=0.05, least=-1e12)
STOCK = Criterion("Hit rate", "", times=0.9, is_more_better=True, least=-1e12)
QUEUE = Criterion("Queue", "", limit=100.0, least=-1e12)


@pytest.mark.parametrize(
    ("criterion", "canary", "stable", "outcome"),
    [
        (SHARE, 0.03, 0.02, Outcome.PASS),
        (SHARE, 0.03, 0.001, Outcome.FAIL),
        (SHARE, 0.06, 0.06, Outcome.FAIL),  # as bad as stable, and beyond what it may be at all
        (STOCK, 0.90, 0.95, Outcome.PASS),
        (STOCK, 0.80, 0.95, Outcome.FAIL),
        (STOCK, 2.00, 0.95, Outcome.PASS),
        (QUEUE, 99.0, 500.0, Outcome.PASS),
        (QUEUE, 101.0, 500.0, Outcome.FAIL),
    ],
)
def test_a_figure_of_the_apps_own_is_held_to_its_own_limits(
    criterion: Criterion, canary: float, stable: float, outcome: Outcome
) -> None:
    found = judge(having(evidence(), criterion, Pair(points(*[canary] * 5), points(*[stable] * 5))), LIMITS)
    assert found.outcome is outcome
    assert criterion.name in found.words.plain()
    if outcome is Outcome.FAIL:
        assert found.decisive == criterion


def test_a_fixed_limit_needs_no_figure_of_stable_and_one_against_stable_does() -> None:
    alone = Pair(points(*[50.0] * 5), ())
    assert judge(having(evidence(), QUEUE, alone), LIMITS).outcome is Outcome.PASS
    assert judge(having(evidence(), SHARE, alone), LIMITS).outcome is Outcome.NO_DATA


def test_one_figure_that_is_missing_does_not_hide_another_that_fails() -> None:
    broken = having(evidence(latency=(0.9, 0.2)), ERRORS, Pair((), ()))
    found = judge(broken, LIMITS)
    assert found.outcome is Outcome.FAIL
    assert found.decisive == LATENCY


def test_how_many_requests_failed_is_told() -> None:
    assert judge(evidence(errors=(0.1, 0.0)), LIMITS).failed == pytest.approx(150)


ANY = st.floats(allow_nan=True, allow_infinity=True)
SERIES = st.lists(ANY, max_size=12).map(lambda values: points(*values))
PAIRS = st.builds(Pair, SERIES, SERIES)


CRITERIA = st.builds(
    Criterion,
    name=st.just("Mine"),
    over=st.none() | st.floats(0, 10),
    times=st.none() | st.floats(0, 10),
    limit=st.floats(-100, 100),
    is_more_better=st.booleans(),
    least=st.just(-1e12),
)


@given(PAIRS, PAIRS, PAIRS, PAIRS, CRITERIA, st.integers(0, 3))
def test_whatever_the_figures_are_a_pass_has_enough_fresh_ones_within_the_limits(
    requests: Pair, errors: Pair, latency: Pair, mine: Pair, criterion: Criterion, restarts: int
) -> None:
    readings = (Reading(ERRORS, errors), Reading(LATENCY, latency), Reading(criterion, mine))
    found = judge(Evidence(NOW, STEP, requests, readings, restarts), LIMITS)
    if found.outcome is not Outcome.PASS:
        return
    assert restarts == 0
    assert sum(v for _, v in requests.canary if math.isfinite(v) and 0 <= v <= 1e12) * 15 >= LIMITS.requests
    assert len(found.findings) == len(readings)
    for reading, finding in zip(readings, found.findings, strict=True):
        both = reading.usable()
        assert both.canary
        assert NOW - both.canary[-1][0] <= LIMITS.fresh + STEP
        assert all(math.isfinite(value) for _, value in (*both.canary, *both.stable))
        assert not reading.criterion.is_over(finding.canary, finding.allowed)
        if reading.criterion.limit is not None:
            sign = -1 if reading.criterion.is_more_better else 1
            assert sign * finding.canary <= sign * reading.criterion.limit


@given(PAIRS, PAIRS, PAIRS)
def test_a_judgement_can_always_be_said(requests: Pair, errors: Pair, latency: Pair) -> None:
    readings = (Reading(ERRORS, errors), Reading(LATENCY, latency))
    found = judge(Evidence(NOW, STEP, requests, readings, 0), LIMITS)
    assert found.words.plain() or found.seen is not None
    assert found.brief.plain() is not None


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_the_sure_bound_is_never_above_what_was_seen(rate: float, seen: float) -> None:
    assert 0 <= surely_at_least(rate, seen) <= rate + 1e-9


def test_the_sure_bound_comes_near_with_more_requests() -> None:
    bounds = [surely_at_least(0.1, seen) for seen in (10, 100, 1_000, 100_000)]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(0.1, abs=0.005)
