"""Simulated canaries by replicas, judged by their figures, under the faults, crashes and clock jumps of `tests.kit.rollouts`.

Metrics come and go too, and some are judged by a figure of the app's own. `python -m tests.kit.replica_rollouts 3000
[FIRST_SEED]` runs so many and prints how they ended.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from bot.domain.analysis import AppMeasure, Criterion
from bot.domain.operation import Phase
from bot.domain.refs import AppName, EnvName
from bot.domain.workloads import APP_LABEL
from bot.ports.apps import App
from bot.ports.observing import Measure, Scope
from bot.ports.world import World
from bot.steps.delivery import Target
from bot.steps.records import JudgeRelease, RecordRelease
from bot.steps.replica_plan import replica_steps
from bot.steps.step import Planned
from integrations.simulated.behaviours import GOOD
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.images import SimulatedImages
from integrations.simulated.seed import template_of
from integrations.simulated.world import SimulatedWorld
from tests.kit import rollouts
from tests.kit.clocks import ManualClock
from tests.kit.rollouts import APP, BAD, NAMESPACE, Ended, Rollout

OWN = "sum(rate(failed_total[$window])) / sum(rate(all_total[$window]))"
FAILED = AppMeasure(Criterion("Failed", "%", 100.0, over=0.02, least=-1e12), OWN)
SPAN = {"deadline": timedelta(minutes=2)}


@dataclass(slots=True)
class ReplicaRollout(Rollout):
    selector: Mapping[str, str] = field(default_factory=dict)
    """Of the Service, before."""

    def trouble(self) -> None:
        if self.dice.random() < 0.01:
            self.world.measure(is_on=self.dice.random() < 0.5)
        Rollout.trouble(self)

    def meddle(self) -> None:
        self.is_disturbed = True
        state, dice = self.state, self.dice
        match dice.randint(0, 1):
            case 0:
                state.remove_deployment(NAMESPACE, f"{APP}-canary")
            case _:
                found = state.deployment(NAMESPACE, APP)
                found.replicas = dice.randint(1, 5)
                state.changed(found)

    def check_what_is_left(self, ended: Ended) -> None:
        found = self.state.namespace(NAMESPACE)
        is_new = ended.phase is Phase.DONE
        if found.deployments[APP].template != (self.new if is_new else self.old):
            ended.wrong.append("stable runs the other version")
        if found.services[APP].selector != ({APP_LABEL: APP} if is_new else self.selector):
            ended.wrong.append(f"the service selects {found.services[APP].selector}")
        if left := [name for name in found.deployments if name.endswith("-canary")]:
            ended.wrong.append(f"left behind: {left}")


def made(seed: int) -> ReplicaRollout:
    dice = random.Random(seed)
    clock = ManualClock()
    world = SimulatedWorld(clock, seed=seed)
    world.expressions[OWN] = Measure.ERRORS
    state = world.add_cluster("test")
    is_bad = dice.random() < 0.4
    repository = f"registry.test/{APP}"
    world.registry.push(repository, "1", GOOD)
    world.registry.push(repository, "2", dice.choice(BAD) if is_bad else GOOD)
    old = template_of(APP, "1")
    labels = {"app.kubernetes.io/name": APP}
    state.add_deployment(NAMESPACE, APP, old, replicas=dice.randint(1, 4), selector=labels, labels=labels)
    state.add_service(NAMESPACE, APP, labels)
    state.traffic.put(NAMESPACE, APP, dice.choice([0.0, 2.0, 20.0]))
    clock.move(timedelta(seconds=60))
    cluster = SimulatedCluster(world, "test")
    steps = _plan(world, cluster, dice)
    op = replace(
        rollouts.made(seed).op,
        steps=tuple(step.facts() for step in steps),
        created=clock.now(),
        expires=clock.now(),
        since=clock.now(),
        started=clock.now(),
    )
    new = old.with_labels(put={APP_LABEL: APP}).with_image(APP, f"{repository}:2")
    return ReplicaRollout(
        seed, dice, clock, world, cluster, old, new, steps, op, is_bad, has_autoscaler=False, selector=labels
    )


def _plan(simulated: SimulatedWorld, cluster: SimulatedCluster, dice: random.Random) -> tuple[Planned, ...]:
    """Without the releases, which are records of our own."""
    reads = cluster.reads()
    workload = reads.workloads.find(NAMESPACE, APP)
    assert workload is not None
    scope = Scope("test", NAMESPACE, APP)
    target = Target(scope, workload, reads.workloads.surroundings(workload), APP)
    bake = timedelta(seconds=dice.choice([1, 15]))
    world = SimpleNamespace(
        rules=SimpleNamespace(duration=lambda name, *_: {**SPAN, "bake": bake}[name]),
        book=SimpleNamespace(releases=lambda *_, **__: ()),
        cluster=lambda _: reads,
        images=SimulatedImages(simulated),
    )
    steps, _ = replica_steps(
        cast(World, world),
        App(AppName(APP), EnvName("prod"), "", (scope,)),
        target,
        f"registry.test/{APP}:2",
        version="2",
        old="1",
        shares=dice.choice([[10], [50], [5, 25], [10, 33, 50]]),
        hold=dice.choice([None, timedelta(seconds=5), timedelta(seconds=30)]),
        wait=timedelta(minutes=20),
        requests=dice.choice([1, 20, 500]),
        measures=dice.choice([(), (FAILED,)]),
    )
    return tuple(step for step in steps if not isinstance(step.do, RecordRelease | JudgeRelease))


if __name__ == "__main__":
    sys.exit(rollouts.main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, made))
