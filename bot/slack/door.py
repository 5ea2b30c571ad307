"""Slack over HTTP: verify, look at the shape, then Bolt. The way from bytes to an acknowledgement; never raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs

import structlog
from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse

from bot.domain.clock import Clock
from bot.ports.webhooks import HttpAnswer, RawHeaders
from bot.slack.payloads import is_shaped
from bot.slack.verify import Verifier, is_shallow

log = structlog.get_logger(__name__)

NONCE, AFTER = "pilothouse_nonce", "pilothouse_after"
"""In Bolt's context: what identifies these bytes, and what is done once the answer is on its way."""

_PASSED_ON = ("x-slack-retry-num", "x-slack-retry-reason")
"""Headers that reach Bolt, beside the content type: others steer its internals."""


class Door:
    """bot.ports.webhooks.HttpDoor."""

    def __init__(self, app: App, verifier: Verifier, clock: Clock) -> None:
        self._app = app
        self._verifier = verifier
        self._clock = clock

    def __call__(self, headers: RawHeaders, body: bytes) -> HttpAnswer:
        verdict = self._verifier.judge(headers, body, now=self._clock.now().timestamp())
        if not verdict.is_accepted:
            log.warning("a request to Slack's address was refused", status=verdict.status, size=len(body))
            return HttpAnswer(verdict.status)
        if verdict.secret:
            log.info("a request was signed with the secret before", secret=verdict.secret)
        named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        content_type = named.get("content-type", "")
        text = _decoded(body, content_type)
        if text is None:
            return HttpAnswer(401)
        passed = {name: named[name] for name in _PASSED_ON if name in named}
        after: list[Callable[[], None]] = []
        request = BoltRequest(
            body=text,
            headers={"content-type": content_type, **passed},
            context={NONCE: verdict.nonce, AFTER: after},
        )
        answer = self._app.dispatch(request)
        return HttpAnswer(
            answer.status,
            (answer.body or "").encode(),
            _content_type(answer),
            after=partial(_run, after) if after else None,
        )


def _run(after: list[Callable[[], None]]) -> None:
    for work in after:
        work()


def _content_type(answer: BoltResponse) -> str:
    found = answer.headers.get("content-type") or ["text/plain; charset=utf-8"]
    return str(found[0])


def _decoded(body: bytes, content_type: str) -> str | None:
    """The body as text, when it is what it says and no deeper than a payload of Slack's."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    is_json = content_type.startswith("application/json")
    try:
        inner = text if is_json else "".join(parse_qs(text, max_num_fields=64).get("payload", [])[:1])
        if not is_shallow(inner):
            return None
        if inner and not is_shaped(json.loads(inner)):
            return None
    except (ValueError, RecursionError):
        return None
    return text or None
