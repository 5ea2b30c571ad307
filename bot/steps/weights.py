"""Steps of a canary by weights: its own Service, and routes that give it a share of the requests.

Asked is not achieved: a weight is there when the route says so and the router has taken notice; a Settle step then gives
requests under way the time to end. Nothing leads back to a stable version that could not serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Conflict
from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, Value, text
from bot.domain.workloads import Autoscaler, Mark
from bot.ports.traffic import Route, Split
from bot.ports.world import Hands, World
from bot.steps.canary import look
from bot.steps.rollout import CHANGED, judge, waiting
from bot.steps.step import Planned

HELD = "Disabled"
"""`scaleDown.selectPolicy` while requests are away from stable: it would shrink, and an abort would find too few pods."""


@dataclass(frozen=True, slots=True)
class CreateCanaryService:
    model: ObjectRef
    target: ObjectRef
    """Without uid: it does not exist yet."""
    selector: Mapping[str, str]

    def describe(self) -> Text:
        return text("create service {name}", name=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        return _service(world, self.target, mark, wanted=True)

    def act(self, hands: Hands, mark: Mark) -> None:
        traffic = hands.cluster(self.target.cluster).traffic
        traffic.create_service(self.model, name=self.target.name, selector=self.selector, mark=mark)


@dataclass(frozen=True, slots=True)
class DeleteCanaryService:
    target: ObjectRef

    def describe(self) -> Text:
        return text("remove service {name}", name=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        return _service(world, self.target, mark, wanted=False)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.cluster(self.target.cluster).traffic.delete_service(self.target, mark=mark)


def _service(world: World, target: ObjectRef, mark: Mark, *, wanted: bool) -> Progress:
    found = world.cluster(target.cluster).traffic.service(target.namespace, target.name)
    if found is None:
        return Progress(Standing.ABSENT if wanted else Standing.DONE)
    if found.mark is None or found.mark.operation != mark.operation:
        why = text("A Service {name} is there that this operation did not make.", name=target.name)
        return Progress(Standing.FAILED, why=why)
    return Progress(Standing.DONE if wanted else Standing.ABSENT)


@dataclass(frozen=True, slots=True)
class DrainCanary:
    """Takes the canary to no pods, from whichever of the planned sizes it has, and waits until the last has ended."""

    target: ObjectRef
    sizes: tuple[int, ...]

    def describe(self) -> Text:
        return text("{name} to no pods", name=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = look(world, self.target)
        if rollout is None:
            return Progress(Standing.DONE)
        workload = rollout.workload
        if workload.mark is None or workload.mark.operation != mark.operation:
            why = text("A Deployment {name} is there that this operation did not make.", name=self.target.name)
            return Progress(Standing.FAILED, why=why)
        if workload.replicas == 0:
            left = workload.total + workload.terminating
            why = text("{n} pods still end.", n=left)
            return Progress(Standing.UNDERWAY, why=why) if left else Progress(Standing.DONE)
        # A size that somebody else gave it: it is ours all the same, and the next step removes it.
        return Progress(Standing.ABSENT if workload.replicas in self.sizes else Standing.DONE)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).workloads
        refused: Conflict | None = None
        for size in self.sizes:
            try:
                writer.scale(self.target, before=size, after=0, mark=mark)
            except Conflict as conflict:
                refused = conflict
            else:
                return
        if refused is not None:
            raise refused


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Gives the canary `after` per cent, once it has the pods for it."""

    route: Route
    before: tuple[int, ...]
    after: int
    canary: ObjectRef
    pods: int
    """That have to be available first: without endpoints its share would get 503."""
    version: str

    def describe(self) -> Text:
        args: dict[str, Value] = {"route": named(self.route), "n": self.after, "version": self.version}
        if self.route.match is not None:
            return text("{route}: {n} % to {version}, and all with {match}", match=str(self.route.match), **args)
        return text("{route}: {n} % to {version}", **args)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.route.ref,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        split = world.cluster(self.route.ref.cluster).traffic.split(self.route)
        if split.weight == self.after and split.is_matched is (self.route.match is not None):
            if split.mark is None or split.mark.operation != mark.operation:
                return _changed(self.route)
            return _taken_up(split, self.route)
        if split.weight not in self._sources():
            return _changed(self.route)
        rollout = look(world, self.canary)
        if rollout is None:
            return Progress(Standing.FAILED, why=text("{name} is gone.", name=self.canary.name))
        if failed := judge(rollout, self.version):
            return failed
        if rollout.workload.available < self.pods:
            return waiting(rollout, self.version)
        return Progress(Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.route.ref.cluster).traffic
        writer.set_weight(self.route, before=self._sources(), after=self.after, mark=mark)

    def _sources(self) -> tuple[int, ...]:
        """The share may be right and the requests of the match not led yet."""
        return self.before if self.route.match is None else (*self.before, self.after)


@dataclass(frozen=True, slots=True)
class ReturnTraffic:
    """Leads every request to stable again, from whatever share the canary has, once stable can serve them."""

    route: Route
    before: tuple[int, ...]
    stable: ObjectRef
    pods: int
    """That stable has to have, unless it was made smaller meanwhile."""
    canary: ObjectRef
    version: str
    """What stable runs then."""

    def describe(self) -> Text:
        return text("{route}: everything to {version}", route=named(self.route), version=self.version)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.route.ref,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        split = world.cluster(self.route.ref.cluster).traffic.split(self.route)
        if split.weight == 0 and not split.is_matched:
            return _taken_up(split, self.route)
        if split.weight not in {*self.before, 0}:
            return _changed(self.route)
        stable = world.cluster(self.stable.cluster).workloads.rollout(self.stable).workload
        wanted = min(self.pods, stable.replicas)
        if wanted and stable.available >= wanted:
            return Progress(Standing.ABSENT)
        canary = look(world, self.canary)
        if stable.available and (canary is None or not canary.workload.ready):
            # Few pods of stable are better than none of the canary.
            return Progress(Standing.ABSENT)
        why = text("{version} has {n} of {all} pods ready.", version=self.version, n=stable.available, all=wanted)
        return Progress(Standing.UNDERWAY, why=why, done=stable.available, of=wanted)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.route.ref.cluster).traffic
        writer.restore(self.route, before=(*self.before, 0), mark=mark)


@dataclass(frozen=True, slots=True)
class Settle:
    """Waits with a route as it is: the router's other threads, and requests under way."""

    route: Route
    weight: int
    time: timedelta

    def describe(self) -> Text:
        return text("let requests at {route} settle for {time}", route=named(self.route), time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        split = world.cluster(self.route.ref.cluster).traffic.split(self.route)
        if split.weight != self.weight:
            return _changed(self.route)
        return Progress(Standing.DONE if held >= self.time and split.is_observed else Standing.UNDERWAY)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only waits."""


@dataclass(frozen=True, slots=True)
class HoldScaleDown:
    """Keeps the autoscaler from making stable smaller while its requests are elsewhere, and lets it go again."""

    target: ObjectRef
    workload: ObjectRef
    before: str
    after: str
    is_back: bool = False

    def describe(self) -> Text:
        if self.is_back:
            return text("autoscaler {name} may scale down again", name=self.target.name)
        return text("autoscaler {name} may not scale down meanwhile", name=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        workloads = world.cluster(self.target.cluster).workloads
        autoscaler = workloads.surroundings(workloads.rollout(self.workload).workload).autoscaler
        if autoscaler is None or autoscaler.ref.uid != self.target.uid:
            if self.is_back:
                return Progress(Standing.DONE)
            return Progress(Standing.FAILED, why=text("The autoscaler is gone."))
        if autoscaler.scale_down == self.after:
            return Progress(Standing.DONE)
        if autoscaler.scale_down == self.before:
            return Progress(Standing.ABSENT)
        if self.is_back:
            # Somebody set it meanwhile: theirs counts.
            return Progress(Standing.DONE)
        return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).autoscalers
        writer.hold_scale_down(self.target, before=self.before, after=self.after, mark=mark)


def hold_scale_down(found: Autoscaler | None, workload: ObjectRef) -> tuple[list[Planned], list[Planned]]:
    """What comes before and after a delivery; nothing where there is none, or it may not scale down anyhow."""
    if found is None or found.scale_down == HELD:
        return [], []
    hold = HoldScaleDown(found.ref, workload, found.scale_down, HELD)
    free = HoldScaleDown(found.ref, workload, HELD, found.scale_down, is_back=True)
    return [Planned(hold, free)], [Planned(free, no_return=True)]


def named(route: Route) -> str:
    return f"{route.ref.kind} {route.ref.name}"


def _taken_up(split: Split, route: Route) -> Progress:
    if split.is_observed and not split.trouble:
        return Progress(Standing.DONE)
    why = text("The router has not taken notice of {route} yet.", route=named(route))
    if split.trouble:
        why = text("The router does not accept {route}: {words}", route=named(route), words=split.trouble)
    return Progress(Standing.UNDERWAY, why=why)


def _changed(route: Route) -> Progress:
    return Progress(Standing.FAILED, why=text(CHANGED, target=str(route.ref)))
