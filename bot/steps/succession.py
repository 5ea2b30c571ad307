"""The plan by which a canary that runs gets another share: a successor, on the same objects, from wherever it stands.

It begins at its step TakeOver. What stands before that was done by the operation that it takes over, and is there for the
way back, which leads to all old as that one's would have. It is the same plan at every share at which the other may stand,
so that it may move on while people agree. Pure, but for the uids of what the other made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.codec import UnknownKind
from bot.domain.operation import Operation
from bot.domain.progressive import StepList
from bot.domain.refs import ObjectRef, OperationId
from bot.ports.store import Proof
from bot.ports.traffic import Match
from bot.ports.world import World
from bot.steps.analysis import Analyse
from bot.steps.canary import CreateCanary, ScaleCanary, look
from bot.steps.codec import load_steps
from bot.steps.progressive import BakeStop, PutProgram, ReachStop
from bot.steps.progressive_plan import Course
from bot.steps.progressive_plan import climb as steps_up
from bot.steps.records import RecordRelease
from bot.steps.step import Planned, Step
from bot.steps.takeover import ResizeCanary, TakeOver
from bot.steps.weight_plan import ALL, SETTLE
from bot.steps.weights import DrainCanary, ReturnTraffic, Settle, SetWeight


@dataclass(frozen=True, slots=True)
class Running:
    """A canary's operation, read as what it does."""

    operation: OperationId
    cursor: int
    steps: tuple[Planned, ...]
    watches: tuple[tuple[int, Analyse], ...]
    """At each share, with the number of its step."""
    made: CreateCanary | PutProgram
    """What set it up: a second Deployment, or what a Rollout is told."""
    candidate: Planned

    @property
    def first_watch(self) -> int:
        return self.watches[0][0]

    @property
    def last_watch(self) -> int:
        return self.watches[-1][0]

    @property
    def shares(self) -> tuple[int, ...]:
        return tuple(watch.percent for _, watch in self.watches)

    @property
    def percent(self) -> int:
        """The share that it was given last; 0 before the first."""
        return max((watch.percent for number, watch in self.watches if number <= self.cursor), default=0)

    @property
    def hold(self) -> timedelta | None:
        return self.watches[0][1].time

    @property
    def wait(self) -> timedelta:
        """For a person, at one share."""
        return self.steps[self.first_watch].deadline - (self.hold or timedelta())

    @property
    def is_by_weights(self) -> bool:
        return any(isinstance(step.do, SetWeight) for step in self.steps)

    @property
    def is_progressive(self) -> bool:
        return isinstance(self.made, PutProgram)

    @property
    def is_exact(self) -> bool:
        """Whether any share can be had."""
        return self.watches[0][1].is_weighted

    @property
    def match(self) -> Match | None:
        """Which requests always reach it."""
        return next((step.do.route.match for step in self.steps if isinstance(step.do, SetWeight)), None)

    @property
    def sizes(self) -> frozenset[int]:
        """That its canary may have, after any of its steps."""
        found = {self.made.replicas} if isinstance(self.made, CreateCanary) else set()
        for step in self.steps:
            match step.do:
                case ScaleCanary(before=before, after=after):
                    found |= {before, after}
                case ResizeCanary(sizes=sizes, after=after):
                    found |= {*sizes, after}
                case _:
                    pass
        return frozenset(found)


def running(op: Operation) -> Running | None:
    """None where it is no canary of these steps: then its share cannot be changed from here."""
    try:
        steps = load_steps(op.plan)
    except UnknownKind:
        return None
    watches = tuple((number, step.do) for number, step in enumerate(steps) if isinstance(step.do, Analyse))
    setup = [step.do for step in steps[: watches[0][0] if watches else 0]]
    # What a Rollout was told last: a successor has what was told before it too, for the way back.
    made = next((step for step in reversed(setup) if isinstance(step, CreateCanary | PutProgram)), None)
    candidate = next((step for step in steps if _is_candidate(step.do)), None)
    if not watches or made is None or candidate is None:
        return None
    return Running(op.id, op.cursor, steps, watches, made, candidate)


def take_over_in(steps: Sequence[Planned]) -> tuple[int, TakeOver] | None:
    """Where a successor begins, and what it takes over; None for every other plan."""
    return next(((number, step.do) for number, step in enumerate(steps) if isinstance(step.do, TakeOver)), None)


@dataclass(frozen=True, slots=True)
class Climb:
    """What is asked of a successor."""

    shares: Sequence[int]
    sizes: Sequence[int]
    """Pods of the canary at each share."""
    whole: int
    """Its pods when it gets everything, by weights."""
    hold: timedelta | None
    requests: int | None
    """None: as before."""
    wait: timedelta


def successor_steps(now: Running, climb: Climb, world: World) -> list[Planned]:
    if isinstance(now.made, PutProgram):
        return _told_anew(now, now.made, climb, world)
    weights = tuple(sorted({*_weights(now), *climb.shares}))
    sizes = tuple(sorted({*now.sizes, *climb.sizes, *([climb.whole] if now.is_by_weights else [])} - {0}))
    head = _ways_back(now.steps[: now.first_watch], weights, sizes)
    take = _take_over(now, [*(step.undo for step in head), *(step.do for step in head)], world)
    steps = [*head, Planned(take, replace(take, is_back=True)), now.candidate]
    steps += _first(now, climb, weights, sizes)
    before, pods = climb.shares[0], climb.sizes[0]
    for share, size in zip(climb.shares[1:], climb.sizes[1:], strict=True):
        steps += [
            *_grow(now, pods, size),
            *_give(now, (before,), share, size, weights),
            _watch(now, climb, share, size),
        ]
        before, pods = share, size
    if now.is_by_weights:
        steps += [*_grow(now, pods, climb.whole), *_give(now, (before,), ALL, climb.whole, weights)]
    rest = [*now.steps[now.last_watch + 1 :]]
    while isinstance(rest[0].do, ScaleCanary | SetWeight):
        rest.pop(0)
    return steps + [replace(step, do=_widened(step.do, weights, sizes, is_undo=False)) for step in rest]


def _told_anew(now: Running, told: PutProgram, climb: Climb, world: World) -> list[Planned]:
    """Of a Rollout: other steps for the version that it has, with which its controller begins at the first."""
    ours = replace(told.after, steps=StepList.other_shares(climb.shares, told.after.steps))
    head = [
        replace(step, undo=replace(step.undo, others=(*step.undo.others, ours)))
        if isinstance(step.undo, PutProgram)
        else step
        for step in _ways_back(now.steps[: now.first_watch], (), ())
    ]
    take = _take_over(now, [*(step.undo for step in head), *(step.do for step in head)], world)
    tell = PutProgram(told.target, told.after, ours, told.version, is_anew=True)
    watch = now.watches[0][1]
    assert watch.stop is not None
    ending = {type(step.do): step for step in now.steps[now.last_watch + 1 :]}
    bake, home = ending[BakeStop].do, ending[PutProgram].do
    assert isinstance(bake, BakeStop)
    assert isinstance(home, PutProgram)
    course = Course(
        version=watch.version,
        old=watch.old,
        hold=climb.hold,
        deadline=now.steps[now.last_watch + 1].deadline,
        wait=climb.wait,
        bake=bake.time,
        requests=watch.requests if climb.requests is None else climb.requests,
        measures=watch.measures,
    )
    workload = world.cluster(told.target.cluster).workloads.rollout(told.target).workload
    up = steps_up(
        workload, ours, home.after.steps, course, is_routed=watch.stop.is_routed, slow=ending[ReachStop].deadline
    )
    after = now.steps[now.steps.index(ending[PutProgram]) + 1 :]
    return [*head, Planned(take, replace(take, is_back=True)), now.candidate, Planned(tell), *up, *after]


def _first(now: Running, climb: Climb, weights: tuple[int, ...], sizes: tuple[int, ...]) -> list[Planned]:
    """From any share: pods up before the weight, down after it."""
    share, size, version = climb.shares[0], climb.sizes[0], now.made.version
    deadline = _pace(now).deadline
    steps = [Planned(ResizeCanary(now.made.target, sizes, size, version, is_up=True), deadline=deadline)]
    steps += _give(now, weights, share, size, weights)
    if any(other > size for other in now.sizes):
        steps += [Planned(Settle(step.route, share, SETTLE)) for step in _routes(now)]
        steps.append(Planned(ResizeCanary(now.made.target, sizes, size, version, is_up=False), deadline=deadline))
    return [*steps, _watch(now, climb, share, size)]


def _grow(now: Running, pods: int, size: int) -> list[Planned]:
    if size == pods:
        return []
    return [Planned(ScaleCanary(now.made.target, pods, size, now.made.version), deadline=_pace(now).deadline)]


def _give(now: Running, before: tuple[int, ...], share: int, pods: int, weights: tuple[int, ...]) -> list[Planned]:
    pace = _pace(now)
    found = []
    for step in _routes(now):
        give = replace(step, before=tuple(each for each in before if each != share), after=share, pods=pods)
        home = next(
            each.undo for each in now.steps if isinstance(each.undo, ReturnTraffic) and each.undo.route == step.route
        )
        found.append(replace(pace, do=give, undo=replace(home, before=weights)))
    return found


def _watch(now: Running, climb: Climb, share: int, size: int) -> Planned:
    watch = now.watches[0][1]
    time = max(climb.hold, SETTLE) if climb.hold is not None else None
    requests = watch.requests if climb.requests is None else climb.requests
    watch = replace(watch, requests=requests, percent=share, replicas=size, time=time)
    return Planned(watch, deadline=(climb.hold or timedelta()) + climb.wait)


def _routes(now: Running) -> list[SetWeight]:
    """One for each route."""
    return [step.do for step in now.steps if isinstance(step.do, SetWeight) and step.do.after == ALL]


def _weights(now: Running) -> set[int]:
    return {step.do.after for step in now.steps if isinstance(step.do, SetWeight)} | {
        weight for step in now.steps if isinstance(step.undo, ReturnTraffic) for weight in step.undo.before
    }


def _pace(now: Running) -> Planned:
    """A step whose deadlines are those of every change of a share."""
    return next(
        (step for step in now.steps if isinstance(step.do, SetWeight)),
        next(step for step in now.steps if isinstance(step.do, CreateCanary)),
    )


def _is_candidate(step: Step) -> bool:
    return isinstance(step, RecordRelease) and step.proof is Proof.CANDIDATE


def _ways_back(steps: Sequence[Planned], weights: tuple[int, ...], sizes: tuple[int, ...]) -> list[Planned]:
    """Of what was done: each once, from every share and size that there may have been."""
    found: list[Planned] = []
    for step in steps:
        if step.undo is None or isinstance(step.do, RecordRelease | TakeOver):
            continue
        undo = _widened(step.undo, weights, sizes, is_undo=True)
        if all(undo != other.undo for other in found):
            found.append(replace(step, undo=undo))
    return found


def _widened(step: Step, weights: tuple[int, ...], sizes: tuple[int, ...], *, is_undo: bool) -> Step:
    if isinstance(step, DrainCanary):
        return replace(step, sizes=sizes)
    if isinstance(step, ReturnTraffic) and is_undo:
        return replace(step, before=weights)
    return step


def _take_over(now: Running, steps: Sequence[Step | None], world: World) -> TakeOver:
    found: dict[ObjectRef, None] = {}
    for step in steps:
        if isinstance(step, ReturnTraffic) and not step.route.ref.uid:
            uid = world.cluster(step.route.ref.cluster).traffic.split(step.route).uid
            found[replace(step.route.ref, uid=uid)] = None
        elif step is not None:
            found.update({_known(ref, world): None for ref in step.targets()})
    canary = _known(now.made.target, world)
    return TakeOver(now.operation, canary, tuple(ref for ref in found if ref.uid and ref != canary))


def _known(ref: ObjectRef, world: World) -> ObjectRef:
    """With its uid, where the other made it; without where it is not there."""
    if ref.uid:
        return ref
    reads = world.cluster(ref.cluster)
    if ref.kind == "Deployment":
        rollout = look(world, ref)
        return rollout.workload.ref if rollout is not None else ref
    if ref.kind == "Service":
        service = reads.traffic.service(ref.namespace, ref.name)
        return service.ref if service is not None else ref
    return ref
