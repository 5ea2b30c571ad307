"""The Traffic contract on the simulated adapter; on the real one: tests/cluster/test_traffic_contract.py."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.domain.refs import ObjectRef
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.world import SimulatedWorld
from tests.contracts.traffic_suite import TrafficContract
from tests.kit.clocks import ManualClock


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    cluster: SimulatedCluster
    world: SimulatedWorld
    namespace: str = "shop"

    def route(self, service: str) -> ObjectRef:
        state = self.world.scene(self.cluster.name)
        state.add_service(self.namespace, service, {"app.kubernetes.io/name": service})
        made = state.add_route(self.namespace, service, service)
        return ObjectRef(self.cluster.name, self.namespace, "HTTPRoute", service, made.uid)

    def meddle(self, ref: ObjectRef, service: str) -> None:
        state = self.world.scene(self.cluster.name)
        route = state.namespace(self.namespace).routes[ref.name]
        route.weights = {service: 50, "by-hand": 50}
        state.route_changed(route)

    def observe(self, ref: ObjectRef) -> None:
        self.world.clock.sleep(1)


class TestSimulated(TrafficContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        world = SimulatedWorld(ManualClock())
        world.add_cluster("test")
        return SimulatedStage(SimulatedCluster(world, "test"), world)
