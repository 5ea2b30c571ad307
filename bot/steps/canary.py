"""Steps of a canary by replicas: a second Deployment behind the same Service.

The canary is created by the operation and known by name and mark; it has no uid in the plan. Stable keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Missing
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.templates import Template
from bot.domain.workloads import Mark, Rollout
from bot.ports.world import Hands, World
from bot.steps.rollout import CHANGED, judge, waiting


def look(world: World, target: ObjectRef) -> Rollout | None:
    try:
        return world.cluster(target.cluster).workloads.rollout(target)
    except Missing:
        return None


def _foreign(name: str) -> Progress:
    return Progress(
        Standing.FAILED, why=text("A Deployment {name} is there that this operation did not make.", name=name)
    )


def _sized(rollout: Rollout, replicas: int, version: str) -> Progress:
    workload = rollout.workload
    if failed := judge(rollout, version):
        return failed
    if workload.is_settled:
        return Progress(Standing.DONE, done=replicas, of=replicas)
    return waiting(rollout, version)


@dataclass(frozen=True, slots=True)
class CreateCanary:
    source: ObjectRef
    target: ObjectRef
    """Without uid: it does not exist yet."""
    template: Template
    selector: Mapping[str, str]
    replicas: int
    version: str

    def describe(self) -> Text:
        return text("create {name} with {n} of {version}", name=self.target.name, n=self.replicas, version=self.version)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.ABSENT)
        if rollout.workload.mark is None or rollout.workload.mark.operation != mark.operation:
            return _foreign(self.target.name)
        return _sized(rollout, self.replicas, self.version)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.cluster(self.target.cluster).workloads.create_copy(
            self.source,
            name=self.target.name,
            template=self.template,
            selector=self.selector,
            replicas=self.replicas,
            mark=mark,
        )


@dataclass(frozen=True, slots=True)
class ScaleCanary:
    target: ObjectRef
    before: int
    after: int
    version: str

    def describe(self) -> Text:
        return text("{name} from {a} to {b} pods", name=self.target.name, a=self.before, b=self.after)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.target.name))
        if rollout.workload.mark is None or rollout.workload.mark.operation != mark.operation:
            return _foreign(self.target.name)
        if rollout.workload.replicas == self.after:
            return _sized(rollout, self.after, self.version)
        if rollout.workload.replicas == self.before:
            return Progress(Standing.ABSENT)
        return Progress(Standing.FAILED, why=text(CHANGED, target=self.target.name))

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).workloads
        writer.scale(self.target, before=self.before, after=self.after, mark=mark)


@dataclass(frozen=True, slots=True)
class SwitchSelector:
    """Makes a Service select by other labels; both sets must match the same stable pods when it is done."""

    target: ObjectRef
    workload: ObjectRef
    before: Mapping[str, str]
    after: Mapping[str, str]

    def describe(self) -> Text:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(self.after.items()))
        return text("service {name} selects {labels}", name=self.target.name, labels=labels)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        workloads = world.cluster(self.workload.cluster).workloads
        around = workloads.surroundings(workloads.rollout(self.workload).workload)
        service = next((s for s in around.services if s.ref.uid == self.target.uid), None)
        if service is None:
            return Progress(Standing.FAILED, why=text("Service {name} does not select it.", name=self.target.name))
        if dict(service.selector) == dict(self.after):
            return Progress(Standing.DONE)
        if dict(service.selector) == dict(self.before):
            return Progress(Standing.ABSENT)
        return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).services
        writer.select(self.target, before=self.before, after=self.after, mark=mark)


@dataclass(frozen=True, slots=True)
class DeleteCanary:
    """Takes the canary to no pods, then deletes it: its pods drain while the others serve."""

    target: ObjectRef

    def describe(self) -> Text:
        return text("remove {name}", name=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.DONE)
        if rollout.workload.mark is None or rollout.workload.mark.operation != mark.operation:
            return _foreign(self.target.name)
        return Progress(Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.cluster(self.target.cluster).workloads.delete(self.target, mark=mark)
