"""Slack's rate limits: how long a caller must wait, per method and, for messages, per channel and workspace.

Pure but for the clock handed in. A refused call does not count. Slack publishes "requests a minute"; here a minute is the
sixty seconds before the call, which is the strictest reading.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.playground import constants as c
from bot.playground.seed import Conduct

_MINUTE = 60.0


@dataclass(slots=True)
class Window:
    """At most `allowed` calls in any sixty seconds."""

    allowed: int
    times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        while self.times and self.times[0] <= now - _MINUTE:
            self.times.popleft()
        return 0.0 if len(self.times) < self.allowed else self.times[0] + _MINUTE - now

    def count(self, now: float) -> None:
        self.times.append(now)


@dataclass(slots=True)
class Bucket:
    """A steady rate with a burst."""

    burst: float
    tokens: float
    at: float

    def wait(self, now: float) -> float:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * c.CHANNEL_MESSAGES_A_SECOND)
        self.at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / c.CHANNEL_MESSAGES_A_SECOND

    def count(self) -> None:
        self.tokens -= 1


class RateLimits:
    def __init__(self, conduct: Conduct, now: Callable[[], float]) -> None:
        self._conduct = conduct
        self._now = now
        self._windows: dict[str, Window] = {}
        self._buckets: dict[str, Bucket] = {}

    def retry_after(self, method: str, published: int | None, channel: str | None) -> int | None:
        """Seconds to wait, or None: the call goes on and counts. `published` is the method's calls a minute, None: no limit."""
        if not self._conduct.rate_limits:
            return None
        now = self._now()
        allowed = (self._conduct.method_limits or {}).get(method, published)
        window = self._windows.setdefault(method, Window(allowed)) if allowed is not None else None
        bucket = None
        if method == "chat.postMessage" and channel:
            burst = float(self._conduct.channel_burst)
            bucket = self._buckets.setdefault(channel, Bucket(burst, burst, now))
        wait = max(window.wait(now) if window else 0.0, bucket.wait(now) if bucket else 0.0)
        if wait > 1e-9:
            return max(1, math.ceil(wait - 1e-9))
        if window:
            window.count(now)
        if bucket:
            bucket.count()
        return None
