"""The simulated cluster under the contract of the Cluster port."""

from __future__ import annotations

import pytest

from bot.domain.workloads import Workload
from bot.ports.clusters import Cluster
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.seed import APP_LABEL, template_of
from integrations.simulated.world import SimulatedWorld
from tests.contracts.clusters_suite import ClusterContract, Stage
from tests.integrations.simulated.conftest import ManualClock


class SimulatedStage:
    namespace = "contract"

    def __init__(self) -> None:
        self._world = SimulatedWorld(ManualClock())
        self._state = self._world.add_cluster("test-1")
        self.cluster: Cluster = SimulatedCluster(self._world, "test-1", expected_uid=self._state.uid)

    @property
    def _scene(self) -> ClusterState:
        return self._world.scene("test-1")

    def deploy(self, name: str, *, replicas: int = 2) -> Workload:
        selector, scene = {APP_LABEL: name}, self._scene
        template = template_of("web", "1", labels=selector)
        scene.add_deployment(
            self.namespace, name, template, replicas=replicas, selector=selector, labels=selector, managers=("kubectl",)
        )
        scene.add_service(self.namespace, name, selector)
        scene.add_budget(self.namespace, name, selector, min_available=1)
        scene.add_autoscaler(self.namespace, name, target=name, minimum=2, maximum=6, cpu=70)
        found = self.cluster.reads().workloads.find(self.namespace, name)
        assert found is not None
        return found

    def scale(self, name: str, replicas: int) -> None:
        found = self._scene.deployment(self.namespace, name)
        found.replicas = replicas
        self._state.changed(found)

    def label(self, name: str, label: str, value: str) -> None:
        self._scene.deployment(self.namespace, name).labels[label] = value

    def unlabel(self, name: str) -> None:
        self._scene.deployment(self.namespace, name).labels.clear()

    def delete(self, name: str) -> None:
        self._scene.remove_deployment(self.namespace, name)


class TestSimulatedCluster(ClusterContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return SimulatedStage()
