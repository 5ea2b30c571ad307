"""Seconds since 1970, which the simulated world counts in, as the datetimes of ports."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
