"""Who somebody is at an edge, looked up live: the Slack edge implements it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request, from one verified envelope or from the operating system. Not yet a principal."""

    system: str
    """`slack`, `terminal`, `schedule`."""
    team: str
    user: str
    enterprise: str = ""


class Status(StrEnum):
    ACTIVE = "active"
    GUEST = "guest"
    STRANGER = "stranger"
    """Of another workspace."""
    BOT = "bot"
    GONE = "gone"
    """Deactivated or deleted."""


@dataclass(frozen=True, slots=True)
class Standing:
    identity: Identity
    status: Status
    checked: datetime


class People(Protocol):
    def standing(self, identity: Identity) -> Standing:
        """At most 60 s old. Raises Unavailable: then nothing may be changed."""
        ...

    def is_reading(self, user: str, channel: str) -> bool:
        """Whether a mention there reaches them: they are a member. True also where nobody can say."""
        ...
