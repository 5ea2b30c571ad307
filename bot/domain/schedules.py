"""What is run at set times: a command line, on behalf of somebody, by the clock of a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.refs import OperationId, Principal


class Misfire(StrEnum):
    """What becomes of a due time at which nobody could run it. Said either way where its cards go."""

    LATE_ONCE = "late-once"
    """It is run late, once however many were missed."""
    EXPIRE = "expire"
    """It is not run."""


class RunState(StrEnum):
    STARTED = "started"
    """An operation came of it, or it joined one that asks the same."""
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Schedule:
    """As the policy has it."""

    name: str
    cron: str
    """Five fields, as crontab has them."""
    zone: str
    line: str
    by: Principal
    """Whom it is run for: it can do what this person may, and nothing else."""
    channel: str
    misfire: Misfire


@dataclass(frozen=True, slots=True)
class Entry:
    """When a schedule is due, as it is stored."""

    name: str
    cron: str
    zone: str
    misfire: Misfire
    next_due: datetime | None
    """None: never again."""


@dataclass(frozen=True, slots=True)
class Run:
    """One due time. It is run once, whoever tries."""

    name: str
    due: datetime
    next_due: datetime | None
    """What the schedule's entry becomes with it."""


@dataclass(frozen=True, slots=True)
class PastRun:
    name: str
    due: datetime
    state: RunState
    operation: OperationId | None
