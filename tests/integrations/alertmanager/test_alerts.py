"""The Alertmanager adapter against a server that keeps silences as Alertmanager does, and against ones that are ill."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BadArguments, IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from integrations.alertmanager.alerts import ANSWER_LIMIT, Alertmanager, AlertmanagerPlace
from integrations.alertmanager.reading import alert as read
from tests.integrations.loopback import Loopback, Received, Sent, closed_port, serving
from tests.kit.clocks import RealClock

MATCHERS = {"alertname": "HighErrorRate", "namespace": "web-prod"}
HOUR = timedelta(hours=1)


def alert(namespace: str = "web-prod", *, silenced: tuple[str, ...] = (), minute: int = 5) -> dict[str, object]:
    return {
        "annotations": {"summary": "it fails"},
        "endsAt": "2026-03-01T14:10:00.000Z",
        "fingerprint": f"f{namespace}{minute}",
        "receivers": [{"name": "x"}],
        "startsAt": f"2026-03-01T14:{minute:02d}:00.000Z",
        "status": {"inhibitedBy": [], "silencedBy": list(silenced), "state": "suppressed" if silenced else "active"},
        "updatedAt": "2026-03-01T14:06:00.000Z",
        "labels": {"alertname": "HighErrorRate", "namespace": namespace},
    }


@dataclass
class FakeAlertmanager:
    alerts: list[dict[str, object]] = field(default_factory=list)
    silences: list[dict[str, object]] = field(default_factory=list)
    loses_answers: bool = False

    def answer(self, request: Received) -> Sent:
        match request.method, request.path:
            case "GET", "/api/v2/alerts":
                return self.json(self.alerts)
            case "GET", "/api/v2/silences":
                return self.json(self.silences)
            case "GET", "/api/v2/status":
                return self.json({"versionInfo": {"version": "0.25.0"}})
            case "POST", "/api/v2/silences":
                id = f"silence-{len(self.silences)}"
                self.silences.append({**json.loads(request.body), "id": id, "status": {"state": "active"}})
                return Sent(hangs=True) if self.loses_answers else self.json({"silenceID": id})
            case _:
                return Sent(404)

    def json(self, value: object) -> Sent:
        return Sent(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def alertmanager(server: Loopback | str, *, read: float = 3) -> Iterator[Alertmanager]:
    url = server if isinstance(server, str) else server.url
    made = Alertmanager(
        AlertmanagerPlace(url, Secret("canary-token")),
        RealClock(),
        connect=timedelta(seconds=0.5),
        read=timedelta(seconds=read),
    )
    try:
        yield made
    finally:
        made.close()


def test_alerts_of_the_namespaces_come_newest_first_with_who_silenced_them() -> None:
    fake = FakeAlertmanager([alert(minute=1), alert(silenced=("s1",), minute=2), alert("pay-prod"), alert("web")])
    with serving(fake.answer) as server, alertmanager(server) as found:
        alerts = found.list(("web-prod", "web-staging"))
        [asked] = server.received
    assert [(each.starts.minute, each.silenced_by) for each in alerts] == [(2, ("s1",)), (1, ())]
    assert (alerts[0].name, alerts[0].is_firing, alerts[0].ends) == ("HighErrorRate", True, None)
    assert asked.query["filter"] == 'namespace=~"web-prod|web-staging"'
    assert asked.headers["authorization"] == "Bearer canary-token"


@pytest.mark.parametrize("namespaces", [(), ("",), (".*",), ('x"}',), ("web-prod|pay-prod",), ("Web",)])
def test_no_namespace_is_no_alert_and_no_question(namespaces: tuple[str, ...]) -> None:
    with serving(FakeAlertmanager([alert()]).answer) as server, alertmanager(server) as found:
        assert found.list(namespaces) == ()
        assert server.received == []


def test_a_silence_has_exact_matchers_times_and_the_operation_as_its_mark() -> None:
    fake = FakeAlertmanager()
    with serving(fake.answer) as server, alertmanager(server) as found:
        before = datetime.now(UTC)
        assert found.silence(MATCHERS, time=HOUR, by="ana", comment="op-7: known") == "silence-0"
        assert found.silenced("op-7: known")
        assert not found.silenced("op-7")
    [made] = fake.silences
    assert made["matchers"] == [
        {"name": "alertname", "value": "HighErrorRate", "isRegex": False, "isEqual": True},
        {"name": "namespace", "value": "web-prod", "isRegex": False, "isEqual": True},
    ]
    starts, ends = (datetime.fromisoformat(str(made[name])) for name in ("startsAt", "endsAt"))
    assert ends - starts == HOUR
    assert starts >= before
    assert made["createdBy"] == "ana"


def test_asking_again_after_a_lost_answer_makes_no_second_silence() -> None:
    fake = FakeAlertmanager(loses_answers=True)
    with serving(fake.answer) as server, alertmanager(server, read=0.3) as found:
        with pytest.raises(Unavailable):
            found.silence(MATCHERS, time=HOUR, by="ana", comment="op-7")
        assert found.silence(MATCHERS, time=HOUR, by="ana", comment="op-7") == "silence-0"
    assert len(fake.silences) == 1


def test_a_silence_that_expired_is_none() -> None:
    old: dict[str, object] = {"id": "old", "comment": "op-7", "status": {"state": "expired"}}
    fake = FakeAlertmanager(silences=[old])
    with serving(fake.answer) as server, alertmanager(server) as found:
        assert not found.silenced("op-7")
        assert found.silence(MATCHERS, time=HOUR, by="ana", comment="op-7") == "silence-1"


@pytest.mark.parametrize(
    ("matchers", "time", "comment"),
    [
        ({}, HOUR, "op-7"),
        ({"alertname": "x"}, HOUR, "op-7"),
        ({"alertname": "x", "namespace": ""}, HOUR, "op-7"),
        ({"alertname": "x", "namespace": "web", 'a"': "b"}, HOUR, "op-7"),
        (MATCHERS, timedelta(0), "op-7"),
        (MATCHERS, timedelta(days=32), "op-7"),
        (MATCHERS, HOUR, " "),
    ],
)
def test_a_silence_that_would_be_too_wide_is_refused_without_asking(
    matchers: dict[str, str], time: timedelta, comment: str
) -> None:
    with serving(FakeAlertmanager().answer) as server, alertmanager(server) as found:
        with pytest.raises(BadArguments):
            found.silence(matchers, time=time, by="ana", comment=comment)
        assert server.received == []


def test_ping_gives_the_version() -> None:
    with serving(FakeAlertmanager().answer) as server, alertmanager(server) as found:
        assert found.ping() == "Alertmanager 0.25.0"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Sent(400, b"canary-body"), Refused),
        (Sent(401, b"canary-body"), Refused),
        (Sent(404, b"canary-body"), Missing),
        (Sent(302, b"", {"Location": "http://169.254.169.254/"}), Refused),
        (Sent(429, b"canary-body", {"Retry-After": "5"}), Unavailable),
        (Sent(500, b"canary-body"), Unavailable),
        (Sent(200, b"<html>canary-body"), Unavailable),
        (Sent(200, b"{}"), Unavailable),
        (Sent(200, b"[1]"), Unavailable),
        (Sent(200, b'[{"status": {}}]'), Unavailable),
        (Sent(200, b"[" * 100_000), Unavailable),
        (Sent(200, b" " * (ANSWER_LIMIT + 1)), Refused),
        (Sent(200, b"[]" * 100, is_cut=True), Unavailable),
        (Sent(hangs=True), Unavailable),
        (Sent(200, b" " * 10_000, drips=True), Unavailable),
    ],
)
def test_a_server_that_is_ill_is_one_of_our_errors_and_asked_once(sent: Sent, expected: type[IntegrationError]) -> None:
    with serving(lambda _: sent) as server, alertmanager(server, read=0.3) as found:
        with pytest.raises(expected) as caught:
            found.list(("web-prod",))
        assert len(server.received) == 1
    assert "canary" not in str(caught.value)


def test_nobody_at_home_is_unavailable() -> None:
    with alertmanager(closed_port()) as found, pytest.raises(Unavailable):
        found.ping()


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://prometheus.test/graph?g0.expr=errors+%3E+0.02&g0.tab=1", "errors > 0.02"),
        ("http://prometheus.test/graph", ""),
        ("http://[broken/graph?g0.expr=errors", ""),
        ("http://prometheus.test/graph?g0.expr=" + "e" * 9000, ""),
        (7, ""),
    ],
)
def test_the_rule_is_the_one_that_prometheus_links_to(url: object, rule: str) -> None:
    assert read({**alert(), "generatorURL": url}, is_firing=True).rule == rule
