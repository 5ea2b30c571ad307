"""trigger_ids: each opens one view, within three seconds of the person's action."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.playground.errors import SlackError


@dataclass(slots=True)
class Trigger:
    id: str
    user: str
    issued: float
    is_used: bool = False


class Triggers:
    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._known: dict[str, Trigger] = {}

    def issue(self, user: str) -> str:
        now = self._now()
        while self._known and (oldest := next(iter(self._known.values()))).issued < now - 600:
            del self._known[oldest.id]
        identifier = f"{int(now * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._known[identifier] = Trigger(identifier, user, now)
        return identifier

    def use(self, identifier: str | None) -> Trigger:
        """The trigger, used up now. Raises SlackError as `views.open` does."""
        trigger = self._known.get(identifier or "")
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        if self._now() - trigger.issued > self._seconds:
            raise SlackError("expired_trigger_id")
        trigger.is_used = True
        return trigger
