"""The Prometheus adapter against a server that answers rightly, wrongly, late and never."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BadArguments, IntegrationError, Refused, Unavailable
from bot.domain.refs import Secret
from bot.ports.observing import Measure, MetricQuery, Scope
from integrations.prometheus.metrics import PrometheusMetrics, PrometheusPlace
from integrations.prometheus.session import ANSWER_LIMIT
from tests.integrations.loopback import Loopback, Received, Sent, closed_port, serving

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}


def query(measure: Measure = Measure.REQUESTS, *, hours: float = 1, step: float = 60, name: str = "web") -> MetricQuery:
    return MetricQuery(
        measure, Scope("eu-1", "web-prod", name), NOW - timedelta(hours=hours), NOW, timedelta(seconds=step)
    )


def matrix(*series: list[list[object]]) -> Sent:
    result = [{"metric": {}, "values": values} for values in series]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return Sent(200, json.dumps(body).encode(), JSON)


@contextmanager
def metrics(
    server: Loopback | str, *, seconds: float = 3, place: PrometheusPlace | None = None
) -> Iterator[PrometheusMetrics]:
    url = server if isinstance(server, str) else server.url
    made = PrometheusMetrics(
        place or PrometheusPlace(url, Secret("canary-token")),
        connect=timedelta(seconds=0.5),
        deadline=timedelta(seconds=seconds),
    )
    try:
        yield made
    finally:
        made.close()


def test_a_range_is_asked_for_and_read() -> None:
    at = NOW.timestamp()
    with serving(lambda _: matrix([[at - 60, "1.5"], [at, "2"]])) as server, metrics(server) as found:
        samples = found.range(query())
        [asked] = server.received
    assert samples.points == ((NOW - timedelta(minutes=1), 1.5), (NOW, 2.0))
    assert asked.path == "/api/v1/query_range"
    assert asked.query["query"].startswith('sum(rate(http_requests_total{namespace="web-prod",pod=~"web-(')
    assert (asked.query["step"], asked.query["end"]) == ("60s", str(int(at)))
    assert asked.headers["authorization"] == "Bearer canary-token"


def test_what_is_no_number_is_left_out() -> None:
    at = NOW.timestamp()
    values: list[list[object]] = [[at - n, word] for n, word in enumerate(["NaN", "+Inf", "-Inf", "0"])]
    with serving(lambda _: matrix(values)) as server, metrics(server) as found:
        assert found.range(query()).points == ((NOW - timedelta(seconds=3), 0.0),)


def test_no_series_is_no_data() -> None:
    with serving(lambda _: matrix()) as server, metrics(server) as found:
        assert found.range(query()).points == ()


def test_a_question_is_bounded_in_points_and_time() -> None:
    with serving(lambda _: matrix()) as server, metrics(server) as found:
        found.range(query(hours=24 * 365, step=0.001))
        asked = server.received[0].query
    points = (int(asked["end"]) - int(asked["start"])) / int(asked["step"].removesuffix("s"))
    assert points <= 500
    assert int(asked["end"]) - int(asked["start"]) == 31 * 86400


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with serving(lambda _: matrix()) as server, metrics(server) as found:
        with pytest.raises(BadArguments):
            found.range(query(hours=-1))
        with pytest.raises(BadArguments):
            found.range(query(name="web'} or up{"))
        assert server.received == []


def test_a_template_that_gives_several_series_is_refused() -> None:
    at = NOW.timestamp()
    sent = matrix([[at, "1"]], [[at, "2"]])
    with serving(lambda _: sent) as server, metrics(server) as found, pytest.raises(Refused, match="2 series"):
        found.range(query())


def test_templates_of_the_settings_go_before_ours_and_are_checked() -> None:
    with serving(lambda _: matrix()) as server:
        place = PrometheusPlace(server.url, templates={Measure.CPU: "sum(my_cpu{$pods})"}, pod_label="kube_pod")
        with metrics(server, place=place) as found:
            found.range(query(Measure.CPU))
        assert 'sum(my_cpu{namespace="web-prod",kube_pod=~' in server.received[0].query["query"]
        with (
            pytest.raises(ValueError, match="braces"),
            metrics(server, place=PrometheusPlace(server.url, templates={Measure.CPU: "sum(my_cpu)"})),
        ):
            pass


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Sent(400, b'{"status":"error","error":"canary-body"}', JSON), Refused),
        (Sent(401, b"canary-body"), Refused),
        (Sent(403, b"canary-body"), Refused),
        (Sent(404, b"canary-body"), Refused),
        (Sent(422, b"canary-body"), Refused),
        (Sent(302, b"", {"Location": "http://169.254.169.254/"}), Refused),
        (Sent(429, b"canary-body"), Unavailable),
        (Sent(500, b"canary-body"), Unavailable),
        (Sent(503, b"canary-body"), Unavailable),
        (Sent(200, b"<html>canary-body", JSON), Unavailable),
        (Sent(200, b"", JSON), Unavailable),
        (Sent(200, b"[]", JSON), Unavailable),
        (Sent(200, b"null", JSON), Unavailable),
        (Sent(200, b'{"data": {}}', JSON), Unavailable),
        (Sent(200, b'{"data": {"result": {"a": 1}}}', JSON), Unavailable),
        (Sent(200, b'{"data": {"result": [1]}}', JSON), Unavailable),
        (Sent(200, b'{"data": {"result": [{"values": [[1]]}]}}', JSON), Unavailable),
        (Sent(200, b'{"data": {"result": [{"values": [[1e99, "1"]]}]}}', JSON), Unavailable),
        (Sent(200, b'{"data": {"result": [{"values": [[1, "canary-body"]]}]}}', JSON), Unavailable),
        (Sent(200, b"[" * 100_000, JSON), Unavailable),
        (Sent(200, b" " * (ANSWER_LIMIT + 1), JSON), Refused),
        (Sent(200, b"x" * 1000, JSON, is_cut=True), Unavailable),
        (Sent(hangs=True), Unavailable),
        (Sent(200, b"{" + b" " * 10_000, JSON, drips=True), Unavailable),
    ],
)
def test_a_server_that_is_ill_is_one_of_our_errors_and_asked_once(sent: Sent, expected: type[IntegrationError]) -> None:
    with serving(lambda _: sent) as server, metrics(server, seconds=0.5) as found:
        with pytest.raises(expected) as caught:
            found.range(query())
        assert len(server.received) == 1
    assert "canary" not in str(caught.value)


def test_too_many_questions_say_when_to_ask_again() -> None:
    sent = Sent(429, b"", {"Retry-After": "9"})
    with serving(lambda _: sent) as server, metrics(server) as found, pytest.raises(Unavailable) as caught:
        found.range(query())
    assert caught.value.retry_after == timedelta(seconds=9)


def test_nobody_at_home_is_unavailable() -> None:
    with metrics(closed_port()) as found, pytest.raises(Unavailable, match="reached"):
        found.range(query())


def test_ping_asks_a_real_question() -> None:
    def answer(request: Received) -> Sent:
        assert request.query["query"] == "vector(1)"
        body = {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}
        return Sent(200, json.dumps(body).encode(), JSON)

    with serving(answer) as server, metrics(server) as found:
        assert found.ping() == "Prometheus answers"
