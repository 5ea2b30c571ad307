"""Steps by which an operation goes on with the canary of another: the objects become its own, and the pods fit its share.

Nothing is made anew and nothing is given up on the way: a share is changed from wherever the other left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Conflict
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.ports.world import Hands, World
from bot.steps.canary import look
from bot.steps.rollout import CHANGED, judge, waiting


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Puts our marks in the place of those of `operation`. The canary's Deployment comes last: its mark proves the rest.

    From then on a late write of the other fails its test of the marks; the engine lets none be under way.
    """

    operation: OperationId
    canary: ObjectRef
    others: tuple[ObjectRef, ...]
    """What else the other wrote, or would have written to go back. All with their uids."""
    is_back: bool = False
    """Undo: what was not taken over yet is, so that it can be put back."""

    def describe(self) -> Text:
        return text("take over {name} from {id}", name=self.canary.name, id=self.operation)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (*self.others, self.canary)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.canary)
        if rollout is None:
            if self.is_back:
                return Progress(Standing.DONE)
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.canary.name))
        owner = rollout.workload.mark.operation if rollout.workload.mark else ""
        if owner == mark.operation:
            return Progress(Standing.DONE)
        if owner == self.operation:
            return Progress(Standing.ABSENT)
        why = text("{name} belongs to {id} no more.", name=self.canary.name, id=self.operation)
        return Progress(Standing.FAILED, why=why)

    def act(self, hands: Hands, mark: Mark) -> None:
        for target in self.targets():
            hands.cluster(target.cluster).workloads.stamp(target, mark=mark)


@dataclass(frozen=True, slots=True)
class ResizeCanary:
    """To `after` pods from any size that it may have: up before a larger share, down after a smaller one."""

    target: ObjectRef
    sizes: tuple[int, ...]
    """That it may have, with those at which it is left as it is."""
    after: int
    version: str
    is_up: bool
    """A larger size is left as it is; else a smaller one."""

    def describe(self) -> Text:
        if self.is_up:
            return text("{name} to {n} pods or more", name=self.target.name, n=self.after)
        return text("{name} to {n} pods", name=self.target.name, n=self.after)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.target.name))
        size = rollout.workload.replicas
        if size not in self.sizes and size != self.after:
            return Progress(Standing.FAILED, why=text(CHANGED, target=self.target.name))
        if failed := judge(rollout, self.version):
            return failed
        if size < self.after if self.is_up else size > self.after:
            return Progress(Standing.ABSENT)
        if rollout.workload.is_settled:
            return Progress(Standing.DONE, done=size, of=size)
        return waiting(rollout, self.version)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).workloads
        refused: Conflict | None = None
        for size in self.sizes:
            if size == self.after or (size < self.after) is not self.is_up:
                continue
            try:
                writer.scale(self.target, before=size, after=self.after, mark=mark)
            except Conflict as conflict:
                refused = conflict
            else:
                return
        if refused is not None:
            raise refused
