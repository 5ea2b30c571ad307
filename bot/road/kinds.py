"""The kinds of parameters: how each is parsed, written and asked for. Knows no command."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.forms import Widget
from bot.domain.refs import AppName, AppRef, EnvName, OperationId, Pair, Percent, Secret, operation_id

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=366)


def duration(words: str) -> timedelta:
    """`90s`, `5m`, `1h30m`, `2d`."""
    if not re.fullmatch(r"(\d{1,7}[smhd])+", words):
        raise ValueError("a duration such as 90s, 5m or 1h30m")
    found = timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", words)))
    if not timedelta(0) < found <= LONGEST:
        raise ValueError("a duration between 1s and 366d")
    return found


def format_duration(value: timedelta) -> str:
    seconds, parts = int(value.total_seconds()), []
    for unit in "dhms":
        count, seconds = divmod(seconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def integer(words: str) -> int:
    if not re.fullmatch(r"\d{1,9}", words):
        raise ValueError("a whole number, 0 or more")
    return int(words)


def percent(words: str) -> Percent:
    try:
        return Percent(integer(words.removesuffix("%")))
    except ValueError:
        raise ValueError("a whole number from 0 to 100") from None


def moment(words: str) -> datetime:
    """`2026-11-24T14:31:58Z`, to the microsecond; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(words)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        # At the ends of the calendar nothing can be added to a time.
        if not 1970 <= found.year <= 9000:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError("a time such as 2026-11-24T14:31:58Z") from None
    return found


def format_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def truth(words: str) -> bool:
    match words.lower():
        case "yes" | "true" | "on":
            return True
        case "no" | "false" | "off":
            return False
        case _:
            raise ValueError("yes or no")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of parameter: `parse` and `format` are inverses."""

    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    example: str
    widget: Widget


KINDS: Mapping[object, Kind] = {
    str: Kind(str, str, "TEXT", Widget.TEXT),
    int: Kind(integer, str, "N", Widget.NUMBER),
    bool: Kind(truth, lambda value: "yes" if value else "no", "", Widget.TOGGLE),
    timedelta: Kind(duration, format_duration, "5m", Widget.DURATION),
    datetime: Kind(moment, format_moment, "TIME", Widget.TEXT),
    AppName: Kind(AppName, str, "APP", Widget.APP),
    AppRef: Kind(AppRef.parse, str, "APP[@VERSION]", Widget.VERSION),
    EnvName: Kind(EnvName, str, "ENV", Widget.ENV),
    Percent: Kind(percent, str, "PERCENT", Widget.NUMBER),
    OperationId: Kind(operation_id, str, "OPERATION", Widget.TEXT),
    Pair: Kind(Pair.parse, str, "NAME:VALUE", Widget.TEXT),
    Secret: Kind(Secret, lambda value: "", "-", Widget.SECRET),
}
