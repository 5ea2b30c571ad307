"""Signed or not, what comes to Slack's address is answered with a status and never with a crash."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.app.clock import SystemClock
from bot.domain.refs import Secret
from bot.slack.door import Door
from tests.slack.stage import Stage

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def door(stage: Stage) -> Door:
    return stage.edge.door((Secret(stage.slack.signing_secret),), SystemClock())


def send(stage: Stage, body: bytes, content_type: str, **more: str) -> int:
    stamp = str(int(SystemClock().now().timestamp())).encode()
    secret = stage.slack.signing_secret.encode()
    digest = hmac.new(secret, b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest().encode()
    headers = [
        (b"content-type", content_type.encode()),
        (b"x-slack-request-timestamp", stamp),
        (b"x-slack-signature", b"v0=" + digest),
        *((name.replace("_", "-").encode(), value.encode()) for name, value in more.items()),
    ]
    answer = door(stage)(headers, body)
    if answer.after is not None:
        answer.after()
    return answer.status


def command(stage: Stage, **other: str) -> bytes:
    payload = {
        "api_app_id": stage.edge.line.me.app_id,
        "team_id": "T0PAAS001",
        "command": "/deploy",
        "text": "web",
        "channel_id": "C0WEB0001",
        "user_id": "U0ANA0001",
        "trigger_id": "1.2",
    }
    return urlencode(payload | other).encode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"payload={bad", FORM),
        (b"payload=" + b"[" * 100_000, FORM),
        (b"payload=%5B%5D", FORM),
        (b"\xff\xfe", FORM),
        (b"{bad", JSON),
        (b"[" * 100_000, JSON),
        (b"[]", JSON),
        (b"1", JSON),
        (b"", JSON),
        (b"&".join(b"a=%d" % n for n in range(200)), FORM),
    ],
)
def test_a_signed_body_that_is_no_payload_is_refused(http_stage: Stage, body: bytes, content_type: str) -> None:
    assert send(http_stage, body, content_type) == 401
    assert http_stage.product.stored == []


def test_a_payload_of_another_app_is_refused(http_stage: Stage) -> None:
    assert send(http_stage, command(http_stage, api_app_id="A0OTHER"), FORM) == 401
    assert send(http_stage, command(http_stage, api_app_id=""), FORM) == 401
    assert http_stage.product.stored == []


def test_the_same_bytes_again_have_no_effect(http_stage: Stage) -> None:
    body = command(http_stage)
    assert [send(http_stage, body, FORM) for _ in range(20)] == [200] * 20
    assert len(http_stage.product.stored) == 1


def test_a_person_of_another_workspace_is_named_with_that_workspace(http_stage: Stage) -> None:
    assert send(http_stage, command(http_stage, team_id="T0OTHER"), FORM) == 200
    http_stage.slack.wait_for(lambda: http_stage.product.worked)
    assert http_stage.product.worked[0].identity.team == "T0OTHER"


def test_headers_that_steer_bolt_do_not_reach_it(http_stage: Stage) -> None:
    assert send(http_stage, command(http_stage), FORM, x_slack_bolt_lazy_only="1") == 200
    http_stage.slack.wait_for(lambda: http_stage.product.worked)


def test_an_action_that_nobody_knows_is_acknowledged(http_stage: Stage) -> None:
    payload = {
        "type": "block_actions",
        "api_app_id": http_stage.edge.line.me.app_id,
        "team": {"id": "T0PAAS001"},
        "user": {"id": "U0ANA0001", "team_id": "T0PAAS001"},
        "container": {"type": "message", "channel_id": "C0WEB0001"},
        "trigger_id": "1.3",
        "actions": [{"type": "button", "action_id": "of another app", "block_id": "b", "value": "v"}],
    }
    assert send(http_stage, urlencode({"payload": json.dumps(payload)}).encode(), FORM) == 200
    assert http_stage.product.stored == []


SHAPES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "team", "user", "id", "actions", "view", "container", "event", "state", "values", "value",
                 "private_metadata", "callback_id", "subtype", "channel", "selected_option", "action_id", "block_id"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from(
    ["block_actions", "view_submission", "view_closed", "block_suggestion", "shortcut", "message_action", "x"]
)


def test_no_shape_of_a_signed_payload_crashes_a_listener(http_stage: Stage) -> None:
    statuses: set[int] = set()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(kind=KINDS, shape=SHAPES, more=SHAPES)
    def payloads(kind: str, shape: object, more: object) -> None:
        payload = {"type": kind, "api_app_id": http_stage.edge.line.me.app_id, "view": shape, "actions": more}
        payload |= shape if isinstance(shape, dict) else {}
        payload |= {"type": kind, "api_app_id": http_stage.edge.line.me.app_id}
        statuses.add(send(http_stage, urlencode({"payload": json.dumps(payload)}).encode(), FORM))

    payloads()
    assert statuses <= {200, 401, 404}


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions", "actions": [{}]},
        {"type": "block_actions", "actions": [{"block_id": "b"}]},
        {"type": "block_actions", "actions": [{"action_id": "a"}, {"type": "workflow_step_edit"}]},
        {"type": "view_submission", "view": None},
        {"type": "view_closed"},
        {"type": "interactive_message", "callback_id": "c"},
        {"type": "workflow_step_edit", "callback_id": "c"},
    ],
)
def test_a_signed_payload_without_what_bolt_takes_for_granted_is_refused(
    http_stage: Stage, payload: dict[str, object]
) -> None:
    named = {**payload, "api_app_id": http_stage.edge.line.me.app_id}
    assert send(http_stage, urlencode({"payload": json.dumps(named)}).encode(), FORM) == 401


def test_over_the_wire_a_body_too_large_is_not_read(http_stage: Stage) -> None:
    url = http_stage.slack.slack.request_url
    assert url is not None
    assert httpx.post(url, content=b"x" * (2 * 1024 * 1024)).status_code == 413
    assert httpx.post(url, content=(b"x" * 65536 for _ in range(40))).status_code == 413
    assert httpx.post(url, content=b"{}").status_code == 401
