"""Slack over HTTP: verify, look at the shape, then Bolt. The way from bytes to an acknowledgement; never raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote_plus

import structlog
from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse

from bot.domain.clock import Clock
from bot.domain.codec import Json
from bot.ports.webhooks import HttpAnswer, RawHeaders
from bot.slack.shape import OBJECTS, shaped
from bot.slack.verify import Verifier, is_shallow

log = structlog.get_logger(__name__)

NONCE, AFTER = "pilothouse_nonce", "pilothouse_after"
"""In Bolt's context: what identifies these bytes, and what is done once the answer is on its way."""

_PASSED_ON = ("x-slack-retry-num", "x-slack-retry-reason")
"""Headers that reach Bolt, beside the content type: others steer its internals."""
_FIELDS = 64


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
        payload = _parsed(body, content_type)
        if payload is None:
            return HttpAnswer(401)
        passed = {name: named[name] for name in _PASSED_ON if name in named}
        after: list[Callable[[], None]] = []
        # Bolt gets what was checked and parses nothing itself, which it does only for this mode; nothing else hangs on it.
        request = BoltRequest(
            mode="socket_mode",
            body=payload,
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


def _parsed(body: bytes, content_type: str) -> dict[str, Json] | None:
    """The payload, when it is what it says, of a shape that Slack gives and no deeper."""
    try:
        text = body.decode()
        if not content_type.startswith("application/json"):
            fields = form(text)
            if "payload" not in fields:
                # Of texts alone: it has a shape unless it names what Slack sends as an object.
                return {**fields} if fields and OBJECTS.isdisjoint(fields) else None
            text = fields["payload"]
        if not is_shallow(text):
            return None
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return shaped(payload)


def form(text: str) -> dict[str, str]:
    """As `urllib.parse.parse_qsl` reads it, the last of equal names; most of Slack's fields have nothing to unquote, and
    it does that to all. Raises ValueError where there are too many."""
    pairs = text.split("&")
    if len(pairs) > _FIELDS:
        raise ValueError("too many fields")
    named = (pair.partition("=") for pair in pairs if pair)
    return {_unquoted(name): _unquoted(value) for name, _, value in named}


def _unquoted(words: str) -> str:
    return unquote_plus(words) if "%" in words or "+" in words else words
