"""What names pods by their labels and so may miss a canary's: network policies, disruption budgets, monitors.

Pure values and the one question about them. A canary's pods do not have the labels by which stable selects its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: str
    """`In`, `NotIn`, `Exists`, `DoesNotExist`."""
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
            case _:
                return False


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """As Kubernetes has it: an empty one matches everything."""

    labels: Mapping[str, str]
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        if any(labels.get(key) != value for key, value in self.labels.items()):
            return False
        return all(each.matches(labels) for each in self.requirements)


class GuardKind(StrEnum):
    NETWORK_POLICY = "NetworkPolicy"
    PEER = "NetworkPolicy peer"
    """The pods that a policy lets in or out, rather than those that it holds for."""
    BUDGET = "PodDisruptionBudget"
    POD_MONITOR = "PodMonitor"
    SERVICE_MONITOR = "ServiceMonitor"
    """Selects Services, by their labels."""


@dataclass(frozen=True, slots=True)
class Guard:
    kind: GuardKind
    name: str
    selector: LabelSelector


@dataclass(frozen=True, slots=True)
class Guarded:
    """Everything of one namespace that selects by labels."""

    guards: tuple[Guard, ...] = ()
    services: Mapping[str, Mapping[str, str]] | None = None
    """Labels of its Services, by name."""
    unseen: tuple[str, ...] = ()
    """Kinds that the bot may not look at."""


def missed(
    found: Guarded,
    *,
    stable: Mapping[str, str],
    canary: Mapping[str, str],
    services: Sequence[str],
    own: Mapping[str, str],
) -> tuple[Guard, ...]:
    """Those that are about stable's pods and not the canary's. `services`: the app's; `own`: labels of the canary's own
    Service, empty where it has none and is behind stable's.
    """
    return tuple(guard for guard in found.guards if _misses(guard, found, stable, canary, services, own))


def _misses(
    guard: Guard,
    found: Guarded,
    stable: Mapping[str, str],
    canary: Mapping[str, str],
    services: Sequence[str],
    own: Mapping[str, str],
) -> bool:
    if guard.kind is not GuardKind.SERVICE_MONITOR:
        return guard.selector.matches(stable) and not guard.selector.matches(canary)
    known = found.services or {}
    is_ours = any(guard.selector.matches(known[name]) for name in services if name in known)
    return is_ours and bool(own) and not guard.selector.matches(own)
