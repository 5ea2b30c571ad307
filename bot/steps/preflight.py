"""What is looked at before a canary is asked for: room for its pods, and what selects stable's pods and would miss them.

Pure reads of a World. What has no room is refused, as the cluster would only say so half-way; what is missed is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from bot.domain.errors import Preflight
from bot.domain.guards import Guard, GuardKind, missed
from bot.domain.reply import Fact, Text, text
from bot.domain.templates import Template
from bot.ports.world import World
from bot.steps.delivery import Target

_QUOTAS = {
    "requests.cpu": ("requests", "cpu"),
    "cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
_MIB = 1 << 20


def check_room(target: Target, template: Template, pods: int) -> None:
    """Raises Preflight where a quota has no room for so many more pods, by their number or by what they ask for."""
    for quota in target.around.quotas:
        if quota.resource in {"pods", "count/pods"}:
            each = 1.0
        elif quota.resource in _QUOTAS:
            each = template.total(*_QUOTAS[quota.resource])
        else:
            continue
        if quota.used + each * pods <= quota.hard:
            continue
        used, hard, more = (_amount(quota.resource, value) for value in (quota.used, quota.hard, each * pods))
        raise Preflight(
            text("The quota {name} leaves no room for {n} more pods.", name=quota.name, n=pods),
            why=text(
                "{used} of {hard} {resource} are used, and they want {more}.",
                used=used,
                hard=hard,
                resource=quota.resource,
                more=more,
            ),
            next=text("Take a smaller share, or ask for more quota."),
        )


def surge(target: Target) -> int:
    """Pods more than wanted that a rollout of stable cannot do without: where none may be missing, one."""
    words = target.workload.max_unavailable
    if words.endswith("%"):
        return 0 if target.workload.replicas * int(words[:-1]) >= 100 else 1
    return 0 if words.isdecimal() and int(words) > 0 else 1


def autoscaler_fact(target: Target, *, is_held: bool) -> tuple[Fact, ...]:
    found = target.around.autoscaler
    if found is None:
        return ()
    what = text("does not scale down meanwhile") if is_held else text("goes on sizing stable alone")
    bounds = text("{low} to {high} pods, now {n}", low=found.minimum, high=found.maximum, n=found.current)
    return (Fact(text("Autoscaler"), text("{bounds}\n{what}", bounds=bounds, what=what)),)


def missed_by(world: World, target: Target, canary: Template, own: Mapping[str, str]) -> tuple[Text, ...]:
    """A line for each that is about stable's pods and not about the canary's. `own`: labels of the canary's own Service;
    empty where it is behind stable's."""
    found = world.cluster(target.scope.cluster).guards.guarded(target.scope.namespace)
    services = [service.ref.name for service in target.around.services]
    stable = target.workload.template.labels
    guards = missed(found, stable=stable, canary=canary.labels, services=services, own=own)
    named = {(guard.kind, guard.name): guard for guard in guards}
    lines = [_line(guard) for guard in named.values()]
    if found.unseen:
        lines.append(text("Whether {kinds} cover the canary's pods is *not known*", kinds=", ".join(found.unseen)))
    return tuple(lines)


def _line(guard: Guard) -> Text:
    match guard.kind:
        case GuardKind.NETWORK_POLICY:
            return text("NetworkPolicy {name} *does not hold for the canary's pods*", name=guard.name)
        case GuardKind.PEER:
            return text("NetworkPolicy {name} lets stable's pods through and *not the canary's*", name=guard.name)
        case GuardKind.BUDGET:
            return text("Disruption budget {name} does not protect the canary's pods", name=guard.name)
        case GuardKind.POD_MONITOR | GuardKind.SERVICE_MONITOR:
            return text(
                "{kind} {name} *does not see the canary*: without figures it cannot pass",
                kind=guard.kind.value,
                name=guard.name,
            )


def _amount(resource: str, value: float) -> str:
    if "memory" in resource:
        return f"{ceil(value / _MIB):,} MiB"
    return f"{value:g}"
