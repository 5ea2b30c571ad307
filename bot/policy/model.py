"""The policy as values: people, groups, roles, grants, approvals, caps, freezes, timings, canaries. Frozen; says nothing itself.

Made by bot.policy.loader from a file that was checked; asked by bot.policy.judge. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.domain.analysis import AppMeasure
from bot.domain.refs import Principal
from bot.domain.schedules import Schedule

ANY = "*"


@dataclass(frozen=True, slots=True)
class Person:
    id: Principal
    name: str
    slack: tuple[str, ...]
    """`U0ANA0001` or, where the installation knows several workspaces, `T0TEAM/U0ANA0001`; all are the one person."""
    os: tuple[str, ...]
    """User names of the operating system, for the terminal."""
    kubernetes: str
    """Whom the clusters see; empty: this person can change nothing there."""
    email: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    members: tuple[Principal, ...]
    leads: tuple[Principal, ...]
    """Who can grant what the group may do; members themselves."""
    slack: str
    """Id of the Slack user group, for mentions; empty: none."""
    kubernetes: str
    """Name of the group as the clusters know it; empty: none."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which apps a rule is about. Each is a list of exact names, or `*` alone."""

    tenants: tuple[str, ...] = (ANY,)
    envs: tuple[str, ...] = (ANY,)
    apps: tuple[str, ...] = (ANY,)

    def covers(self, *, tenant: str, env: str, app: str) -> bool:
        return _names(self.tenants, tenant) and _names(self.envs, env) and _names(self.apps, app)


def _names(patterns: tuple[str, ...], name: str) -> bool:
    return ANY in patterns or name in patterns


@dataclass(frozen=True, slots=True)
class Grant:
    role: str
    groups: tuple[str, ...]
    people: tuple[Principal, ...]
    where: Where


@dataclass(frozen=True, slots=True)
class Approval:
    """So many of a group have to agree, to commands or permissions in some place."""

    subjects: tuple[str, ...]
    """Command names, permissions, `workloads:*` or `*`."""
    where: Where
    votes: int
    group: str


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one operation may touch; beyond it, further approvals or, without votes, a refusal."""

    where: Where
    pods: int | None
    share: int | None
    votes: int
    group: str


@dataclass(frozen=True, slots=True)
class Span:
    """Once, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Weekly:
    """Each week, by the clock of a time zone. Monday is 0."""

    start_day: int
    start: time
    end_day: int
    end: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Window:
    """A freeze as it stands in the policy."""

    name: str
    where: Where
    when: Span | Weekly
    reason: str
    exempt: tuple[str, ...]
    """Groups that it does not hold."""


class Timing(StrEnum):
    """Durations that the policy may set, for all or for some envs and apps; the later rule wins."""

    APPROVAL_EXPIRY = "approval-expiry"
    BAKE = "bake"
    """A deploy is done after so long without restarts."""
    DEADLINE = "deadline"
    """Of a deploy, to become healthy."""
    CANARY_DEADLINE = "canary-deadline"
    """How long a canary waits for a person."""


DEFAULT_TIMINGS: Mapping[Timing, timedelta] = {
    Timing.APPROVAL_EXPIRY: timedelta(minutes=15),
    Timing.BAKE: timedelta(seconds=60),
    Timing.DEADLINE: timedelta(minutes=5),
    Timing.CANARY_DEADLINE: timedelta(hours=24),
}


@dataclass(frozen=True, slots=True)
class Timings:
    where: Where
    values: Mapping[Timing, timedelta]


@dataclass(frozen=True, slots=True)
class CanaryRule:
    """Defaults of canaries in some place; None: another rule says it, or nobody. Of several the later wins, each field
    on its own."""

    where: Where
    steps: tuple[int, ...] | None = None
    """Per cent, growing."""
    hold: timedelta | None = None
    """Zero: each share waits for a person."""
    requests: int | None = None
    deadline: timedelta | None = None
    measures: tuple[AppMeasure, ...] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    version: str
    """The first 12 hex digits of the file's SHA-256."""
    people: Mapping[Principal, Person]
    groups: Mapping[str, Group]
    roles: Mapping[str, tuple[str, ...]]
    grants: tuple[Grant, ...]
    keepers: tuple[Principal, ...] = ()
    """Who keep this file: they can grant anything, by editing it."""
    approvals: tuple[Approval, ...] = ()
    caps: tuple[Cap, ...] = ()
    freezes: tuple[Window, ...] = ()
    timings: tuple[Timings, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    canary: tuple[CanaryRule, ...] = ()
