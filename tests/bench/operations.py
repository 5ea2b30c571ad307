"""Operations in flight on one replica: how long a round of looks at all of them takes, and what it costs.

All scale up and none gets its pod, so that each is looked at every second. The clusters answer at once: what is measured
is the engine and its database in one thread, on a RAM disk where there is one: so many starts would wait for the disk.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from bot.app.core import Core, build
from bot.app.parts import NotConfigured
from bot.app.worlds import Parts
from bot.domain.operation import Phase, Place
from bot.domain.refs import EnvName
from bot.domain.workloads import Workload
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.people import Identity
from bot.ports.store import OperationFilter
from bot.ports.world import Verdict
from bot.road.directory import Site
from bot.road.request import Origin, Request
from integrations.database.store import open_store
from integrations.fallback_logs.logs import PodLogs
from integrations.log_patterns.drain import mine
from tests.bench.edges import CHANNEL, TEAM, USER
from tests.bench.figures import Figure, Goal, us
from tests.bench.road import MEMORY
from tests.faults.small_cluster import SmallCluster
from tests.kit.bench import POLICY, KnownPeople
from tests.kit.clocks import ManualClock

FEW, MANY = 100, 1000
SETTLING, ROUNDS = 3, 5
"""Seconds of the bot's clock: until every write has been made; that are measured."""
PODS = 3


class Starting(SmallCluster):
    """Its new pod never becomes ready: it is looked at every second until the deadline."""

    def _workload(self) -> Workload:
        return replace(super()._workload(), ready=PODS, available=PODS)


@dataclass(frozen=True, slots=True)
class Round:
    took: float
    cpu: float
    looks: int


def core_of(folder: Path, clusters: Mapping[str, SmallCluster], clock: ManualClock) -> Core:
    alerts = NotConfigured("alertmanager")
    parts = Parts(
        clusters=clusters,
        images=NotConfigured("registry"),
        logs=PodLogs({name: cluster.reads() for name, cluster in clusters.items()}, mine, clock),
        metrics=NotConfigured("prometheus"),
        alerts=alerts,
        alert_writer=alerts,
    )
    judge = Judge(parse(POLICY.read_bytes()))
    return build(
        store=open_store(f"sqlite:///{folder}/pilothouse.db", clock=clock),
        parts=parts,
        sites={EnvName("staging"): tuple(Site(name, "team-web", "ns") for name in clusters)},
        people=KnownPeople(clock),
        judge=lambda: judge,
        clock=clock,
        verifier=lambda: Verdict(True, 0, ()),
        checks=tuple,
    )


def rounds(folder: Path, count: int) -> list[Round]:
    """So many operations, each on an app of its own, and every second all that are due are looked at."""
    names = [f"app-{n:04}" for n in range(count)]
    clusters = {name: Starting(name, namespace="ns", workload=name, replicas=PODS) for name in names}
    clock = ManualClock()
    core = core_of(folder, clusters, clock)
    for name in names:
        _started(core, f"scale {name} {PODS + 1} to staging")
    for _ in range(SETTLING):
        _round(core, clock)
    found = [_round(core, clock) for _ in range(ROUNDS)]
    running = core.store.read(lambda tx: tx.operations.find(OperationFilter(is_final=False, limit=count + 1)))
    assert len(running) == count, len(running)
    assert {op.phase for op in running} == {Phase.RUNNING}
    core.store.close()
    return found


def _started(core: Core, line: str) -> None:
    answer = core.walk(Request(Origin.TYPED, Identity("slack", TEAM, USER), line, Place(CHANNEL)))
    assert answer.operation is not None, answer
    if answer.is_draft:
        core.walk(Request(Origin.CLICKED, Identity("slack", TEAM, USER), f"ask {answer.operation}", Place(CHANNEL)))


def _round(core: Core, clock: ManualClock) -> Round:
    clock.move(timedelta(seconds=1))
    started, cpu, looks = time.perf_counter(), time.process_time(), 0
    while done := core.engine.run_due():
        looks += done
    return Round(time.perf_counter() - started, time.process_time() - cpu, looks)


def figures() -> Iterator[Figure]:
    cost = {}
    for count in (FEW, MANY):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
            found = rounds(Path(name), count)
        looks = sum(each.looks for each in found)
        cost[count] = sum(each.cpu for each in found) / looks
        what, is_goal = f"{count} in flight", count == MANY
        slowest = max(each.took for each in found)
        ours = f"{slowest:.2f} s, median {statistics.median(each.took for each in found):.2f} s"
        goal = Goal(5, " s") if is_goal else None
        yield Figure("operations", f"{what}, slowest of {ROUNDS} rounds", ours, "", slowest, goal)
        cores = sum(each.cpu for each in found) / ROUNDS
        yield Figure("operations", f"{what}, cores", f"{cores:.2f}", "", cores, Goal(1, " cores") if is_goal else None)
    few, many = cost[FEW], cost[MANY]
    yield Figure(
        "operations", f"CPU of a look, {MANY} in flight", us(many), f"{FEW} in flight: {us(few)}", many / few, Goal(1.1)
    )
