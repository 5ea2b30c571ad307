"""Steps that change how many pods there are: replicas of a workload, bounds of its autoscaler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, counted, text
from bot.domain.workloads import Mark
from bot.ports.world import Hands, World
from bot.steps.rollout import CHANGED, judge, waiting


@dataclass(frozen=True, slots=True)
class SetReplicas:
    target: ObjectRef
    before: int
    after: int
    version: str

    def describe(self) -> Text:
        return text(
            "{target} from {before} to {after} pods", target=str(self.target), before=self.before, after=self.after
        )

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = world.cluster(self.target.cluster).workloads.rollout(self.target)
        workload = rollout.workload
        if workload.replicas != self.after:
            if workload.replicas == self.before:
                return Progress(Standing.ABSENT)
            return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))
        if workload.is_settled:
            report = counted(self.after, "{n} pod is ready.", "{n} of {n} pods are ready.")
            return Progress(Standing.DONE, done=self.after, of=self.after, report=report)
        if self.after > self.before and (failed := judge(rollout, self.version)):
            return failed
        return waiting(rollout, self.version)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).workloads
        writer.scale(self.target, before=self.before, after=self.after, mark=mark)


@dataclass(frozen=True, slots=True)
class SetBounds:
    """The autoscaler's smallest and largest number of pods."""

    target: ObjectRef
    workload: ObjectRef
    before: tuple[int, int]
    after: tuple[int, int]

    def describe(self) -> Text:
        return text(
            "autoscaler {name} from {a} to {b} to {c} to {d} pods",
            name=self.target.name,
            a=self.before[0],
            b=self.before[1],
            c=self.after[0],
            d=self.after[1],
        )

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        workloads = world.cluster(self.target.cluster).workloads
        autoscaler = workloads.surroundings(workloads.rollout(self.workload).workload).autoscaler
        if autoscaler is None or autoscaler.ref.uid != self.target.uid:
            return Progress(Standing.FAILED, why=text("The autoscaler is gone."))
        bounds = (autoscaler.minimum, autoscaler.maximum)
        if bounds == self.after:
            return Progress(Standing.DONE, report=text("{a} to {b} pods.", a=bounds[0], b=bounds[1]))
        if bounds == self.before:
            return Progress(Standing.ABSENT)
        return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).autoscalers
        writer.bound(self.target, before=self.before, after=self.after, mark=mark)
