"""Whether a channel is shared with another company: what we plan and do is not told there."""

from __future__ import annotations

import threading

from bot.domain.clock import Clock
from bot.slack.api import Api, NoReply, NotOk

FRESH = 300.0
"""Seconds for which an answer is believed."""
_MOST = 5_000


class Channels:
    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def is_external(self, channel: str) -> bool:
        """False also where Slack does not say: a channel that we may not see refuses the message itself."""
        if not channel.startswith(("C", "G")):
            return False
        now = self._clock.elapsed()
        with self._lock:
            known = self._known.get(channel)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            found = self._api.call("conversations.info", {"channel": channel}).get("channel")
        except (NotOk, NoReply):
            return False
        is_external = isinstance(found, dict) and (
            found.get("is_ext_shared") is True or found.get("is_pending_ext_shared") is True
        )
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[channel] = (now, is_external)
        return is_external
