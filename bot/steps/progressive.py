"""Steps that drive a workload which leads a new version from share to share by itself: an Argo Rollout.

Its own controller moves pods and requests; these steps tell it the template and the stops on the way, let it go on from
each, and read where it stands. Going back is one patch: the old template and the old steps. What it was told by somebody
else meanwhile is left alone; where somebody let it go on by hand, this goes on too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from bot.domain.errors import Conflict
from bot.domain.operation import Progress, Standing
from bot.domain.progressive import ALL, Program, Progressive
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark, Rollout
from bot.ports.world import Hands, World
from bot.steps.rollout import CHANGED, explain, judge


@dataclass(frozen=True, slots=True)
class PutProgram:
    """Puts template and steps in the place of others; as an undo it also waits until everything is as it was."""

    target: ObjectRef
    before: Program
    after: Program
    version: str
    """What the template after it is called."""
    is_back: bool = False
    is_aborted: bool = False
    """It had given up another version before."""
    others: tuple[Program, ...] = ()
    """What it may be told instead of `before`, by this operation or by the one that it took over."""
    is_anew: bool = False
    """Other steps of ours for the version that it has: its controller begins with them at the first."""

    def describe(self) -> Text:
        if self.is_back:
            return text(
                "{version} again in {target}, with its own steps", version=self.version, target=self.target.name
            )
        if self.before.template == self.after.template:
            if self.is_anew:
                return text("tell {target} to take other shares", target=self.target.name)
            return text("{target} gets its own steps again", target=self.target.name)
        return text("tell {target} to run {version}, step by step", version=self.version, target=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout, stands = look(world, self.target)
        standing = Program(rollout.workload.template, stands.steps)
        if standing == self.after:
            return self._taken_up(rollout, stands)
        if standing not in (self.before, *self.others):
            return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))
        if self.is_back and rollout.workload.is_observed and stands.is_promoted:
            why = text("Somebody promoted it by hand: {target} runs the new version alone.", target=self.target.name)
            return Progress(Standing.FAILED, why=why)
        if stands.is_aborted and not self.is_back and not self.is_aborted:
            return _given_up(stands, self.version)
        return Progress(Standing.ABSENT)

    def _taken_up(self, rollout: Rollout, stands: Progressive) -> Progress:
        workload = rollout.workload
        is_there = workload.is_observed
        if self.is_back:
            is_there = workload.is_settled and not stands.weight
        if is_there:
            return Progress(Standing.DONE)
        ready = workload.serving
        why = text("Its controller has not finished: {words}", words=stands.words or "it has not taken notice yet")
        return Progress(Standing.UNDERWAY, why=why, done=ready, of=workload.replicas)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).progressive
        for number, before in enumerate((self.before, *self.others)):
            try:
                writer.put_program(
                    self.target,
                    before=before,
                    after=self.after,
                    mark=mark,
                    is_back=self.is_back,
                    is_aborted=self.is_aborted,
                )
            except Conflict:
                if number == len(self.others):
                    raise
            else:
                return


@dataclass(frozen=True, slots=True)
class ReachStop:
    """Waits until it stands at a stop, with the share that belongs there."""

    target: ObjectRef
    program: Program
    index: int
    percent: int
    version: str

    def describe(self) -> Text:
        return text("{target}: {n} % to {version}", target=self.target.name, n=self.percent, version=self.version)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout, stands = look(world, self.target)
        if failed := strayed(rollout, stands, self.program, self.version):
            return failed
        ready, wanted = pods_at(rollout, self.percent)
        if is_beyond(rollout, stands, self.index) or (
            stands.index == self.index and stands.is_waiting and stands.weight in {None, self.percent}
        ):
            return Progress(Standing.DONE, done=ready, of=wanted)
        trouble = rollout.troubles[0] if rollout.troubles else None
        why = text("Its controller says: {words}", words=stands.words or "it goes on")
        if trouble is not None:
            why = explain(trouble, self.version)
        return Progress(Standing.UNDERWAY, why=why, done=min(ready, wanted), of=wanted)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


@dataclass(frozen=True, slots=True)
class HoldStop:
    """Watches a stop for `time`, then goes on by itself; without `time` it waits for `promote`."""

    target: ObjectRef
    program: Program
    index: int
    percent: int
    version: str
    time: timedelta | None
    is_routed: bool
    """Its share is its router's weight, not that of its pods."""

    def describe(self) -> Text:
        if self.time is None:
            return text("hold at {percent} % until somebody promotes it", percent=self.percent)
        return text("hold at {percent} % for {time}", percent=self.percent, time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout, stands = look(world, self.target)
        if failed := strayed(rollout, stands, self.program, self.version):
            return failed
        ready, wanted = pods_at(rollout, self.percent)
        if is_beyond(rollout, stands, self.index):
            return Progress(Standing.DONE, done=ready, of=wanted, report=text("Somebody let it go on by hand."))
        report = share_had(rollout, stands, self.percent)
        why = text("nobody promoted it in time")
        if stands.index != self.index or not stands.is_waiting:
            why = text("Its controller says: {words}", words=stands.words)
            return Progress(Standing.UNKNOWN, why=why, done=ready, of=wanted, report=report)
        standing = Standing.WAITING
        if self.time is not None and held >= self.time:
            standing = Standing.DONE if ready >= wanted else Standing.UNKNOWN
        return Progress(standing, why=why, done=ready, of=wanted, report=report)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


@dataclass(frozen=True, slots=True)
class BakeStop:
    """Watches the new version at the last stop, where it has everything and the old one still stands beside it."""

    target: ObjectRef
    program: Program
    index: int
    version: str
    time: timedelta

    def describe(self) -> Text:
        return text("watch {version} with everything for {time}", version=self.version, time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout, stands = look(world, self.target)
        if failed := strayed(rollout, stands, self.program, self.version):
            return failed
        ready, wanted = pods_at(rollout, ALL)
        if held >= self.time and ready >= wanted:
            return Progress(Standing.DONE, done=ready, of=wanted, report=text("No restarts in {time}.", time=self.time))
        return Progress(Standing.UNDERWAY, done=ready, of=wanted, report=text("Watching for {time}.", time=self.time))

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


@dataclass(frozen=True, slots=True)
class PassStop:
    """Lets it go on from a stop; from the last one that makes the new version the stable one."""

    target: ObjectRef
    program: Program
    index: int
    version: str
    is_last: bool

    def describe(self) -> Text:
        if self.is_last:
            return text("promote {version} in {target}", version=self.version, target=self.target.name)
        return text("let {target} go on", target=self.target.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout, stands = look(world, self.target)
        if failed := strayed(rollout, stands, self.program, self.version):
            return failed
        ready, wanted = pods_at(rollout, ALL)
        if self.is_last:
            if rollout.workload.is_settled:
                return Progress(Standing.DONE, done=ready, of=wanted)
        elif is_beyond(rollout, stands, self.index):
            return Progress(Standing.DONE)
        if stands.index == self.index and stands.is_waiting:
            return Progress(Standing.ABSENT)
        why = text("Its controller says: {words}", words=stands.words or "it goes on")
        return Progress(Standing.UNDERWAY, why=why, done=min(ready, wanted), of=wanted)

    def act(self, hands: Hands, mark: Mark) -> None:
        writer = hands.cluster(self.target.cluster).progressive
        writer.pass_step(self.target, program=self.program, index=self.index, mark=mark)


def look(world: World, target: ObjectRef) -> tuple[Rollout, Progressive]:
    """Raises Missing where it is gone."""
    rollout = world.cluster(target.cluster).workloads.rollout(target)
    assert rollout.workload.progressive is not None, target
    return rollout, rollout.workload.progressive


def strayed(rollout: Rollout, stands: Progressive, program: Program, version: str) -> Progress | None:
    """FAILED where it was told something else, gave the version up, or shows a sure sign of failure."""
    if Program(rollout.workload.template, stands.steps) != program:
        return Progress(Standing.FAILED, why=text(CHANGED, target=str(rollout.workload.ref)))
    if stands.is_aborted:
        return _given_up(stands, version)
    return judge(rollout, version)


def _given_up(stands: Progressive, version: str) -> Progress:
    why = text("The Rollout itself gave {version} up: {words}", version=version, words=stands.words)
    return Progress(Standing.FAILED, why=why)


def is_beyond(rollout: Rollout, stands: Progressive, index: int) -> bool:
    return rollout.workload.is_observed and stands.index > index


def ready_of(rollout: Rollout) -> int:
    return sum(pod.is_ready and not pod.is_terminating for pod in rollout.pods)


def pods_at(rollout: Rollout, percent: int) -> tuple[int, int]:
    """How many pods of the new version are ready, and how many there are to be at this share."""
    return ready_of(rollout), ceil(rollout.workload.replicas * percent / ALL)


def share_had(rollout: Rollout, stands: Progressive, asked: int) -> Text:
    mine, wanted = pods_at(rollout, asked)
    if stands.weight is not None:
        return text(
            "Asked {asked} %, getting {share} % (its router's weight), {n} of {all} pods ready.",
            asked=asked,
            share=stands.weight,
            n=mine,
            all=wanted,
        )
    all_pods = rollout.workload.ready
    return text(
        "Asked {asked} %, getting {share} % ({n} of {all} pods).",
        asked=asked,
        share=round(100 * mine / all_pods) if all_pods else 0,
        n=mine,
        all=all_pods,
    )
