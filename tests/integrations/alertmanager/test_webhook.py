"""The webhook: nothing is believed without the secret, and nothing that was sent makes it fail otherwise."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadArguments
from bot.domain.refs import Secret
from integrations.alertmanager.webhook import BODY_LIMIT, AlertmanagerWebhook

SECRET = "0123456789abcdef0123"
OLD = "fedcba98765432100123"
HOOK = AlertmanagerWebhook((Secret(SECRET), Secret(OLD)))
BODY = b'{"version": "4"}'

DELIVERY: dict[str, object] = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate", namespace="web-prod"}',
    "truncatedAlerts": 2,
    "status": "firing",
    "receiver": "pilothouse",
    "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate", "namespace": "web-prod", "severity": "critical"},
    "commonAnnotations": {"summary": "web fails"},
    "externalURL": "http://alertmanager.test:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighErrorRate", "namespace": "web-prod", "app": "web"},
            "annotations": {"summary": "web fails 6.2 % of its requests"},
            "startsAt": "2026-03-01T14:05:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.test/graph",
            "fingerprint": "c0ffee",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "HighErrorRate", "namespace": "web-prod", "app": "api"},
            "annotations": {},
            "startsAt": "2026-03-01T15:05:00+01:00",
            "endsAt": "2026-03-01T15:09:00+01:00",
            "fingerprint": "decaf",
        },
    ],
}


def basic(words: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(words.encode()).decode()}


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    return {"X-Pilothouse-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize("secrets", [(), ("",), ("   ",), ("short",), (SECRET, ""), (" " * 40,)])
def test_there_is_no_webhook_without_a_secret(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        AlertmanagerWebhook(tuple(map(Secret, secrets)))


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_both_secrets_count_in_each_of_the_three_ways(secret: str) -> None:
    assert HOOK.verify({"Authorization": f"Bearer {secret}"}, BODY)
    assert HOOK.verify({"authorization": f"bearer  {secret} "}, BODY)
    assert HOOK.verify(basic(f"alertmanager:{secret}"), BODY)
    assert HOOK.verify(signed(secret), BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {SECRET}x"},
        {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": SECRET},
        {"Authorization": f"Token {SECRET}"},
        {"Authorization": "Bearer é\udcff"},
        {"Authorization": "Basic !!!"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Basic é"},
        basic(SECRET),
        basic(f"{SECRET}:"),
        basic("alertmanager:wrong"),
        signed("another secret of some length"),
        signed(SECRET, b"another body"),
        {"X-Pilothouse-Signature": ""},
        {"X-Pilothouse-Signature": "sha256="},
        {"X-Pilothouse-Signature": "é"},
        # Who claims to be known by a token is not saved by a signature.
        {"Authorization": "Bearer wrong", **signed(SECRET)},
    ],
)
def test_whoever_does_not_know_the_secret_is_refused(headers: dict[str, str]) -> None:
    assert not HOOK.verify(headers, BODY)


def test_a_body_that_is_too_large_is_refused_before_it_is_hashed() -> None:
    assert not HOOK.verify({"Authorization": f"Bearer {SECRET}"}, b"x" * (BODY_LIMIT + 1))
    with pytest.raises(BadArguments):
        HOOK.decode(b"x" * (BODY_LIMIT + 1))


@given(st.dictionaries(st.sampled_from(["Authorization", "X-Pilothouse-Signature", "x"]), st.text()), st.binary())
def test_any_headers_and_body_are_refused_without_an_error(headers: dict[str, str], body: bytes) -> None:
    assert HOOK.verify(headers, body) is False


# --- what it says -----------------------------------------------------------------------------


def delivery(**changes: object) -> bytes:
    return json.dumps({**DELIVERY, **changes}).encode()


def test_a_delivery_is_a_group_of_alerts() -> None:
    group = HOOK.decode(delivery())
    assert (group.key, group.receiver, group.is_firing, group.truncated) == (
        '{}:{alertname="HighErrorRate", namespace="web-prod"}',
        "pilothouse",
        True,
        2,
    )
    assert group.labels == {"alertname": "HighErrorRate", "namespace": "web-prod", "severity": "critical"}
    assert group.link == "http://alertmanager.test:9093"
    first, second = group.alerts
    assert (first.name, first.fingerprint, first.is_firing, first.ends) == ("HighErrorRate", "c0ffee", True, None)
    assert first.starts == datetime(2026, 3, 1, 14, 5, 0, 123456, tzinfo=UTC)
    assert first.annotations == {"summary": "web fails 6.2 % of its requests"}
    assert (second.is_firing, second.starts, second.ends) == (
        False,
        datetime(2026, 3, 1, 14, 5, tzinfo=UTC),
        datetime(2026, 3, 1, 14, 9, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 200_000,
        b'{"version": "4"}',
        delivery(version="3"),
        delivery(version=4),
        delivery(status="burning"),
        delivery(groupKey=""),
        delivery(groupKey=None),
        delivery(alerts={}),
        delivery(alerts=[1]),
        delivery(alerts=[{}]),
        delivery(alerts=[{"status": "firing", "labels": {}}]),
        delivery(alerts=[{"status": "firing", "startsAt": "yesterday"}]),
        delivery(alerts=[{"status": "firing", "startsAt": "2026-03-01T14:05:00Z", "labels": {"a": 1}}]),
        delivery(alerts=[{"status": "firing", "startsAt": "2026-03-01T14:05:00Z", "labels": []}] * 1)[:-5],
        delivery(commonLabels={f"l{n}": "x" for n in range(101)}),
        delivery(commonLabels="x"),
        delivery(alerts=[{"status": "firing", "startsAt": "2026-03-01T14:05:00Z"}] * 1001),
        delivery(receiver=["x"]),
    ],
)
def test_what_is_no_delivery_is_refused(body: bytes) -> None:
    with pytest.raises(BadArguments):
        HOOK.decode(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_group_or_refused(body: bytes) -> None:
    with pytest.raises(BadArguments):
        HOOK.decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(DELIVERY)), JSON)
def test_a_delivery_with_anything_in_one_place_is_a_group_or_refused(name: str, value: object) -> None:
    try:
        group = HOOK.decode(delivery(**{name: value}))
    except BadArguments:
        return
    assert group.key


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://x y", "http://x\n", "//x", "", "ftp://x"])
def test_a_link_that_is_none_is_left_out(url: str) -> None:
    assert HOOK.decode(delivery(externalURL=url)).link == ""


def test_long_keys_stay_apart() -> None:
    keys = {HOOK.decode(delivery(groupKey="x" * 1000 + end)).key for end in ("a", "b")}
    assert len(keys) == 2
    assert all(len(key) <= 500 for key in keys)


def test_endless_values_are_cut() -> None:
    assert len(HOOK.decode(delivery(commonLabels={"a": "x" * 10_000})).labels["a"]) == 2000
