"""Alertmanager's webhook: is it really ours, and what does it say. Touches nothing; who calls it stores and answers.

A secret is mandatory. Nothing of the body is looked at before it was verified.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from bot.domain.errors import BadArguments
from bot.domain.refs import Secret
from bot.domain.reply import text
from bot.ports.observing import AlertGroup
from integrations.alertmanager.reading import ALERTS_LIMIT, alert, items, labels, mapping, parsed, words

BODY_LIMIT = 4 * 2**20
SIGNATURE = "x-pilothouse-signature"
_VERSION = "4"
_SECRET_LENGTH = 16
_KEY = 500


class AlertmanagerWebhook:
    """`Authorization: Bearer SECRET`, Basic with it as the password, or `X-Pilothouse-Signature: sha256=HEX` (HMAC)."""

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        """Those in use and, while they are changed, those before. Raises ValueError without one."""
        if not secrets or any(len(secret.reveal().strip()) < _SECRET_LENGTH for secret in secrets):
            raise ValueError(f"the webhook of Alertmanager needs a secret of at least {_SECRET_LENGTH} characters")
        self._secrets = tuple(secret.reveal().strip().encode() for secret in secrets)

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Total, and as fast for a wrong secret as for a right one."""
        if len(body) > BODY_LIMIT:
            return False
        found = {name.lower(): value for name, value in headers.items()}
        kind, _, given = found.get("authorization", "").partition(" ")
        match kind.lower():
            case "bearer":
                return self._is_secret(given.strip().encode(errors="replace"))
            case "basic":
                return self._is_secret(_password(given.strip()))
            case _:
                return self._is_signed(found.get(SIGNATURE, ""), body)

    def decode(self, body: bytes) -> AlertGroup:
        """Of a verified body. Raises BadArguments."""
        if len(body) > BODY_LIMIT:
            raise BadArguments(text("The delivery is too large."))
        try:
            return _group(body)
        except ValueError as bad:
            raise BadArguments(text("This is no delivery of Alertmanager: {why}.", why=str(bad)[:200])) from bad

    def _is_secret(self, given: bytes) -> bool:
        # Summed: each secret is compared, whichever of them is right.
        return sum(hmac.compare_digest(given, secret) for secret in self._secrets) > 0

    def _is_signed(self, header: str, body: bytes) -> bool:
        given = header.strip().removeprefix("sha256=").encode(errors="replace")
        digests = [hmac.new(secret, body, hashlib.sha256).hexdigest().encode() for secret in self._secrets]
        return sum(hmac.compare_digest(given, digest) for digest in digests) > 0


def _password(given: str) -> bytes:
    try:
        return base64.b64decode(given.encode(errors="replace"), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _group(body: bytes) -> AlertGroup:
    found = mapping(parsed(body), "the body")
    if found.get("version") != _VERSION:
        raise ValueError(f"its version is not {_VERSION}")
    alerts = items(found.get("alerts"), "alerts")
    if len(alerts) > ALERTS_LIMIT:
        raise ValueError(f"more than {ALERTS_LIMIT} alerts")
    key = words(found.get("groupKey"), "groupKey")
    if not key:
        raise ValueError("groupKey is empty")
    truncated = found.get("truncatedAlerts", 0)
    return AlertGroup(
        # A long key still tells groups apart by what it hashes to.
        key=key if len(key) <= _KEY else key[: _KEY - 65] + "#" + hashlib.sha256(key.encode()).hexdigest(),
        receiver=words(found.get("receiver", ""), "receiver"),
        is_firing=_is_firing(found),
        labels={**labels(found.get("groupLabels"), "groupLabels"), **labels(found.get("commonLabels"), "commonLabels")},
        alerts=tuple(alert(each, is_firing=_is_firing(mapping(each, "an alert"))) for each in alerts),
        truncated=truncated if isinstance(truncated, int) and truncated > 0 else 0,
        link=_link(words(found.get("externalURL", ""), "externalURL")),
    )


def _is_firing(found: Mapping[str, object]) -> bool:
    match found.get("status"):
        case "firing":
            return True
        case "resolved":
            return False
        case _:
            raise ValueError("status is neither firing nor resolved")


def _link(url: str) -> str:
    """Only what can be a link; anything else is left out."""
    return url if url.startswith(("http://", "https://")) and url.isprintable() and " " not in url else ""
