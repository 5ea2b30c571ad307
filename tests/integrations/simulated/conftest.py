"""A simulated world on a clock that a test moves by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.refs import OperationId
from bot.domain.workloads import Mark, Rollout, Workload
from bot.ports.clusters import Acting, Cluster
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.seed import CLUSTER, demo_world
from integrations.simulated.world import SimulatedWorld
from tests.kit.clocks import ManualClock

ANA = Acting("ana", ("team-web",), "op-7")


def mark(step: str = "1", *, op: int = 7, fence: int = 5) -> Mark:
    return Mark(OperationId(f"op-{op}"), step, fence)


class Scene:
    """The demo world, settled, and what tests do in it again and again."""

    def __init__(self, clock: ManualClock, world: SimulatedWorld) -> None:
        self.clock = clock
        self.world = world
        self.cluster: Cluster = SimulatedCluster(world, CLUSTER)
        self.reads = self.cluster.reads().workloads
        self.writes = self.cluster.writes(ANA)

    def workload(self, name: str = "web", namespace: str = "web-prod") -> Workload:
        found = self.reads.find(namespace, name)
        assert found is not None
        return found

    def deploy(self, tag: str, *, name: str = "web", namespace: str = "web-prod", min_ready: int = 0) -> Workload:
        """Gives back the workload as it was before."""
        before = self.workload(name, namespace)
        after = before.template.with_image(name, f"registry.test/{name}:{tag}")
        self.writes.workloads.replace_template(
            before.ref,
            before=before.template,
            after=after,
            min_ready=(before.min_ready_seconds, min_ready),
            mark=mark(),
        )
        return before

    def until(self, is_so: Callable[[Rollout], bool], *, name: str = "web", within: float = 120.0) -> float:
        """Seconds until the rollout is like that."""
        ref = self.workload(name).ref
        for index in range(int(within * 4)):
            if is_so(self.reads.rollout(ref)):
                return index / 4
            self.clock.sleep(0.25)
        raise AssertionError(f"not within {within} s: {self.reads.rollout(ref)}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def scene(clock: ManualClock) -> Scene:
    world = demo_world(clock, history=timedelta(0))
    clock.sleep(30)
    scene = Scene(clock, world)
    assert scene.workload().is_settled
    return scene
