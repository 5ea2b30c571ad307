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
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class UnknownKind(Exception):
    """Written by another version of the product."""


class Codec:
    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = {kind_of(cls): cls for cls in kinds}

    def dump(self, value: object) -> Json:
        match value:
            case None | bool() | float():
                return value
            case Enum():
                return {"$": self._known(type(value)), "value": value.value}
            case int() | str():
                return value
            case datetime():
                return {"$": "datetime", "value": value.isoformat()}
            case timedelta():
                return {"$": "timedelta", "value": value.total_seconds()}
            case tuple():
                return [self.dump(item) for item in value]
            case Mapping():
                return {str(key): self.dump(item) for key, item in value.items()}
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = {f.name: self.dump(getattr(value, f.name)) for f in dataclasses.fields(value)}
                return {"$": self._known(type(value)), **fields}
            case _:
                raise TypeError(f"{type(value).__name__} is not stored")

    def load(self, raw: Json) -> object:
        match raw:
            case list():
                return tuple(self.load(item) for item in raw)
            case {"$": "datetime", "value": str(moment)}:
                return datetime.fromisoformat(moment)
            case {"$": "timedelta", "value": int() | float() as seconds}:
                return timedelta(seconds=seconds)
            case dict() if isinstance(kind := raw.get("$"), str):
                fields = {name: item for name, item in raw.items() if name != "$"}
                cls = self._kinds.get(kind)
                if cls is None:
                    raise UnknownKind(kind)
                if issubclass(cls, Enum):
                    return cls(fields["value"])
                return cls(**{name: self.load(item) for name, item in fields.items()})
            case dict():
                return {key: self.load(item) for key, item in raw.items()}
            case _:
                return raw

    def _known(self, cls: type) -> str:
        kind = kind_of(cls)
        if self._kinds.get(kind) is not cls:
            raise TypeError(f"{cls.__name__} is not among the kinds of this codec")
        return kind


def kind_of(cls: type) -> str:
    """`SetWeight` is stored as `set-weight`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(raw: Json) -> str:
    """RFC 8785 in what we use of it: sorted keys, no white space, no NaN."""
    return _canonical(raw)


def digest(raw: Json) -> str:
    return hashlib.sha256(canonical(raw).encode()).hexdigest()
