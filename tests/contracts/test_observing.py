"""The contract of Images, Logs, Metrics and Alerts on the simulated adapters, and that of Logs on what pods still have.

On the real servers: tests/cluster/test_observing_contract.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from bot.ports.observing import Logs, Scope
from integrations.fallback_logs.logs import PodLogs
from integrations.log_patterns.drain import mine
from integrations.simulated.alerts import SimulatedAlerts
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.images import SimulatedImages
from integrations.simulated.logs import SimulatedLogs
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.seed import CLUSTER, DemoApp, add_app, demo_world
from tests.contracts.observing_suite import ObservingContract
from tests.kit.clocks import ManualClock


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    clock: ManualClock
    images: SimulatedImages
    logs: Logs
    metrics: SimulatedMetrics
    alerts: SimulatedAlerts
    repository: str = "registry.test/web"
    tag: str = "1.8.1"
    web: Scope = Scope(CLUSTER, "web-load", "web")
    other: Scope = Scope(CLUSTER, "pay-load", "web")

    @property
    def silences(self) -> SimulatedAlerts:
        return self.alerts

    def now(self) -> datetime:
        return self.clock.now()

    def until(self, what: str, is_so: Callable[[], bool]) -> None:
        for _ in range(300):
            if is_so():
                return
            self.clock.sleep(1)
        raise AssertionError(f"waited in vain for {what}")


def simulated(of_logs: Callable[[ManualClock, SimulatedLogs, SimulatedCluster], Logs]) -> SimulatedStage:
    clock = ManualClock()
    world = demo_world(clock, history=timedelta(0))
    failing = DemoApp("team-web", "1.9.0", {"prod": 2}, {"prod": 40.0}, {})
    state = world.scene(CLUSTER)
    with world.entered():
        for namespace in ("web-load", "pay-load"):
            add_app(state, namespace, "web", failing, env="prod")
    clock.sleep(180)
    logs = of_logs(clock, SimulatedLogs(world), SimulatedCluster(world, CLUSTER))
    return SimulatedStage(clock, SimulatedImages(world), logs, SimulatedMetrics(world), SimulatedAlerts(world))


class TestSimulated(ObservingContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        return simulated(lambda clock, logs, cluster: logs)


class TestPodLogs(ObservingContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        return simulated(lambda clock, logs, cluster: PodLogs({CLUSTER: cluster.reads()}, mine, clock))
