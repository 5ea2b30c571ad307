"""A webhook's way in: verify, decode, store, answer. What could not be stored is answered 503, and sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from bot.domain.errors import BadArguments, IntegrationError
from bot.ports.webhooks import HttpAnswer, RawHeaders, Webhook

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Hook(Generic[T]):
    """bot.ports.webhooks.HttpDoor for one system."""

    def __init__(self, name: str, webhook: Webhook[T], take: Callable[[T, bytes], None]) -> None:
        """`take` gets what was told and the bytes that told it; durable when it returns. Raises IntegrationError when
        it cannot be stored."""
        self._name = name
        self._webhook = webhook
        self._take = take

    def __call__(self, headers: RawHeaders, body: bytes) -> HttpAnswer:
        if not self._webhook.verify(_named(headers), body):
            log.warning("a delivery was refused", hook=self._name, size=len(body))
            return HttpAnswer(401)
        try:
            told = self._webhook.decode(body)
        except BadArguments as bad:
            log.warning("a delivery was not understood", hook=self._name, why=str(bad))
            return HttpAnswer(400)
        try:
            self._take(told, body)
        except IntegrationError as trouble:
            log.warning("a delivery was not stored", hook=self._name, code=trouble.code)
            return HttpAnswer(503)
        return HttpAnswer(200)


def _named(headers: RawHeaders) -> dict[str, str]:
    """Without those that stand there twice: whoever verifies must see what everybody sees."""
    names = [name.lower() for name, _ in headers]
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in headers
        if names.count(name.lower()) == 1
    }
