"""Cron expressions by the clock of a time zone, by cronsim: what it finds are the moments at which Debian's cron would run.

Where the clock is put forward, a time that does not exist is run at once; where it is put back, a fixed time is run once,
and what is run every so many minutes goes on in real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5


def problem_of(expression: str) -> str:
    """Empty where it can be used."""
    if len(expression.split()) != FIELDS:
        return "has to have five fields: minute, hour, day, month, weekday"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as bad:
        return str(bad).lower()
    except StopIteration:
        return "is never due"
    return ""


def following(expression: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """The due times after `moment`, in UTC."""
    return (due.astimezone(UTC) for due in CronSim(expression, moment.astimezone(ZoneInfo(zone))))


def next_after(expression: str, zone: str, moment: datetime) -> datetime | None:
    """None: never again."""
    return next(following(expression, zone, moment), None)
