"""Where an alert's rule begins to fire, read out of its expression; and nothing guessed where it does not say."""

from __future__ import annotations

import pytest

from bot.ports.observing import Expression, Threshold
from integrations.prometheus.expressions import check
from integrations.prometheus.promql import Labels
from integrations.prometheus.thresholds import threshold

RATIO = 'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'


@pytest.mark.parametrize(
    ("rule", "measured", "limit", "is_above"),
    [
        ("up_pods > 0.02", "up_pods", 0.02, True),
        ("up_pods >= 1e3", "up_pods", 1000.0, True),
        ("up_pods < 2", "up_pods", 2.0, False),
        ("0.5 < up_pods", "up_pods", 0.5, True),
        ("(up_pods > (-1))", "up_pods", -1.0, True),
    ],
)
def test_what_is_compared_with_a_number_has_a_limit(rule: str, measured: str, limit: float, is_above: bool) -> None:
    assert threshold(rule) == Threshold(Expression(measured), limit, is_above)


def test_what_a_rule_measures_can_be_asked_of_one_app() -> None:
    found = threshold(f"{RATIO} > 0.02")
    assert found is not None
    check(found.measured.words, labels=Labels())


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "no promql at all {",
        "absent(up_pods)",
        "up_pods > down_pods",
        "up_pods > 2 and down_pods > 3",
        "up_pods == 0",
        "up_pods > 1 * 100",
        "up_pods > +Inf",
        "1 > 2",
        "up_pods > " + "(" * 200 + "1" + ")" * 200,
        "up_pods[1e100s] > 1",
    ],
)
def test_of_any_other_rule_no_limit_is_guessed(rule: str) -> None:
    assert threshold(rule) is None
