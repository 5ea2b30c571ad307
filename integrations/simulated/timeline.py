"""What will happen in the simulated world and when. Nothing happens by itself: time goes on when somebody looks.

Moments are seconds since 1970 as floats, so that events of one look are ordered exactly; the edges turn them into
datetimes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timeline:
    """Runs what is due in order of time, then of arrival. `pace` shortens every delay."""

    def __init__(self, start: float, *, pace: float = 1.0) -> None:
        if pace <= 0:
            raise ValueError("pace has to be above 0")
        self._now = start
        self._pace = pace
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def now(self) -> float:
        return self._now

    def span(self, seconds: float) -> float:
        """How long `seconds` of the world are on the clock."""
        return seconds / self._pace

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (self._now + self.span(seconds), self._count, do))

    def after_clock(self, seconds: float, do: Callable[[], None]) -> None:
        """Seconds of the clock, whatever the pace."""
        self.after(seconds * self._pace, do)

    def advance(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            when, _, do = heapq.heappop(self._due)
            self._now = max(self._now, when)
            do()
        self._now = max(self._now, until)
