"""JSON of Alertmanager (API v2, webhook version 4) as our values. Pure and total: what cannot be read is Unreadable, a ValueError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from bot.ports.observing import Alert

ALERTS_LIMIT = 1000
_LABELS = 100
_NAME = 200
_VALUE = 2000
_URL = 8000
_NEVER = datetime(1, 1, 2, tzinfo=UTC)
"""Go's zero time stands for "not yet"."""


class Unreadable(ValueError):
    """Not what Alertmanager says."""


def parsed(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    return found


def mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not an object")
    return value


def items(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise Unreadable(f"{what} is not a list")
    return value


def words(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{what} is not text")
    return value[:_VALUE]


def labels(value: object, what: str) -> Mapping[str, str]:
    """At most 100, their values cut where they are endless."""
    found = mapping(value or {}, what)
    if len(found) > _LABELS:
        raise Unreadable(f"{what} has more than {_LABELS} entries")
    return {name[:_NAME]: words(each, what) for name, each in found.items()}


def moment(value: object, what: str) -> datetime | None:
    """None: not yet."""
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(words(value, what))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None
    return found if found >= _NEVER else None


def alert(value: object, *, is_firing: bool, silenced_by: tuple[str, ...] = ()) -> Alert:
    found = mapping(value, "an alert")
    given = labels(found.get("labels"), "labels")
    starts = moment(found.get("startsAt"), "startsAt")
    if starts is None:
        raise Unreadable("startsAt is missing")
    return Alert(
        fingerprint=words(found.get("fingerprint", ""), "fingerprint")[:_NAME],
        name=given.get("alertname", ""),
        labels=given,
        annotations=labels(found.get("annotations"), "annotations"),
        starts=starts,
        # Of one that fires it is only when Alertmanager would give it up.
        ends=None if is_firing else moment(found.get("endsAt"), "endsAt"),
        is_firing=is_firing,
        silenced_by=silenced_by,
        rule=_rule(found.get("generatorURL")),
    )


def _rule(url: object) -> str:
    """Prometheus links to its own page of the rule, which names the expression: `/graph?g0.expr=...`."""
    if not isinstance(url, str) or len(url) > _URL:
        return ""
    try:
        asked = parse_qs(urlsplit(url).query, max_num_fields=_LABELS)
    except ValueError:
        return ""
    return asked.get("g0.expr", [""])[0]
