"""Whether bytes come from Slack: our own check, before any library sees them and before anything is parsed.

A total function: it accepts or says 401 or 413, and never raises. Constant time, on bytes; the v0 scheme of
docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.refs import Secret
from bot.ports.webhooks import RawHeaders

LARGEST = 1024 * 1024
DEEPEST = 32
SHORTEST_SECRET = 32
OLDEST = timedelta(minutes=5)
FROM_THE_FUTURE = timedelta(seconds=30)

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_NOT_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[^][{}"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    status: int
    """200, 401 or 413."""
    nonce: str = ""
    """Of an accepted request: the same for the same bytes."""
    secret: int = 0
    """Which of the secrets made it: 0 is the one in use."""

    @property
    def is_accepted(self) -> bool:
        return self.status == 200


_REFUSED = Verdict(401)
_TOO_LARGE = Verdict(413)


class Verifier:
    def __init__(
        self, secrets: tuple[Secret, ...], *, oldest: timedelta = OLDEST, future: timedelta = FROM_THE_FUTURE
    ) -> None:
        """The secret in use first, then, while it is changed, the one before. Raises ValueError: no start without one."""
        if not secrets or any(len(secret.reveal().strip()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"a signing secret of at least {SHORTEST_SECRET} characters is needed")
        self._secrets = tuple(secret.reveal().strip().encode() for secret in secrets)
        self._oldest = oldest.total_seconds()
        self._future = future.total_seconds()

    def judge(self, headers: RawHeaders, body: bytes, *, now: float) -> Verdict:
        """`now` in seconds since 1970."""
        if len(body) > LARGEST:
            return _TOO_LARGE
        stamp = _only(headers, b"x-slack-request-timestamp")
        signature = _only(headers, b"x-slack-signature")
        if stamp is None or signature is None or not _TIMESTAMP.fullmatch(stamp):
            return _REFUSED
        if not now - self._oldest <= int(stamp) <= now + self._future:
            return _REFUSED
        signed = b"v0:" + stamp + b":" + body
        found = None
        for index, secret in enumerate(self._secrets):
            expected = b"v0=" + hmac.new(secret, signed, hashlib.sha256).hexdigest().encode()
            if hmac.compare_digest(expected, signature) and found is None:
                found = index
        if found is None:
            return _REFUSED
        nonce = hashlib.sha256(signature + b"\0" + stamp + b"\0" + body).hexdigest()
        return Verdict(200, nonce, found)


def _only(headers: RawHeaders, name: bytes) -> bytes | None:
    """None where it is missing or stands there twice."""
    found = [value for key, value in headers if key.lower() == name]
    return found[0] if len(found) == 1 else None


def is_shallow(json: str, deepest: int = DEEPEST) -> bool:
    """Whether no parser will recurse deeper than this. Looks at brackets outside of strings only."""
    depth = 0
    for char in _NOT_BRACKETS.sub("", json):
        if char in "[{":
            depth += 1
            if depth > deepest:
                return False
        elif char in "]}":
            depth -= 1
    return True
