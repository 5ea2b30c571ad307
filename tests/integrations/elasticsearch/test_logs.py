"""The Elasticsearch adapter against a server that is ill; the real one is in tests/contracts and test_real.py."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
import pytest

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from bot.ports.observing import LogLine, LogQuery, Scope
from integrations.elasticsearch.bounded_node import ANSWER_LIMIT
from integrations.elasticsearch.logs import ElasticsearchLogs, ElasticsearchPlace
from integrations.log_patterns.drain import mine
from tests.integrations.loopback import Loopback, Received, Sent, closed_port, serving

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUERY = LogQuery((Scope("eu-1", "web-prod", "web"),), NOW - timedelta(hours=1), NOW)
HEADERS = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}


def hit(namespace: str = "web-prod", message: object = "hello", **more: object) -> dict[str, object]:
    source = {
        "@timestamp": "2026-03-01T11:59:00.123456789Z",
        "kubernetes": {"namespace": namespace, "pod": "web-7c9f8b6d5-x2x7p", "container": "app"},
        "level": "info",
        "message": message,
    }
    return {"_source": {**source, **more}}


def answer(*hits: object, total: int | None = None, more: Mapping[str, object] | None = None) -> Sent:
    found = {"total": {"value": len(hits) if total is None else total, "relation": "eq"}, "hits": list(hits)}
    content = {"timed_out": False, "_shards": {"failed": 0}, "hits": found, **(more or {})}
    return Sent(200, json.dumps(content).encode(), HEADERS)


@contextmanager
def logs(server: Loopback | str, *, seconds: float = 5) -> Iterator[ElasticsearchLogs]:
    url = server if isinstance(server, str) else server.url
    made = ElasticsearchLogs(
        ElasticsearchPlace(url, "logs-*", Secret("canary-key")), mine, deadline=timedelta(seconds=seconds)
    )
    try:
        yield made
    finally:
        made.close()


def test_lines_come_oldest_first_with_their_fields() -> None:
    newest = hit(message="second")
    sent = answer(newest, hit(message="first", **{"@timestamp": "2026-03-01T11:58:00Z"}))
    with serving(lambda _: sent) as server, logs(server) as found:
        page = found.search(QUERY)
        assert server.received[0].path == "/logs-*/_search"
        assert server.received[0].headers["authorization"] == "ApiKey canary-key"
    assert [line.message for line in page.lines] == ["first", "second"]
    assert page.lines[1] == LogLine(
        datetime(2026, 3, 1, 11, 59, 0, 123456, tzinfo=UTC), "web-7c9f8b6d5-x2x7p", "app", "info", "second"
    )
    assert (page.total, page.source, page.partial) == (2, "Elasticsearch", None)


def test_who_search_first_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was made beside another and not kept would leave its connections open."""
    made: list[elasticsearch.Elasticsearch] = []

    class Slow(elasticsearch.Elasticsearch):
        def __init__(self, *args: Any, **more: Any) -> None:
            made.append(self)
            time.sleep(0.1)
            super().__init__(*args, **more)

    monkeypatch.setattr(elasticsearch, "Elasticsearch", Slow)
    with serving(lambda _: answer(hit())) as server, logs(server) as found, ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: found.search(QUERY), range(4)))
    assert [page.total for page in pages] == [1, 1, 1, 1]
    assert len(made) == 1


def test_fields_may_be_written_dotted_or_be_missing() -> None:
    dotted = {"_source": {"kubernetes.namespace": "web-prod", "kubernetes.pod": "web-1", "@timestamp": "1772366340000"}}
    half = {"_source": {"kubernetes": {"namespace": "web-prod", "pod": None}, "@timestamp": "2026-03-01T11:59:00"}}
    with serving(lambda _: answer(dotted, half)) as server, logs(server) as found:
        page = found.search(QUERY)
    assert [line.pod for line in page.lines] == ["", "web-1"]
    assert {line.at for line in page.lines} == {datetime(2026, 3, 1, 11, 59, tzinfo=UTC)}


def test_a_line_of_another_namespace_hides_the_whole_answer() -> None:
    sent = answer(hit(), hit("pay-prod", "secretofpay"))
    with (
        serving(lambda _: sent) as server,
        logs(server) as found,
        pytest.raises(Refused, match="another namespace") as caught,
    ):
        found.search(QUERY)
    assert "secretofpay" not in str(caught.value)


def test_no_scope_is_no_line_and_no_question() -> None:
    with serving(lambda _: answer(hit())) as server, logs(server) as found:
        page = found.search(LogQuery((), QUERY.since, QUERY.until))
        assert server.received == []
    assert (page.total, page.lines, sum(page.counts)) == (0, (), 0)


def test_buckets_fall_into_their_places() -> None:
    start = int(QUERY.since.timestamp() * 1000)
    buckets = [{"key": start, "doc_count": 3}, {"key": start + 3_599_999, "doc_count": 4}]
    with (
        serving(lambda _: answer(more={"aggregations": {"over_time": {"buckets": buckets}}}, total=7)) as server,
        logs(server) as found,
    ):
        page = found.search(QUERY)
    assert page.counts == (3, *[0] * 10, 4)
    assert page.total == 7


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"timed_out": True}, "too long"),
        ({"terminated_early": True}, "more than can be searched"),
        ({"_shards": {"failed": 1}}, "could not be searched"),
    ],
)
def test_an_answer_that_lacks_something_says_so(more: dict[str, object], words: str) -> None:
    with serving(lambda _: answer(hit(), more=more)) as server, logs(server) as found:
        page = found.search(QUERY)
    assert page.partial is not None
    assert words in page.partial.plain()


def test_lines_too_long_for_one_answer_come_without_patterns() -> None:
    def sent(request: Received) -> Sent:
        if json.loads(request.body)["size"] > 50:
            return Sent(200, b" " * (ANSWER_LIMIT + 1), HEADERS)
        return answer(hit())

    with serving(sent) as server, logs(server, seconds=20) as found:
        page = found.search(QUERY)
    assert page.partial is not None
    assert "no patterns" in page.partial.plain()
    assert len(page.lines) == 1


def test_a_line_is_cut_where_it_is_endless() -> None:
    with serving(lambda _: answer(hit(message="x" * 200_000))) as server, logs(server) as found:
        assert len(found.search(QUERY).lines[0].message) == 10_000


def error(status: int) -> Sent:
    body = {"error": {"reason": "canary-body", "type": "x"}, "status": status}
    return Sent(status, json.dumps(body).encode(), HEADERS)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (error(400), Refused),
        (error(401), Refused),
        (error(403), Refused),
        (error(404), Missing),
        (error(429), Unavailable),
        (error(500), Unavailable),
        (error(503), Unavailable),
        (Sent(200, b"{}", {"Content-Type": "application/json"}), Refused),
        (Sent(200, b"<html>canary-body", {**HEADERS, "Content-Type": "text/html"}), Unavailable),
        (Sent(200, b"{", HEADERS), Unavailable),
        (Sent(200, b"[]", HEADERS), Unavailable),
        (Sent(200, b"{}", HEADERS), None),
        (answer({"_source": {"kubernetes": {"namespace": "web-prod"}, "@timestamp": "canary-body"}}), Unavailable),
        (answer(hit(), more={"hits": {"hits": "x"}}), Unavailable),
        (answer("x"), Refused),
        (Sent(200, b"x" * 100, HEADERS, is_cut=True), Unavailable),
        (Sent(hangs=True), Unavailable),
        (Sent(200, b"{" + b" " * 10_000, HEADERS, drips=True), Unavailable),
        (Sent(302, b"", {**HEADERS, "Location": "http://169.254.169.254/"}), Refused),
    ],
)
def test_a_server_that_is_ill_is_one_of_our_errors_and_asked_once(
    sent: Sent, expected: type[IntegrationError] | None
) -> None:
    with serving(lambda _: sent) as server, logs(server, seconds=0.5) as found:
        if expected is None:
            assert found.search(QUERY).lines == ()
        else:
            with pytest.raises(expected) as caught:
                found.search(QUERY)
            assert "canary" not in str(caught.value)
        assert len(server.received) == 1


def test_nobody_at_home_is_unavailable() -> None:
    with logs(closed_port()) as found, pytest.raises(Unavailable):
        found.search(QUERY)


@pytest.mark.parametrize(("kinds", "is_right"), [({"keyword": {}}, True), ({"text": {}}, False), ({}, True)])
def test_ping_wants_keywords_where_it_filters(kinds: dict[str, object], is_right: bool) -> None:
    def sent(request: Received) -> Sent:
        if "_field_caps" in request.path:
            return Sent(200, json.dumps({"fields": {"kubernetes.namespace": kinds}}).encode(), HEADERS)
        return Sent(200, b'{"version": {"number": "8.19.1"}}', HEADERS)

    with serving(sent) as server, logs(server) as found:
        if is_right:
            assert found.ping() == "Elasticsearch 8.19.1"
        else:
            with pytest.raises(Refused, match="keyword"):
                found.ping()
