"""What can go wrong in the demo world at the push of a button: the playground's switches, by name.

Each is undone by its own `off`; what is over by itself has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.controllers import use_of
from integrations.simulated.faults import How
from integrations.simulated.seed import APPS, CLUSTER, NAMESPACES
from integrations.simulated.world import SimulatedWorld

_MANY = 1_000_000
_QUOTA = "mishap"
RUSH = 8.0


@dataclass(frozen=True, slots=True)
class Mishap:
    name: str
    summary: str
    """An English sentence for the playground's page."""
    on: Callable[[SimulatedWorld], None]
    off: Callable[[SimulatedWorld], None] | None = None


def _registry(world: SimulatedWorld, *, is_down: bool) -> None:
    with world.entered():
        world.registry.is_down = is_down


def _cordon(world: SimulatedWorld, *, is_on: bool) -> None:
    with world.entered():
        for node in world.state(CLUSTER).nodes:
            node.is_cordoned = is_on


def _fill_quotas(world: SimulatedWorld) -> None:
    with world.entered():
        state = world.state(CLUSTER)
        for namespace in state.namespaces():
            state.add_quota(namespace.name, _QUOTA, {"pods": use_of(namespace, "pods")})


def _free_quotas(world: SimulatedWorld) -> None:
    with world.entered():
        for namespace in world.state(CLUSTER).namespaces():
            namespace.quotas[:] = [each for each in namespace.quotas if each.name != _QUOTA]


def _rush(world: SimulatedWorld, *, factor: float) -> None:
    with world.entered():
        app = APPS["web"]
        namespace = NAMESPACES["prod"][app.tenant]
        world.state(CLUSTER).traffic.put(namespace, "web", app.requests["prod"] * factor)


def _kill_one(world: SimulatedWorld) -> None:
    with world.entered():
        state: ClusterState = world.state(CLUSTER)
        found = state.namespace(NAMESPACES["prod"]["team-web"]).deployments.get("web")
        if found is not None and (running := [pod for pod in state.pods(found) if pod.is_ready]):
            state.kubelet.kill(running[0])


def _fault(method: str, how: How, *, times: int) -> Callable[[SimulatedWorld], None]:
    return lambda world: world.faults.put(method, how, times=times)


def _no_fault(method: str) -> Callable[[SimulatedWorld], None]:
    return lambda world: world.faults.clear(method)


MISHAPS: tuple[Mishap, ...] = (
    Mishap(
        "registry-down",
        "The registry cannot be reached, neither by nodes nor by the bot.",
        lambda world: _registry(world, is_down=True),
        lambda world: _registry(world, is_down=False),
    ),
    Mishap(
        "no-room",
        "No node takes new pods.",
        lambda world: _cordon(world, is_on=True),
        lambda world: _cordon(world, is_on=False),
    ),
    Mishap("quota-full", "No namespace may have more pods than it has now.", _fill_quotas, _free_quotas),
    Mishap(
        "rush",
        "web on prod gets eight times its requests.",
        lambda world: _rush(world, factor=RUSH),
        lambda world: _rush(world, factor=1.0),
    ),
    Mishap("crash", "A pod of web on prod crashes once.", _kill_one),
    Mishap(
        "no-metrics",
        "Nothing is measured: no metrics, no new alerts.",
        lambda world: world.measure(is_on=False),
        lambda world: world.measure(is_on=True),
    ),
    Mishap(
        "no-logs",
        "The log store does not answer.",
        _fault("logs.search", How.BEFORE, times=_MANY),
        _no_fault("logs.search"),
    ),
    Mishap(
        "cluster-unreadable",
        "The cluster does not answer when it is asked.",
        _fault("reads", How.BEFORE, times=_MANY),
        _no_fault("reads"),
    ),
    Mishap(
        "lost-reply", "The answer to the next write is lost; the write is made.", _fault("writes", How.AFTER, times=1)
    ),
    Mishap("no-rights", "The next write is refused (403).", _fault("writes", How.REFUSED, times=1)),
)
