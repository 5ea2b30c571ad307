"""PromQL that apps declare: every selector of what is asked is held to the tenant's namespace, or nothing is asked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadArguments
from bot.ports.observing import Expression, Scope
from integrations.prometheus.expressions import check, confined
from integrations.prometheus.promql import Labels

CANARY = Scope("eu-1", "web-prod", "web-canary")
WINDOW = timedelta(seconds=30)
LABELS = Labels()


def asked(words: str, *, scope: Scope = CANARY, track: str = "canary", labels: Labels = LABELS) -> str:
    return " ".join(confined(Expression(words, track), scope, labels=labels, window=WINDOW).split())


def selectors(words: str) -> list[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []

    def look(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        return True

    promql.walk(promql.parse(words), look)
    return found


def held_to(node: promql.VectorSelector, label: str, value: str) -> bool:
    return any(
        each.name == label and str(each.op) == "MatchOp.Equal" and each.value == value
        for each in node.matchers.matchers
    )


@pytest.mark.parametrize(
    "words",
    [
        "sum(rate(failed_total[$window])) / sum(rate(all_total[$window]))",
        "histogram_quantile(0.99, sum by (le) (rate(seconds_bucket{code=~'2..'}[$window])))",
        'sum(up{namespace="team-pay"} or up{namespace=~".*"})',
        '(a or b unless c) and on (pod) d{x!~"y"}',
        "metric{a='b'} + other",
        "label_replace(up, 'a', '$1', 'b', '(.*)')",
        "max_over_time(queue[10m]) - min_over_time(queue[10m])",
        "absent(up) * 0 + vector(1)",
        "topk(1, -queue ^ 2)",
    ],
)
def test_every_selector_is_held_to_the_namespace_and_the_pods(words: str) -> None:
    found = selectors(asked(words))
    assert len(found) == len(selectors(words.replace("$window", "30s")))
    for node in found:
        assert held_to(node, "namespace", "web-prod")
        assert any(each.name == "pod" and "web-canary-" in each.value for each in node.matchers.matchers)


def test_a_namespace_that_the_words_name_does_not_replace_ours() -> None:
    [node] = selectors(asked('up{namespace="team-pay"}'))
    assert [each.value for each in node.matchers.matchers if each.name == "namespace"].count("web-prod") == 1
    assert len([each for each in node.matchers.matchers if each.name == "namespace"]) == 2


def test_what_says_which_version_it_is_about_is_not_held_to_pods_but_to_the_namespace() -> None:
    assert asked('sum(rate(requests_total{service=~"$namespace-$workload-.*"}[$window]))') == (
        'sum(rate(requests_total{namespace="web-prod",service=~"web-prod-web-canary-.*"}[30s]))'
    )
    [node] = selectors(asked('jobs{track="$track"}'))
    assert held_to(node, "track", "canary")
    assert held_to(node, "namespace", "web-prod")


def test_with_a_replica_set_its_pods_are_asked_about_and_the_workload_keeps_its_name() -> None:
    of_set = replace(CANARY, replica_set="web-canary-5d9f8c7b6")
    [node] = selectors(asked("up", scope=of_set))
    [pods] = [each.value for each in node.matchers.matchers if each.name == "pod"]
    assert re.fullmatch(pods, "web-canary-5d9f8c7b6-x2x7p")
    assert not re.fullmatch(pods, "web-canary-77b9d4c5f-x2x7p")
    [node] = selectors(asked('up{workload="$workload"}', scope=of_set))
    assert held_to(node, "workload", "web-canary")


def test_pods_can_be_said_under_another_label() -> None:
    [node] = selectors(asked('requests{kubernetes_pod=~"$pods"}'))
    assert [each.name for each in node.matchers.matchers if "web-canary-" in each.value] == ["kubernetes_pod"]


def test_a_prometheus_of_several_clusters_is_asked_about_one() -> None:
    [node] = selectors(asked("up", labels=Labels(cluster="cluster")))
    assert held_to(node, "cluster", "eu-1")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "no PromQL"),
        ("sum(", "no PromQL"),
        ("1", "asks for no series"),
        ("vector(1)", "asks for no series"),
        ('{job="x"}', "without the name of a metric"),
        ('{__name__=~".+"}', "without the name of a metric"),
        ('up{a="1" or b="2"}', "alternatives"),
        ("up offset 1h", "another time"),
        ("up @ 0", "another time"),
        ("up @ end()", "another time"),
        ("rate(up[2h])", "more than an hour"),
        ("max_over_time(up[1h:1s])", "subquery"),
        ('up{a="$secret"}', "$secret"),
        ('up{pod="$pods"}', "outside a regular expression"),
        ("+".join(["up"] * 11), "more than 10 selectors"),
        ("(" * 60 + "up" + ")" * 60, "nested too deep"),
        ("-" * 60 + "up", "nested too deep"),
        ("up" + " " * 1000, "longer than"),
        ("rate(up[0])", "cannot be written again"),
    ],
)
def test_what_cannot_be_confined_or_bounded_is_refused(words: str, why: str) -> None:
    with pytest.raises(BadArguments) as refused:
        asked(words)
    assert why in refused.value.what.plain()
    with pytest.raises(BadArguments):
        check(words, labels=LABELS)


NASTY = st.text(st.sampled_from("ab\"\\`'{}=~!,()[]$ \n\r\t\x00é|.*+?or@-1:_/#"), max_size=40)


@given(
    NASTY,
    st.sampled_from(["up{a=%s}", "up{a=~%s}", "sum(up{a!=%s}) or down{b=%s}", "label_replace(up, 'a', %s, 'b', '')"]),
)
def test_no_value_of_a_label_gets_out_of_its_string(value: str, shape: str) -> None:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
    words = shape.replace("%s", quoted)
    try:
        found = selectors(asked(words))
    except BadArguments:
        return
    assert len(found) == len(selectors(words))
    assert all(held_to(node, "namespace", "web-prod") for node in found)


@pytest.mark.parametrize("words", ["rate(up[1e100])", "up offset 1e100"])
def test_what_the_parser_panics_at_is_refused(words: str) -> None:
    with pytest.raises(BadArguments):
        asked(words)


@given(NASTY | st.text(max_size=60))
def test_whatever_is_said_is_confined_or_refused(words: str) -> None:
    for whole in (words, f"up{{a={words}}}", f"sum(up{{{words}}})", f"rate(up[{words}])", f"up {words} up"):
        try:
            found = selectors(asked(whole))
        except BadArguments:
            continue
        assert found
        assert all(held_to(node, "namespace", "web-prod") for node in found)
