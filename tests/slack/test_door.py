"""Signed or not, what comes to Slack's address is answered with a status and never with a crash."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.app.clock import SystemClock
from bot.domain.refs import Secret
from bot.slack.door import Door, form
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


NAMES = [
    "type", "team", "user", "id", "actions", "view", "container", "event", "state", "values", "value", "private_metadata",
    "callback_id", "subtype", "channel", "selected_option", "action_id", "block_id", "enterprise", "message",
    "previous_message", "authorizations", "response_urls", "item", "assistant_thread", "function_data", "workflow_step",
    "is_ext_shared_channel", "is_enterprise_install", "user_team", "tab", "command", "submission", "deleted_ts",
    "response_url", "trigger_id", "inputs", "bot_id", "thread_ts", "text",
]  # fmt: skip
SHAPES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["block_actions", "view_submission", "view_closed", "block_suggestion", "shortcut", "message_action", "x",
     "event_callback", "interactive_message", "dialog_submission", "dialog_cancellation", "dialog_suggestion",
     "workflow_step_edit"]
)  # fmt: skip
EVENTS = st.sampled_from(
    ["app_mention", "message", "app_home_opened", "user_change", "function_executed", "workflow_step_execute",
     "reaction_added", "assistant_thread_started", "x"]
)  # fmt: skip


def signed(stage: Stage, kind: str, **rest: object) -> int:
    payload = rest | {"type": kind, "api_app_id": stage.edge.line.me.app_id}
    return send(stage, urlencode({"payload": json.dumps(payload)}).encode(), FORM)


def test_no_shape_of_a_signed_payload_crashes_a_listener(http_stage: Stage) -> None:
    statuses: set[int] = set()

    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(kind=KINDS, shape=SHAPES, more=SHAPES, names=st.sets(st.sampled_from(NAMES)))
    @example(kind="block_actions", shape=None, more=[{}], names=set())
    def payloads(kind: str, shape: object, more: object, names: set[str]) -> None:
        rest = {"view": shape, "actions": more} | dict.fromkeys(names, more)
        rest |= shape if isinstance(shape, dict) else {}
        statuses.add(signed(http_stage, kind, **rest))

    payloads()
    assert statuses <= {200, 401, 404}


def test_no_shape_of_a_signed_event_crashes_a_listener(http_stage: Stage) -> None:
    statuses: set[int] = set()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(kind=EVENTS, shape=SHAPES, more=SHAPES)
    def events(kind: str, shape: object, more: object) -> None:
        event = (shape if isinstance(shape, dict) else {"user": shape, "message": more}) | {"type": kind}
        rest = {"event": event} | (more if isinstance(more, dict) else {})
        statuses.add(signed(http_stage, "event_callback", **rest))

    events()
    assert statuses <= {200, 401, 404, 503}


def test_an_event_within_an_event_is_not_looked_at(http_stage: Stage) -> None:
    for inner in ({"authorizations": "0"}, {"authorizations": False}, {"event": {"enterprise": 1}}):
        assert signed(http_stage, "event_callback", event={"type": "app_mention", "event": inner}) == 200


ACTION = {"type": "button", "action_id": "ph.x", "value": "v"}


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("block_actions", {"actions": [{}]}),
        ("block_actions", {"actions": [{"value": "v"}]}),
        ("block_actions", {"actions": [{"action_id": None}]}),
        ("block_actions", {"actions": []}),
        ("block_actions", {}),
        ("block_actions", {"actions": [ACTION], "view": []}),
        ("view_submission", {}),
        ("view_submission", {"view": None}),
        ("view_submission", {"view": {"type": "modal", "callback_id": 7}}),
        ("view_submission", {"view": {"callback_id": "ph.form"}}),
        ("view_closed", {"view": "x"}),
        ("block_suggestion", {}),
        ("shortcut", {"callback_id": None}),
        ("message_action", {}),
        ("event_callback", {}),
        ("event_callback", {"event": {}}),
        ("event_callback", {"event": {"type": None}}),
        ("event_callback", {"event": {"type": "message", "user": 5}}),
        ("event_callback", {"event": {"type": "message", "message": "x"}}),
    ],
)
def test_a_signed_payload_without_what_its_kind_has_is_refused(
    http_stage: Stage, kind: str, rest: dict[str, object]
) -> None:
    assert signed(http_stage, kind, **rest) == 401
    assert http_stage.product.stored == []


@pytest.mark.parametrize(
    "rest",
    [
        {"authorizations": 7},
        {"authorizations": [7]},
        {"response_urls": [7]},
        {"function_data": 7, "function_execution_id": "Fx1"},
        {"is_ext_shared_channel": True},
        {"event": {"type": "reaction_added", "item": {"channel": 5}}},
    ],
)
def test_parts_that_only_steer_bolt_do_not_reach_it(http_stage: Stage, rest: dict[str, object]) -> None:
    kind = "event_callback" if "event" in rest else "block_actions"
    assert signed(http_stage, kind, **({"actions": [ACTION]} if kind == "block_actions" else {}), **rest) == 200


@pytest.mark.parametrize(
    "event",
    [
        {"type": "app_mention", "user": "U0ANA0001", "bot_id": "B0OTHER01"},
        {"type": "app_mention", "user": ""},
        {"type": "message", "channel_type": "im", "user": "U0ANA0001", "bot_id": "B0OTHER01"},
        {"type": "message", "channel_type": "im", "user": "U0ANA0001", "subtype": "bot_message"},
    ],
)
def test_what_a_bot_or_a_workflow_says_is_no_request(http_stage: Stage, event: dict[str, str]) -> None:
    words = {"channel": "C0WEB0001", "text": "<@U0BOT0001> deploy web to prod", "ts": "1.1"}
    assert signed(http_stage, "event_callback", team_id="T0PAAS001", event_id="Ev1", event={**words, **event}) == 200
    assert http_stage.product.stored == []


def test_over_the_wire_a_body_too_large_is_not_read(http_stage: Stage) -> None:
    url = http_stage.slack.slack.request_url
    assert url is not None
    assert httpx.post(url, content=b"x" * (2 * 1024 * 1024)).status_code == 413
    assert httpx.post(url, content=(b"x" * 65536 for _ in range(40))).status_code == 413
    assert httpx.post(url, content=b"{}").status_code == 401


@given(st.text(st.sampled_from("ab=&+%2fF0Cä \n;"), max_size=60) | st.text(max_size=40))
@example("=&a&&b=&a=1=2&%zz=%C3%28&+=%20")
def test_a_form_is_read_as_the_standard_library_reads_it(body: str) -> None:
    assert form(body) == dict(parse_qsl(body, keep_blank_values=True))


def test_a_form_of_too_many_fields_is_none() -> None:
    assert len(form("&".join(f"a{n}=1" for n in range(64)))) == 64
    with pytest.raises(ValueError, match="too many"):
        form("&".join(f"a{n}=1" for n in range(65)))
