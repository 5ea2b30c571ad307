"""How fast we may speak: Slack's limits for messages and edits, kept in memory by the one sender.

Each budget is a bucket that cannot exceed Slack's number in any sixty seconds, burst and refill together. Alerts and
chatter leave the last token to approvals and operations. Pure but for the clock handed in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

MINUTE = 60.0
CHANNEL_BURST = 3.0
CHANNEL_RATE = 1.0
"""Messages a second in one channel."""
_HEADROOM = 0.97
"""Answers to persons go past the sender, and count as well."""
_LOOKUPS = 40

POST, UPDATE, LOOK, PUBLISH = "chat.postMessage", "chat.update", "conversations.history", "views.publish"


@dataclass(slots=True)
class Bucket:
    rate: float
    burst: float
    tokens: float
    at: float

    @classmethod
    def of(cls, a_minute: int, now: float) -> Bucket:
        """At most `a_minute` in any sixty seconds. Starts nearly empty: another sender may have spoken just now."""
        most = a_minute * _HEADROOM
        burst = max(2.0, most / 20)
        return cls(rate=max((most - burst) / MINUTE, 0.01), burst=burst, tokens=2.0, at=now)

    def wait(self, now: float, needed: float) -> float:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.tokens >= needed - 1e-6 else (needed - self.tokens) / self.rate


class Budgets:
    def __init__(
        self, elapsed: Callable[[], float], *, messages: int = 300, updates: int = 50, publications: int = 100
    ) -> None:
        """`messages`, `updates` and `publications` (of Home tabs): what the workspace allows a minute."""
        self._elapsed = elapsed
        now = elapsed()
        self._methods = {
            POST: Bucket.of(messages, now),
            UPDATE: Bucket.of(updates, now),
            LOOK: Bucket.of(_LOOKUPS, now),
            PUBLISH: Bucket.of(publications, now),
        }
        self._channels: dict[str, Bucket] = {}
        self._pauses: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, method: str, channel: str = "", *, is_low: bool = False) -> float:
        """0.0: taken. Else nothing was, and it is worth asking again after so many seconds."""
        with self._lock:
            now = self._elapsed()
            buckets = [self._methods[method]]
            if method == POST:
                buckets.append(self._channel(channel, now))
            needed = 2.0 if is_low else 1.0
            waits = [bucket.wait(now, min(needed, bucket.burst)) for bucket in buckets]
            waits.append(self._pauses.get(method, 0.0) - now)
            waits.append(self._pauses.get(f"{method} {channel}", 0.0) - now)
            longest = max(waits)
            if longest > 0:
                return longest
            for bucket in buckets:
                bucket.tokens -= 1
            return 0.0

    def pause(self, method: str, channel: str, seconds: float) -> None:
        """Slack wants us slower. It does not say whether it means the channel or the workspace: the channel waits as
        long as it said, the others a second, and their own refusal will tell."""
        with self._lock:
            now = self._elapsed()
            alone = f"{method} {channel}" if method == POST else method
            self._pauses[alone] = max(self._pauses.get(alone, 0.0), now + seconds)
            self._pauses[method] = max(self._pauses.get(method, 0.0), now + min(seconds, 1.0))

    def _channel(self, channel: str, now: float) -> Bucket:
        if len(self._channels) > 5_000:
            self._channels = {name: b for name, b in self._channels.items() if now - b.at < MINUTE}
        return self._channels.setdefault(channel, Bucket(CHANNEL_RATE, CHANNEL_BURST, CHANNEL_BURST, now))
