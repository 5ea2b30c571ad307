"""The durable side of schedules, a part of bot.ports.store.Tx: when each is due, and what came of its due times."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.refs import OperationId
from bot.domain.schedules import Entry, PastRun, Run, RunState


class AlreadyRan(Exception):
    """Somebody else ran this due time: nothing of this transaction may stay."""


class Schedules(Protocol):
    def list(self) -> tuple[Entry, ...]:
        """By name."""
        ...

    def put(self, entry: Entry) -> None: ...

    def drop(self, name: str) -> None:
        """Its past runs stay for as long as runs are kept."""
        ...

    def claim(self, name: str, due: datetime, *, again: timedelta) -> int | None:
        """How often this due time was tried, this time included; None where another tries it, or has run it. Whoever
        does not come to an end lets others try after `again`."""
        ...

    def ran(self, run: Run, state: RunState, operation: OperationId | None) -> None:
        """In the transaction of what came of it. Raises AlreadyRan."""
        ...

    def past(self, name: str, *, limit: int) -> tuple[PastRun, ...]:
        """Newest first."""
        ...
