"""The Cluster contract on the simulated adapter; on the real one: tests/cluster/test_kubernetes_contract.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.domain.templates import Template
from bot.domain.workloads import Workload
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.world import SimulatedWorld
from tests.contracts.clusters_suite import ClusterContract


class StillClock:
    """Nothing happens by itself."""

    def now(self) -> datetime:
        return datetime(2026, 11, 24, 12, tzinfo=UTC)

    def elapsed(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """No time passes."""


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    cluster: SimulatedCluster
    world: SimulatedWorld
    namespace: str = "shop"

    @property
    def state(self) -> ClusterState:
        return self.world.state(self.cluster.name)

    def deploy(self, name: str, *, replicas: int = 2) -> Workload:
        labels = {"app.kubernetes.io/name": name}
        containers = [{"name": "web", "image": "registry.test/web:1"}]
        template = Template.of({"metadata": {"labels": labels}, "spec": {"containers": containers}})
        with self.world.entered():
            self.state.add_deployment(
                self.namespace,
                name,
                template,
                replicas=replicas,
                labels=labels,
                annotations={"owner": "kubectl"},
                managers=("kubectl",),
            )
            self.state.add_service(self.namespace, name, labels)
            self.state.add_budget(self.namespace, name, labels, min_available=1)
            self.state.add_autoscaler(self.namespace, name, target=name, minimum=2, maximum=6, cpu=70)
        found = self.cluster.reads().workloads.find(self.namespace, name)
        assert found is not None
        return found

    def scale(self, name: str, replicas: int) -> None:
        with self.world.entered():
            found = self.state.deployment(self.namespace, name)
            found.replicas = replicas
            found.generation += 1

    def label(self, name: str, label: str, value: str) -> None:
        with self.world.entered():
            self.state.deployment(self.namespace, name).labels[label] = value

    def unlabel(self, name: str) -> None:
        with self.world.entered():
            self.state.deployment(self.namespace, name).labels.clear()

    def delete(self, name: str) -> None:
        with self.world.entered():
            self.state.remove_deployment(self.namespace, name)


class TestSimulated(ClusterContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        world = SimulatedWorld(StillClock())
        world.add_cluster("test")
        return SimulatedStage(SimulatedCluster(world, "test"), world)
