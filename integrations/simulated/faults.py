"""Troubles on the way to a simulated system, switched on by tests and the playground, and the list of what was done.

A method is named as in its port: `replace_template`, `rollout`, `images.resolve`, `logs.search`, `metrics.range`,
`alerts.list`, `alerts.silence`, `builds.start`, `builds.find`; `*` means any, `writes` any write of a cluster, `reads` any read of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.errors import Refused, Unavailable
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting

WRITES = frozenset(
    {
        "replace_template",
        "scale",
        "create_copy",
        "delete",
        "stamp",
        "select",
        "bound",
        "hold_scale_down",
        "create",
        "set_weight",
        "create_service",
        "delete_service",
    }
)

READS = frozenset({"uid", "list", "find", "rollout", "surroundings", "logs", "config", "routes", "split", "service"})
_SETS = {"writes": WRITES, "reads": READS}


class How(StrEnum):
    BEFORE = "before"
    """No answer, and nothing was done."""
    AFTER = "after"
    """It is done, but the answer is lost."""
    LATE = "late"
    """No answer; the request arrives `delay` later and is then done, if its preconditions still hold."""
    REFUSED = "refused"
    """403."""
    SLOW = "slow"
    """Takes `delay`, then goes on as usual."""


@dataclass(slots=True)
class Fault:
    method: str
    how: How
    left: int
    delay: timedelta
    user: str
    """Only calls in this person's name; empty: all."""

    def matches(self, method: str, user: str) -> bool:
        named = self.method in {"*", method} or method in _SETS.get(self.method, ())
        return self.left > 0 and named and self.user in {"", user}


class Faults:
    """Switches are used up in the order in which they were set."""

    def __init__(self) -> None:
        self._set: list[Fault] = []

    def put(
        self, method: str, how: How, *, times: int = 1, delay: timedelta = timedelta(seconds=2), user: str = ""
    ) -> None:
        self._set.append(Fault(method, how, times, delay, user))

    def clear(self, method: str = "") -> None:
        """All of them, or those of one method as it was named."""
        self._set = [] if not method else [each for each in self._set if each.method != method]

    def take(self, method: str, user: str = "") -> Fault | None:
        """The one that befalls this call, which uses it up once."""
        for fault in self._set:
            if fault.matches(method, user):
                fault.left -= 1
                return fault
        return None


def lost(system: str, *, is_write: bool) -> Unavailable:
    why = text("The change may have been made all the same.") if is_write else None
    return Unavailable(system, text("{system} does not answer.", system=system), why=why)


def refused(system: str, method: str, user: str) -> Refused:
    return Refused(
        system, text("{user} may not do that: {method} is forbidden.", user=user or "The bot", method=method)
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """One write that was applied, as the target saw it."""

    at: datetime
    method: str
    target: ObjectRef
    mark: Mark
    acting: Acting
    words: str
    """What changed, `replicas 2 -> 4`."""
