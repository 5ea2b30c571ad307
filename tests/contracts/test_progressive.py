"""The contract of step-by-step workloads on the simulated adapter; on the real one: tests/cluster/test_rollouts_contract.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.progressive import StepList
from bot.domain.refs import ObjectRef
from bot.domain.templates import Template
from bot.domain.workloads import Workload
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.rollouts import SimulatedRollout
from integrations.simulated.world import SimulatedWorld
from tests.contracts.progressive_suite import ProgressiveContract
from tests.contracts.test_clusters import StillClock


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    cluster: SimulatedCluster
    world: SimulatedWorld
    namespace: str = "shop"

    def rollout(self, name: str, steps: Sequence[dict[str, Any]], *, is_routed: bool = False) -> Workload:
        labels = {"app.kubernetes.io/name": name}
        containers = [{"name": "web", "image": "registry.test/web:1"}]
        template = Template.of({"metadata": {"labels": labels}, "spec": {"containers": containers}})
        with self.world.entered():
            made = self.world.state(self.cluster.name).add_rollout(
                self.namespace, name, template, replicas=2, steps=StepList.of(steps), is_routed=is_routed
            )
            made.stable = made.current = "5d9f"
            made.index, made.observed_generation = len(made.steps), made.generation
        found = self.cluster.reads().workloads.find(self.namespace, name)
        assert found is not None
        return found

    def stand(self, ref: ObjectRef, *, index: int, is_waiting: bool = False, is_aborted: bool = False) -> None:
        with self.world.entered():
            found = self.world.state(self.cluster.name).deployment(self.namespace, ref.name)
            assert isinstance(found, SimulatedRollout)
            found.index, found.is_waiting, found.is_aborted = index, is_waiting, is_aborted
            found.stable, found.current, found.observed_generation = "5d9f", "7c4b", found.generation


class TestSimulated(ProgressiveContract):
    @pytest.fixture
    def stage(self) -> SimulatedStage:
        world = SimulatedWorld(StillClock())
        world.add_cluster("test")
        return SimulatedStage(SimulatedCluster(world, "test"), world)
