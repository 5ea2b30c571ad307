"""One simulated world in place of everything outside. Apart from parts.py so that a bot on real systems never loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.app.worlds import Parts
from bot.domain.clock import Clock
from bot.domain.refs import EnvName
from bot.road.directory import Site
from integrations.simulated.alerts import SimulatedAlerts
from integrations.simulated.builds import SimulatedBuilds
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.images import SimulatedImages
from integrations.simulated.logs import SimulatedLogs
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.seed import NAMESPACES, demo_world
from integrations.simulated.world import SimulatedWorld


@dataclass(frozen=True, slots=True)
class Simulation:
    """The demo world and its parts."""

    world: SimulatedWorld
    parts: Parts
    alarms: SimulatedAlerts


def simulated(clock: Clock, *, seed: int = 1, pace: float = 1.0) -> Simulation:
    world = demo_world(clock, seed=seed, pace=pace)
    alarms = SimulatedAlerts(world)
    builds = SimulatedBuilds(world)
    parts = Parts(
        clusters={name: SimulatedCluster(world, name) for name in world.clusters()},
        images=SimulatedImages(world),
        logs=SimulatedLogs(world),
        metrics=SimulatedMetrics(world),
        alerts=alarms,
        alert_writer=alarms,
        builds=builds,
        build_writer=builds,
    )
    return Simulation(world, parts, alarms)


def simulated_sites(channels: Mapping[str, str]) -> Mapping[EnvName, tuple[Site, ...]]:
    """`channels`: where a tenant's alerts go."""
    return {
        EnvName(env): tuple(
            Site("eu-1", tenant, namespace, channels.get(tenant, "")) for tenant, namespace in tenants.items()
        )
        for env, tenants in NAMESPACES.items()
    }
