"""The two clocks of the product, as a Protocol: the only way in which anything learns the time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds of CLOCK_BOOTTIME: never set back, goes on while the machine sleeps."""
        ...

    def sleep(self, seconds: float) -> None: ...
