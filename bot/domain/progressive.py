"""Workloads that lead a new version from share to share by themselves (Argo Rollouts), in our words. Pure.

Their steps are opaque canonical JSON, compared and restored whole like a pod template; nothing but this module looks
inside. The words are those of the Rollout's own documentation: setWeight, pause, abort, promote, stable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.domain.reply import Text
from bot.domain.templates import Template

ALL = 100
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Stop:
    """A step at which it waits until somebody lets it go on."""

    index: int
    percent: int
    """What the new version gets there."""


@dataclass(frozen=True, slots=True)
class StepList:
    """`spec.strategy.canary.steps` as canonical JSON."""

    json: str

    @classmethod
    def of(cls, raw: Sequence[Mapping[str, Any]] | None) -> StepList:
        return cls(json.dumps(list(raw or ()), sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    @classmethod
    def shares(cls, shares: Sequence[int]) -> StepList:
        """Each share, then everything, and a stop at each: what comes after the last stop is the promotion."""
        raw: list[dict[str, Any]] = []
        for share in (*shares, ALL):
            raw += [{"setWeight": share}, {"pause": {}}]
        return cls.of(raw)

    @classmethod
    def other_shares(cls, shares: Sequence[int], now: StepList) -> StepList:
        """The same, in other words than `now`: a controller begins anew only where its steps change."""
        steps = cls.shares(shares)
        return cls.of([{"setWeight": shares[0]}, *steps.raw()]) if steps == now else steps

    def with_end(self) -> StepList:
        """Itself, and a stop with everything on the new version, from which there is still a way back."""
        return StepList.of([*self.raw(), {"setWeight": ALL}, {"pause": {}}])

    def raw(self) -> list[dict[str, Any]]:
        loaded: list[dict[str, Any]] = json.loads(self.json)
        return loaded

    @property
    def stops(self) -> tuple[Stop, ...]:
        found, percent = [], 0
        for index, step in enumerate(self.raw()):
            percent = step.get("setWeight", percent)
            if "pause" in step and not (step["pause"] or {}).get("duration"):
                found.append(Stop(index, percent))
        return tuple(found)

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(step["setWeight"] for step in self.raw() if "setWeight" in step)

    @property
    def waits(self) -> timedelta:
        """How long its pauses with a duration are together; what cannot be read counts as nothing."""
        said = [(step.get("pause") or {}).get("duration") for step in self.raw()]
        return timedelta(seconds=sum(_seconds(each) for each in said if each))

    @property
    def others(self) -> tuple[str, ...]:
        """What else than shares and pauses its steps do: `analysis`, `experiment`, `setHeaderRoute`..."""
        known = {"setWeight", "pause"}
        return tuple(dict.fromkeys(key for step in self.raw() for key in step if key not in known))

    def __len__(self) -> int:
        return len(self.raw())


def _seconds(duration: object) -> float:
    """`90`, `"90"`, `"1m30s"`."""
    said = str(duration)
    if said.isdecimal():
        return float(said)
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(said))


@dataclass(frozen=True, slots=True)
class Program:
    """What such a workload is told: which pods, and by which steps it gets there."""

    template: Template
    steps: StepList


@dataclass(frozen=True, slots=True)
class Progressive:
    """Where such a workload stands, in a live look."""

    steps: StepList
    index: int
    """Of the step that it is at; the number of steps once it is through them."""
    weight: int | None
    """Per cent that its router gives to the new version; None where shares are those of the pods."""
    is_waiting: bool
    """At a pause that is one of its steps."""
    is_aborted: bool
    is_healthy: bool
    words: str
    """What its controller says of it, at most 300 characters."""
    stable: str
    """Short hash of the template that is proven; its pods' names begin with `NAME-HASH-`."""
    current: str
    """The same of the template that it is told to run."""
    stable_template: Template | None = None
    """None where it was not looked up, or is gone."""
    limits: tuple[Text, ...] = ()
    """Why nothing but looking is possible: not a canary, a template that stands elsewhere..."""

    @property
    def is_promoted(self) -> bool:
        return self.stable == self.current != ""
