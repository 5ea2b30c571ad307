"""Frozen dataclasses to plain JSON values and back, tagged by kind, for what is stored: plans, replies, progress.

The stored form outlives this code: a kind that is unknown here raises UnknownKind and its owner waits, it never guesses.
Dataclasses, enums, dates and durations are tagged under "$"; tuples become lists and come back as tuples.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_PLAIN = (str, int, float, type(None))
_MOSTLY = frozenset({str, int, float, bool, type(None)})
_NESTED = (list, dict)
_DATETIME, _TIMEDELTA = "datetime", "timedelta"


class UnknownKind(Exception):
    """Written by another version of the product."""


class Codec:
    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = {kind_of(cls): cls for cls in kinds}
        self._fields: dict[type, tuple[str, tuple[str, ...]]] = {
            cls: (kind, tuple(each.name for each in dataclasses.fields(cls)))
            for kind, cls in self._kinds.items()
            if dataclasses.is_dataclass(cls)
        }

    def dump(self, value: object) -> Json:
        """Every change of an operation goes through here: what comes most is told apart first."""
        cls = type(value)
        if cls in _MOSTLY:
            return value  # type: ignore[return-value]
        if known := self._fields.get(cls):
            kind, names = known
            found: dict[str, Json] = {"$": kind}
            for name in names:
                item = getattr(value, name)
                found[name] = item if type(item) in _MOSTLY else self.dump(item)
            return found
        if isinstance(value, _PLAIN) and not isinstance(value, Enum):
            return value
        match value:
            case Enum():
                return {"$": self._known(type(value)), "value": value.value}
            case datetime():
                return {"$": _DATETIME, "value": value.isoformat()}
            case timedelta():
                return {"$": _TIMEDELTA, "value": value.total_seconds()}
            case tuple():
                return [item if type(item) in _MOSTLY else self.dump(item) for item in value]
            case Mapping():
                return {str(key): self.dump(item) for key, item in value.items()}
            case _:
                raise TypeError(f"{type(value).__name__} is not stored")

    def load(self, raw: Json) -> object:
        """Every look at an operation goes through here: what is plain is not asked about again, hence no `match`."""
        if isinstance(raw, list):
            return tuple([self.load(item) if isinstance(item, _NESTED) else item for item in raw])
        if not isinstance(raw, dict):
            return raw
        kind, value = raw.get("$"), raw.get("value")
        if not isinstance(kind, str):
            return {key: self.load(item) for key, item in raw.items()}
        if kind == _DATETIME and isinstance(value, str):
            return datetime.fromisoformat(value)
        if kind == _TIMEDELTA and isinstance(value, int | float):
            return timedelta(seconds=value)
        cls = self._kinds.get(kind)
        if cls is None:
            raise UnknownKind(kind)
        if issubclass(cls, Enum):
            return cls(raw["value"])
        return cls(
            **{
                name: self.load(item) if isinstance(item, _NESTED) else item
                for name, item in raw.items()
                if name != "$"
            }
        )

    def _known(self, cls: type) -> str:
        kind = kind_of(cls)
        if self._kinds.get(kind) is not cls:
            raise TypeError(f"{cls.__name__} is not among the kinds of this codec")
        return kind


@cache
def kind_of(cls: type) -> str:
    """`SetWeight` is stored as `set-weight`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(raw: Json) -> str:
    """RFC 8785 in what we use of it: sorted keys, no white space, no NaN."""
    return _canonical(raw)


def digest(raw: Json) -> str:
    return hashlib.sha256(canonical(raw).encode()).hexdigest()
