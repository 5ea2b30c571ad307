"""The body of a search: tenancy is structure beside what was typed, and everything is bounded."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BadArguments
from bot.ports.observing import Level, LogQuery, Scope
from integrations.elasticsearch.query import Clause, Fields, body, pods, span
from tests.integrations.elasticsearch.payloads import payloads

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEB = Scope("eu-1", "web-prod", "web")


def query(words: str = "", *, scopes: tuple[Scope, ...] = (WEB,), hours: float = 1, **more: object) -> LogQuery:
    made = LogQuery(scopes, NOW - timedelta(hours=hours), NOW, words)
    for name, value in more.items():
        object.__setattr__(made, name, value)
    return made


def without_words(found: Clause) -> str:
    text = json.dumps(found)
    inner = found["query"]
    assert isinstance(inner, dict)
    must = inner["bool"]["must"]
    return text.replace(json.dumps(must), "[]")


def test_what_was_typed_changes_one_clause_and_nothing_else() -> None:
    bare = without_words(body(query(), Fields(), size=50))
    for words in payloads(2000):
        found = body(query(words), Fields(), size=50)
        assert without_words(found) == bare
        must = found["query"]["bool"]["must"]  # type: ignore[index]
        assert [list(clause) for clause in must] in ([], [["simple_query_string"]])


@pytest.mark.parametrize("name", ["", "*", "web-*", "a,b", "Web", "a/b", "web\n", "wéb", "-web", "a" * 300, "x}{"])
def test_a_scope_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadArguments):
        body(query(scopes=(Scope("eu-1", name, "web"),)), Fields(), size=1)
    with pytest.raises(BadArguments):
        body(query(scopes=(Scope("eu-1", "web-prod", name),)), Fields(), size=1)


@pytest.mark.parametrize(
    ("workload", "pod", "is_its"),
    [
        ("web", "web-7c9f8b6d5-x2x7p", True),
        ("web", "web-6bdf8-bb2cd", True),
        ("web", "web-canary-7c9f8b6d5-x2x7p", True),
        ("web", "web-0", True),
        ("web", "web-x2x7p", True),
        ("web", "web-admin-7c9f8b6d5-x2x7p", False),
        ("web", "web-canary-admin-7c9f8b6d5-x2x7p", False),
        ("web", "webb-7c9f8b6d5-x2x7p", False),
        ("web", "my-web-7c9f8b6d5-x2x7p", False),
        ("web", "web", False),
        ("web-canary", "web-canary-7c9f8b6d5-x2x7p", True),
        ("web-canary", "web-7c9f8b6d5-x2x7p", False),
        ("a.b", "a.b-7c9f8b6d5-x2x7p", True),
        ("a.b", "axb-7c9f8b6d5-x2x7p", False),
    ],
)
def test_pods_of_a_workload_are_told_by_the_form_of_their_names(workload: str, pod: str, is_its: bool) -> None:
    clause = pods(workload, Fields())
    pattern = clause["regexp"]["kubernetes.pod"]["value"]  # type: ignore[index]
    assert bool(re.fullmatch(pattern, pod)) == is_its


def test_the_pods_of_a_long_name_are_found_by_what_kubernetes_leaves_of_it() -> None:
    assert pods("a" * 60, Fields()) == {"prefix": {"kubernetes.pod": {"value": "a" * 57}}}


def test_a_search_is_bounded() -> None:
    found = body(query(hours=24 * 365, buckets=100_000), Fields(), size=50)
    assert span(query(hours=24 * 365)).since == NOW - timedelta(days=31)
    assert span(query(buckets=100_000)).buckets == 60
    assert found["terminate_after"]
    with pytest.raises(BadArguments):
        body(query("x" * 501), Fields(), size=1)
    with pytest.raises(BadArguments):
        body(query(hours=-1), Fields(), size=1)


@pytest.mark.parametrize("level", list(Level))
def test_levels_are_filters(level: Level) -> None:
    found = json.dumps(body(query(level=level), Fields(), size=1))
    assert ("ERROR" in found) == (level is not Level.INFO)
    assert ("Warning" in found) == (level is Level.WARN)


def test_an_index_of_several_clusters_is_filtered_by_cluster() -> None:
    assert '{"term": {"orchestrator.cluster": "eu-1"}}' in json.dumps(
        body(query(), Fields(cluster="orchestrator.cluster"), size=1)
    )
