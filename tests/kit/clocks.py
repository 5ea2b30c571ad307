"""bot.domain.clock.Clock as tests want it: one that is moved by hand, and the machine's own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class ManualClock:
    """Stands still until it is moved."""

    moment: datetime = T0
    passed: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def elapsed(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.move(timedelta(seconds=seconds))

    def move(self, by: timedelta) -> None:
        self.moment += by
        self.passed += by.total_seconds()


class RunningClock(ManualClock):
    """The machine's own, where a bench has a database with its own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.monotonic()


class RealClock:
    """The machine's own, for databases that have their own time and for deadlines of real sockets."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
