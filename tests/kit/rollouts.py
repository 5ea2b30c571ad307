"""Simulated canaries by weights under faults, crashes and clock jumps: the real plan, steps and `decide`, no database.

The driver does what the engine does (save, act, stamp after a lost reply or a take-over) and may die between any two of
these. `python -m tests.kit.rollouts 3000 [FIRST_SEED]` runs so many and prints how they ended.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from bot.domain.analysis import Outcome
from bot.domain.errors import Conflict, IntegrationError, Missing, Refused, Unavailable
from bot.domain.operation import (
    FINAL,
    Act,
    Operation,
    Phase,
    Place,
    Progress,
    Quorum,
    Signal,
    SignalKind,
    Standing,
    decide,
    promoted,
)
from bot.domain.refs import OperationId, PlanHash, Principal
from bot.domain.templates import Template
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting
from bot.ports.observing import Scope
from bot.ports.world import Hands, World
from bot.steps.analysis import Analyse
from bot.steps.delivery import Target
from bot.steps.step import Planned
from bot.steps.weight_plan import Wanted, weighted_steps
from integrations.simulated import behaviours
from integrations.simulated.behaviours import GOOD, Behaviour
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.faults import How
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.seed import template_of
from integrations.simulated.world import SimulatedWorld
from tests.kit.clocks import ManualClock

NAMESPACE, APP = "shop", "web"
ANA = Principal("ana")
BAD: tuple[Behaviour, ...] = (
    behaviours.ERRORS,
    behaviours.SLOW,
    behaviours.CRASHES,
    behaviours.CRASHES_LATER,
    behaviours.NEVER_READY,
    behaviours.OUT_OF_MEMORY,
    behaviours.CANNOT_START,
)
MOST_TICKS = 1500


class Died(Exception):
    """The process, at this point."""


@dataclass(slots=True)
class Ended:
    """What became of one rollout; `wrong` says what should not be."""

    seed: int
    phase: Phase
    ticks: int
    why: str
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Rollout:
    seed: int
    dice: random.Random
    clock: ManualClock
    world: SimulatedWorld
    cluster: SimulatedCluster
    old: Template
    new: Template
    steps: tuple[Planned, ...]
    op: Operation
    is_bad: bool
    has_autoscaler: bool
    is_open: bool = False
    """A write may still be on its way."""
    is_taken_over: bool = False
    is_disturbed: bool = False
    """Somebody else meddled, or pods were killed: requests may be lost, and nothing may be restored by force."""
    jump: timedelta = timedelta()
    wrong: list[str] = field(default_factory=list)
    """What was seen on the way and may not be."""

    @property
    def state(self) -> ClusterState:
        return self.world.scene("test")

    def now(self) -> datetime:
        return self.clock.moment + self.jump

    # --- as the engine does it ----------------------------------------------------------------------

    def tick(self) -> timedelta:
        is_undo = self.op.phase is Phase.UNDOING
        planned = self.steps[self.op.cursor]
        step = planned.undo if is_undo else planned.do
        if step is None:
            return self.save(Progress(Standing.DONE))
        if self.is_open or self.is_taken_over:
            self.op = replace(self.op, fence=self.op.fence + 1)
        mark = Mark(self.op.id, f"{'u' * is_undo}{self.op.cursor}", self.op.fence)
        seen = self.stamp(mark) if self.is_open or self.is_taken_over else None
        seen = seen or self.observe(mark)
        self.die()
        decision = decide(self.op, seen, self.now())
        self.watch(self.op, decision.operation, seen)
        self.op = decision.operation
        if decision.act is not None:
            self.act(mark, is_undo=decision.act is Act.UNDO)
        return decision.wake or timedelta(seconds=1)

    def watch(self, before: Operation, after: Operation, seen: Progress) -> None:
        """Nothing goes on by itself but on a pass, and nothing passes without a figure of both."""
        step = self.steps[before.cursor].do
        if not isinstance(step, Analyse) or after.cursor <= before.cursor or after.phase is Phase.UNDOING:
            return
        verdict = seen.verdict
        is_pass = verdict is not None and verdict.outcome is Outcome.PASS
        if not is_pass and not promoted(before):
            self.wrong.append(f"it went on from {step.percent} % with {verdict.outcome if verdict else 'no verdict'}")

    def save(self, seen: Progress) -> timedelta:
        decision = decide(self.op, seen, self.now())
        self.op = decision.operation
        return decision.wake or timedelta(seconds=1)

    def stamp(self, mark: Mark) -> Progress | None:
        planned = self.steps[self.op.cursor]
        step = planned.undo if self.op.phase is Phase.UNDOING else planned.do
        assert step is not None
        writes = self.cluster.writes(Acting("ana", ()))
        try:
            for target in step.targets():
                writes.workloads.stamp(target, mark=mark)
        except Conflict as error:
            return Progress(Standing.FAILED, why=error.what)
        except IntegrationError as error:
            return Progress(Standing.UNKNOWN, why=error.what)
        self.is_open = self.is_taken_over = False
        return None

    def observe(self, mark: Mark) -> Progress:
        planned = self.steps[self.op.cursor]
        step = planned.undo if self.op.phase is Phase.UNDOING else planned.do
        assert step is not None
        found = SimpleNamespace(
            now=self.now(),
            cluster=lambda _: self.cluster.reads(),
            metrics=SimulatedMetrics(self.world),
            book=SimpleNamespace(operation=lambda _: self.op),
        )
        try:
            return step.observe(cast(World, found), mark, self.now() - (self.op.since or self.now()))
        except Missing as error:
            return Progress(Standing.FAILED, why=error.what)
        except IntegrationError as error:
            return Progress(Standing.UNKNOWN, why=error.what)

    def act(self, mark: Mark, *, is_undo: bool) -> None:
        planned = self.steps[self.op.cursor]
        step = planned.undo if is_undo else planned.do
        assert step is not None
        self.is_open = True
        self.die()
        hands = SimpleNamespace(cluster=lambda _: self.cluster.writes(Acting("ana", ())))
        try:
            step.act(cast(Hands, hands), mark)
        except Conflict:
            pass
        except Unavailable:
            return
        except (Refused, Missing) as error:
            if not is_undo:
                self.save(Progress(Standing.FAILED, why=error.what))
        self.die()
        self.is_open = False

    def die(self) -> None:
        if self.dice.random() < 0.01:
            raise Died

    # --- what happens meanwhile ---------------------------------------------------------------------

    def trouble(self) -> None:
        dice, faults = self.dice, self.world.faults
        roll = dice.random()
        if roll < 0.03:
            faults.put(
                dice.choice(["writes", "reads"]),
                dice.choice([How.BEFORE, How.AFTER, How.LATE]),
                times=dice.randint(1, 3),
            )
        elif roll < 0.035:
            faults.put("writes", How.REFUSED)
        elif roll < 0.045:
            faults.put("metrics.range", How.BEFORE, times=dice.randint(1, 30))
        elif roll < 0.05:
            self.jump = timedelta(seconds=dice.choice([0, -3600, 3600, -30, 45]))
        elif roll < 0.055:
            self.clock.move(timedelta(seconds=dice.choice([20, 120, 900])))
        elif roll < 0.057:
            pods = [pod for pod in self.state.namespace(NAMESPACE).pods.values() if pod.is_ready]
            if pods:
                self.is_disturbed = True
                self.state.kubelet.kill(dice.choice(pods))
        elif roll < 0.058:
            self.meddle()
        elif roll < 0.061:
            self.signal(dice.choice([SignalKind.PAUSE, SignalKind.RESUME, SignalKind.ABORT]))
        elif roll < 0.062:
            self.signal(SignalKind.PROMOTE_FULL)
        elif roll < 0.12:
            self.signal(SignalKind.PROMOTE)

    def meddle(self) -> None:
        self.is_disturbed = True
        state, dice = self.state, self.dice
        match dice.randint(0, 2):
            case 0:
                route = state.namespace(NAMESPACE).routes[APP]
                route.weights = {APP: 70, "by-hand": 30}
                state.route_changed(route)
            case 1:
                state.remove_deployment(NAMESPACE, f"{APP}-canary")
            case _:
                found = state.deployment(NAMESPACE, APP)
                found.replicas = dice.randint(1, 5)
                state.changed(found)

    def signal(self, kind: SignalKind) -> None:
        given = Signal(kind, ANA, self.now(), self.op.plan_hash, self.op.cursor)
        self.op = replace(self.op, signals=(*self.op.signals, given))

    # --- to the end ---------------------------------------------------------------------------------

    def run(self) -> Ended:
        ticks = 0
        for ticks in range(MOST_TICKS):
            if self.op.phase in FINAL or self.op.phase is Phase.STUCK:
                break
            if ticks < MOST_TICKS // 3:
                self.trouble()
            elif ticks == MOST_TICKS // 3:
                # Whoever waits for a person is told.
                self.world.faults.clear()
                self.jump = timedelta()
                self.signal(SignalKind.RESUME)
                self.signal(SignalKind.ABORT)
            try:
                wake = self.tick()
            except Died:
                self.is_taken_over = True
                wake = timedelta(seconds=5)
            self.clock.move(max(wake, timedelta(seconds=0.2)))
        self.clock.move(timedelta(seconds=30))
        ended = Ended(self.seed, self.op.phase, ticks, self.op.why.plain() if self.op.why else "")
        self.check(ended)
        return ended

    def check(self, ended: Ended) -> None:
        ended.wrong += self.wrong
        if ended.phase is Phase.STUCK:
            if not ended.why:
                ended.wrong.append("stuck without an explanation")
            return
        if ended.phase not in {Phase.DONE, Phase.UNDONE}:
            ended.wrong.append(f"it has not ended: {ended.phase} at {self.op.cursor}, {self.op.seen}")
            return
        self.check_what_is_left(ended)
        if not self.is_bad and not self.is_disturbed and (lost := self.lost()):
            ended.wrong.append(f"{lost:.2f} s of requests without a pod")

    def check_what_is_left(self, ended: Ended) -> None:
        """Of a rollout at its end, all new or all old."""
        found = self.state.namespace(NAMESPACE)
        wanted = self.new if ended.phase is Phase.DONE else self.old
        if found.deployments[APP].template != wanted:
            ended.wrong.append("stable runs the other version")
        is_theirs = self.is_disturbed and "by-hand" in found.routes[APP].weights
        if found.routes[APP].weights != {APP: 1} and not is_theirs:
            ended.wrong.append(f"the route is left at {found.routes[APP].weights}")
        left = [name for name in (*found.deployments, *found.services) if name.endswith("-canary")]
        if left:
            ended.wrong.append(f"left behind: {left}")
        if self.has_autoscaler and found.autoscalers[APP].scale_down:
            ended.wrong.append("the autoscaler is held")

    def lost(self) -> float:
        """Seconds, weighed by the share of the requests that found no pod."""
        [flow] = self.state.traffic.flows(NAMESPACE)
        ends = [start for start, _ in flow.segments[1:]] + [self.world.timeline.now]
        spans = [
            (end - start) * (1 - sum(part for _, part in parts))
            for (start, parts), end in zip(flow.segments, ends, strict=True)
            if start >= self.world.began + 60
        ]
        return sum(each for each in spans if each > 1e-6)


def made(seed: int) -> Rollout:
    dice = random.Random(seed)
    clock = ManualClock()
    world = SimulatedWorld(clock, seed=seed)
    state = world.add_cluster("test")
    is_bad = dice.random() < 0.4
    repository = f"registry.test/{APP}"
    world.registry.push(repository, "1", GOOD)
    world.registry.push(repository, "2", dice.choice(BAD) if is_bad else GOOD)
    old = template_of(APP, "1")
    labels = {"app.kubernetes.io/name": APP}
    state.add_deployment(NAMESPACE, APP, old, replicas=dice.randint(1, 4), selector=labels, labels=labels)
    state.add_service(NAMESPACE, APP, labels)
    has_autoscaler = dice.random() < 0.3
    if has_autoscaler:
        state.add_autoscaler(NAMESPACE, APP, target=APP, minimum=1, maximum=5, cpu=70)
    state.traffic.put(NAMESPACE, APP, dice.choice([0.0, 2.0, 20.0]))
    state.add_route(NAMESPACE, APP, APP)
    clock.move(timedelta(seconds=60))
    cluster = SimulatedCluster(world, "test")
    steps = _plan(cluster, dice)
    op = Operation(
        id=OperationId("op-7"),
        kind="canary",
        line="",
        app=APP,
        env="prod",
        tenant="",
        requester=ANA,
        origin="",
        place=Place(""),
        plan="",
        face="",
        plan_hash=PlanHash(""),
        ask_key="",
        policy_version="",
        holds=("web/prod",),
        steps=tuple(step.facts() for step in steps),
        quorum=Quorum(),
        created=clock.now(),
        expires=clock.now(),
        phase=Phase.RUNNING,
        since=clock.now(),
        started=clock.now(),
        fence=1,
    )
    new = old.with_image(APP, f"{repository}:2")
    return Rollout(seed, dice, clock, world, cluster, old, new, steps, op, is_bad, has_autoscaler)


def _plan(cluster: SimulatedCluster, dice: random.Random) -> tuple[Planned, ...]:
    reads = cluster.reads()
    workload = reads.workloads.find(NAMESPACE, APP)
    assert workload is not None
    around = reads.workloads.surroundings(workload)
    target = Target(Scope("test", NAMESPACE, APP), workload, around, APP)
    routes = reads.traffic.routes(NAMESPACE, APP, canary=f"{APP}-canary").splits
    wanted = Wanted(
        app=APP,
        image=f"registry.test/{APP}:2",
        version="2",
        old="1",
        shares=dice.choice([[10], [50], [5, 25], [10, 50, 90]]),
        hold=dice.choice([None, timedelta(seconds=5), timedelta(seconds=30)]),
        requests=dice.choice([1, 20, 500]),
        deadline=timedelta(minutes=2),
        wait=timedelta(minutes=20),
        bake=timedelta(seconds=dice.choice([1, 15])),
    )
    return tuple(weighted_steps(target, around.services[0], routes, wanted))


def main(count: int, first: int, make: Callable[[int], Rollout] = made) -> int:
    begin = time.monotonic()
    phases: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    wrong: list[Any] = []
    for seed in range(first, first + count):
        ended = make(seed).run()
        phases[ended.phase.value] += 1
        if ended.phase is Phase.STUCK:
            reasons[ended.why[-60:]] += 1
        if ended.wrong:
            wrong.append((seed, ended.phase.value, ended.wrong))
    print(f"{count} rollouts from seed {first} in {time.monotonic() - begin:.0f} s: {dict(phases)}; {len(wrong)} wrong")
    for reason, times in reasons.most_common(12):
        print(f"  stuck {times}: ...{reason}")
    for each in wrong[:20]:
        print(" ", each)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
