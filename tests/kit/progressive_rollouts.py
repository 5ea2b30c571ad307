"""Simulated canaries of Argo Rollouts under the faults, crashes and clock jumps of `tests.kit.rollouts`.

`python -m tests.kit.progressive_rollouts 1000 [FIRST_SEED]` runs so many and prints how they ended.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.operation import Operation, Phase, Progress
from bot.domain.progressive import StepList
from bot.steps.progressive_plan import Course, progressive_steps
from integrations.simulated.behaviours import GOOD
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.rollouts import SimulatedRollout
from integrations.simulated.seed import template_of
from integrations.simulated.world import SimulatedWorld
from tests.kit import rollouts
from tests.kit.clocks import ManualClock
from tests.kit.rollouts import APP, BAD, NAMESPACE, Ended, Rollout

OWN = StepList.of([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}])


@dataclass(slots=True)
class ProgressiveRollout(Rollout):
    told: StepList = field(default_factory=lambda: OWN)

    @property
    def it(self) -> SimulatedRollout:
        found = self.state.deployment(NAMESPACE, APP)
        assert isinstance(found, SimulatedRollout)
        return found

    def meddle(self) -> None:
        self.is_disturbed = True
        found, dice = self.it, self.dice
        match dice.randint(0, 3):
            case 0:
                found.is_aborted, found.words = True, "RolloutAborted: by hand"
                self.state.wake(found)
            case 1:
                found.is_waiting = False
                self.state.wake(found)
            case 2:
                found.steps = StepList.of([{"setWeight": 33}, {"pause": {}}])
                self.state.changed(found)
            case _:
                found.replicas = dice.randint(1, 5)
                self.state.changed(found)

    def watch(self, before: Operation, after: Operation, seen: Progress) -> None:
        is_by_hand = seen.report is not None and "by hand" in seen.report.plain()
        if not (self.is_disturbed and is_by_hand):
            Rollout.watch(self, before, after, seen)

    def check_what_is_left(self, ended: Ended) -> None:
        found, scalers = self.it, self.state.namespace(NAMESPACE).autoscalers
        if found.template != (self.new if ended.phase is Phase.DONE else self.old):
            ended.wrong.append("it is told the other version")
        if found.steps != OWN and not self.is_disturbed:
            ended.wrong.append(f"it has other steps: {found.steps}")
        if found.stable != found.current or found.is_aborted or found.weight:
            ended.wrong.append(f"it is on its way: {found.words}, {found.weight} %")
        if self.has_autoscaler and scalers[APP].scale_down:
            ended.wrong.append("the autoscaler is held")


def made(seed: int) -> ProgressiveRollout:
    dice = random.Random(seed)
    clock = ManualClock()
    world = SimulatedWorld(clock, seed=seed)
    state = world.add_cluster("test")
    is_bad = dice.random() < 0.4
    repository = f"registry.test/{APP}"
    world.registry.push(repository, "1", GOOD)
    world.registry.push(repository, "2", dice.choice(BAD) if is_bad else GOOD)
    old = template_of(APP, "1")
    new = old.with_image(APP, f"{repository}:2")
    is_routed = dice.random() < 0.6
    limit = dice.choice([None, 0.05])
    state.add_rollout(
        NAMESPACE, APP, old, replicas=dice.randint(1, 4), steps=OWN, is_routed=is_routed, error_limit=limit
    )
    has_autoscaler = dice.random() < 0.3
    if has_autoscaler:
        state.add_autoscaler(NAMESPACE, APP, target=APP, minimum=1, maximum=5, cpu=70)
    state.traffic.put(NAMESPACE, APP, dice.choice([0.0, 2.0, 20.0]))
    clock.move(timedelta(seconds=60))
    cluster = SimulatedCluster(world, "test")
    workload = cluster.reads().workloads.find(NAMESPACE, APP)
    assert workload is not None
    around = cluster.reads().workloads.surroundings(workload)
    course = Course(
        version="2",
        old="1",
        hold=dice.choice([None, timedelta(seconds=5), timedelta(seconds=30)]),
        deadline=timedelta(minutes=2),
        wait=timedelta(minutes=20),
        bake=timedelta(seconds=dice.choice([1, 15])),
        requests=dice.choice([None, 1, 20, 500]),
    )
    shares = StepList.shares(dice.choice([[10], [50], [5, 25], [10, 50, 90]]))
    steps = tuple(progressive_steps(workload, around.autoscaler, new, shares, course))
    op = replace(
        rollouts.made(seed).op,
        steps=tuple(step.facts() for step in steps),
        created=clock.now(),
        expires=clock.now(),
        since=clock.now(),
        started=clock.now(),
    )
    return ProgressiveRollout(seed, dice, clock, world, cluster, old, new, steps, op, is_bad, has_autoscaler)


if __name__ == "__main__":
    sys.exit(rollouts.main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, made))
