"""Alertmanager over its API v2: what fires, and silences with exact matchers. No retry; a silence is never doubled.

A silence is found again by its comment, which carries the operation's id: that is its mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx

from bot.domain.clock import Clock
from bot.domain.errors import BadArguments, IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import text
from bot.ports.observing import Alert
from integrations.alertmanager.reading import ALERTS_LIMIT, alert, items, mapping, parsed, words

SYSTEM = "alertmanager"
ANSWER_LIMIT = 8 * 2**20
LONGEST = timedelta(days=31)
_NAMESPACES = 200
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class AlertmanagerPlace:
    url: str
    token: Secret = Secret("")
    namespace_label: str = "namespace"


class Alertmanager:
    """Implements bot.ports.observing.Alerts and AlertWriter. Thread-safe."""

    def __init__(self, place: AlertmanagerPlace, clock: Clock, *, connect: timedelta, read: timedelta) -> None:
        self._place = place
        self._clock = clock
        self._deadline = (connect + read).total_seconds()
        token = place.token.reveal()
        self._client = httpx.Client(
            base_url=place.url,
            timeout=httpx.Timeout(read.total_seconds(), connect=connect.total_seconds()),
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def list(self, namespaces: tuple[str, ...]) -> tuple[Alert, ...]:
        wanted = sorted({name for name in namespaces if _NAMESPACE.fullmatch(name)})
        if not wanted:
            return ()
        label = self._place.namespace_label
        # Names hold no sign that means something to a regular expression; a longer list is filtered here alone.
        confined = {"filter": f'{label}=~"{"|".join(wanted)}"'} if len(wanted) <= _NAMESPACES else {}
        answer = self._call(
            "GET", "/api/v2/alerts", params={"active": "true", "silenced": "true", "inhibited": "true", **confined}
        )
        try:
            found = [_alert(each) for each in items(parsed(answer), "the answer")]
        except ValueError as bad:
            raise _unreadable() from bad
        own = frozenset(wanted)
        mine = [each for each in found if each.labels.get(label) in own]
        return tuple(sorted(mine, key=lambda each: (each.starts, each.fingerprint), reverse=True)[:ALERTS_LIMIT])

    def silenced(self, comment: str) -> bool:
        return self._silence_of(comment) is not None

    def silence(self, matchers: Mapping[str, str], *, time: timedelta, by: str, comment: str) -> str:
        # Without its namespace it would silence other tenants' alerts of the same name.
        if not matchers.get(self._place.namespace_label) or not all(map(_LABEL.fullmatch, matchers)):
            raise BadArguments(text("A silence needs labels with values, the namespace among them."))
        if not timedelta(0) < time <= LONGEST:
            raise BadArguments(text("A silence lasts at most {limit}.", limit=LONGEST))
        if not comment.strip():
            raise BadArguments(text("A silence needs a comment."))
        if (standing := self._silence_of(comment)) is not None:
            return standing
        now = self._clock.now()
        asked = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers.items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + time).isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        answer = self._call("POST", "/api/v2/silences", content=json.dumps(asked).encode())
        try:
            return words(mapping(parsed(answer), "the answer").get("silenceID"), "silenceID")
        except ValueError as bad:
            raise _unreadable() from bad

    def ping(self) -> str:
        answer = self._call("GET", "/api/v2/status")
        try:
            version = words(mapping(mapping(parsed(answer), "status").get("versionInfo"), "version")["version"], "it")
        except (ValueError, KeyError) as bad:
            raise _unreadable() from bad
        return f"Alertmanager {version[:50]}"

    def _silence_of(self, comment: str) -> str | None:
        answer = self._call("GET", "/api/v2/silences")
        try:
            for each in items(parsed(answer), "the answer"):
                found = mapping(each, "a silence")
                state = mapping(found.get("status"), "status").get("state")
                if found.get("comment") == comment and state in ("active", "pending"):
                    return words(found.get("id"), "id")
        except ValueError as bad:
            raise _unreadable() from bad
        return None

    def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> bytes:
        started = self._clock.elapsed()
        headers = {"Content-Type": "application/json"} if content else {}
        try:
            with self._client.stream(method, path, params=params, content=content, headers=headers) as response:
                _require_ok(response)
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > ANSWER_LIMIT:
                        raise Refused(SYSTEM, text("The answer of Alertmanager is too large."))
                    if self._clock.elapsed() - started > self._deadline:
                        raise Unavailable(SYSTEM, text("Alertmanager is too slow."))
                return bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as bad:
            raise _translated(bad) from bad


def _alert(value: object) -> Alert:
    found = mapping(value, "an alert")
    status = mapping(found.get("status"), "status")
    silenced = (words(each, "silencedBy") for each in items(status.get("silencedBy") or [], "silencedBy"))
    return alert(found, is_firing=True, silenced_by=tuple(silenced))


def _unreadable() -> Unavailable:
    return Unavailable(SYSTEM, text("What Alertmanager answered cannot be read."))


def _require_ok(response: httpx.Response) -> None:
    match response.status_code:
        case 200:
            return
        case 401 | 403:
            raise Refused(SYSTEM, text("Alertmanager does not let us ask."))
        case 404:
            raise Missing(SYSTEM, text("Alertmanager's API version 2 is not at its address."))
        case 429 | 500 | 502 | 503 | 504 as status:
            wait = response.headers.get("retry-after", "")
            raise Unavailable(
                SYSTEM,
                text("Alertmanager cannot answer now ({status}).", status=status),
                retry_after=timedelta(seconds=min(int(wait), 86400)) if re.fullmatch(r"[0-9]{1,9}", wait) else None,
            )
        case status:
            raise Refused(SYSTEM, text("Alertmanager did not accept it ({status}).", status=status))


def _translated(bad: Exception) -> IntegrationError:
    """The one place where httpx's exceptions become ours; their texts stay out."""
    if isinstance(bad, httpx.TimeoutException):
        return Unavailable(SYSTEM, text("Alertmanager did not answer in time."))
    return Unavailable(SYSTEM, text("Alertmanager cannot be reached ({kind}).", kind=type(bad).__name__))
