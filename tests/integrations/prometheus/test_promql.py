"""PromQL out of templates: no value leaves its string, no selector leaves its scope."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadArguments
from bot.ports.observing import Measure, Scope
from integrations.prometheus.promql import (
    DEFAULT_TEMPLATES,
    Labels,
    check_template,
    expression,
    pods_pattern,
    quoted,
)

WEB = Scope("eu-1", "web-prod", "web")
TWO_MINUTES = timedelta(minutes=2)


def unquoted(words: str) -> str:
    """As Prometheus reads a double-quoted string."""
    assert words[0] == words[-1] == '"'
    found = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), words[1:-1])
    assert not re.search(r'(?<!\\)(?:\\\\)*"', words[1:-1])
    assert "\n" not in words
    return found


@given(st.text())
def test_any_value_is_one_string_and_reads_back_as_it_was(value: str) -> None:
    assert unquoted(quoted(value)) == value


@pytest.mark.parametrize(
    "name",
    [
        "team-a'} or up{namespace=~'.*",
        'x"} or up{a=~".*',
        "web|.*",
        ".*",
        "",
        "Web",
        "web\n",
        "a" * 300,
        "web prod",
        "ẁeb",
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    for scope in (Scope("eu-1", name, "web"), Scope("eu-1", "web-prod", name)):
        with pytest.raises(BadArguments):
            Labels().matchers(scope)


def test_a_scope_is_namespace_and_pods_and_where_it_matters_the_cluster() -> None:
    assert Labels().matchers(WEB).startswith('namespace="web-prod",pod=~"web-(')
    found = Labels(namespace="kube_ns", pod="kube_pod", cluster="cluster").matchers(WEB)
    assert found.startswith('kube_ns="web-prod",kube_pod=~"')
    assert found.endswith(',cluster="eu-1"')
    with pytest.raises(ValueError, match="label"):
        Labels(namespace='x"')


@pytest.mark.parametrize(
    ("workload", "pod", "is_its"),
    [
        ("web", "web-7c9f8b6d5-x2x7p", True),
        ("web", "web-6bdf8-bb2cd", True),
        ("web", "web-12", True),
        ("web", "web-x2x7p", True),
        ("web", "web-canary-7c9f8b6d5-x2x7p", False),
        ("web", "web-admin-7c9f8b6d5-x2x7p", False),
        ("web", "webb-7c9f8b6d5-x2x7p", False),
        ("web-canary", "web-canary-7c9f8b6d5-x2x7p", True),
        ("web-canary", "web-7c9f8b6d5-x2x7p", False),
        ("a.b", "a.b-7c9f8b6d5-x2x7p", True),
        ("a.b", "axb-7c9f8b6d5-x2x7p", False),
        ("w" * 53, "w" * 53 + "-7c9fx2x7p", True),
        ("w" * 53, "w" * 53 + "-canax2x7p", False),
        ("w" * 60, "w" * 58 + "x2x7p", True),
        ("w" * 60, "w" * 56 + "x2x7p", False),
    ],
)
def test_pods_of_a_workload_are_told_by_the_form_of_their_names(workload: str, pod: str, is_its: bool) -> None:
    assert bool(re.fullmatch(pods_pattern(workload), pod)) == is_its


@pytest.mark.parametrize("measure", list(Measure))
def test_every_measure_has_a_template_that_is_confined(measure: Measure) -> None:
    template = check_template(DEFAULT_TEMPLATES[measure])
    found = expression(template, WEB, labels=Labels(), window=TWO_MINUTES)
    assert "$" not in found
    assert found.count("{namespace=") == template.count("{$pods")


@pytest.mark.parametrize(
    "template",
    [
        "sum(up)",
        'sum(up{job="x"})',
        'sum(up{$pods}) + sum(down{job="x"})',
        "sum(up{ $pods}) + sum(down{})",
        'sum(up{job="x",$pods})',
        'sum(up{job="{$pods"})',
        'sum(up{$pods,x="$user"})',
        "sum(up{$pods}[$",
        "sum(up{$podsx})",
    ],
)
def test_a_template_that_could_reach_beyond_its_scope_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\$pods"):
        check_template(template)


def test_a_window_is_whole_seconds() -> None:
    assert expression("rate(x{$pods}[$window])", WEB, labels=Labels(), window=timedelta(seconds=90.7)).endswith(
        "[90s])"
    )
