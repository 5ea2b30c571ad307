"""Cron by the clock of a zone: both changes of the clock, in zones that change differently, and in one that never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.policy.cron import following, next_after, problem_of


def due(cron: str, zone: str, start: str, count: int) -> list[str]:
    """In UTC."""
    found, moment = [], datetime.fromisoformat(start).replace(tzinfo=UTC)
    for _ in range(count):
        later = next_after(cron, zone, moment)
        assert later is not None
        moment = later
        found.append(f"{moment:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        # The clock goes from 2 to 3: what would be at 2:30 is run at once, the next day is as always.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:30"]),
        ("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00", ["03-29 01:00", "03-30 01:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:10", ["03-29 00:30", "03-29 01:00", "03-29 01:30"]),
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["03-08 07:00", "03-09 06:30"]),
        ("30 2 * * *", "Australia/Sydney", "2026-10-03T00:00", ["10-03 16:00", "10-04 15:30"]),
        # Half an hour is left out.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", ["10-03 15:30", "10-04 15:15"]),
        # The clock goes from 3 to 2: what is at 2:30 is run once, what is every half an hour goes on.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("0 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 00:00", "10-26 01:00"]),
        ("0 3 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 02:00", "10-26 02:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:10", ["10-25 00:30", "10-25 01:00", "10-25 01:30"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["11-01 05:30", "11-02 06:30"]),
        ("30 2 * * *", "Australia/Sydney", "2026-04-04T00:00", ["04-04 15:30", "04-05 16:30"]),
        # Never changes; and 1 is Monday, as in crontab.
        ("30 7 * * mon-fri", "Asia/Shanghai", "2026-03-27T12:00", ["03-29 23:30", "03-30 23:30"]),
        ("0 8 * * 1", "UTC", "2026-03-03T00:00", ["03-09 08:00", "03-16 08:00"]),
        # Three years of four have no 29 February.
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", ["02-29 00:00"]),
    ],
)
def test_due_times(cron: str, zone: str, start: str, expected: list[str]) -> None:
    assert due(cron, zone, start, len(expected)) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "UTC"]
)
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 * * * *", "0 9 * * mon-fri"])
def test_over_a_whole_year_time_only_goes_on(cron: str, zone: str) -> None:
    """A trigger that finds the same moment again, or one before, would run something twice or for ever."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    days = set()
    for later in following(cron, zone, moment):
        if later.year > 2026:
            break
        assert moment < later <= moment + timedelta(days=4)
        moment = later
        days.add(moment.date())
    if cron == "30 2 * * *":
        assert len(days) in {365, 366}


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "60 * * * *", "0 0 30 2 *", "0 8 * * lun", "@daily", "a b c d e", "0 25 * * *"],
)
def test_what_is_no_cron_expression_has_a_reason(cron: str) -> None:
    assert problem_of(cron)
