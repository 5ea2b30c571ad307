"""Many people press the same button at the same moment, again and again, while two engines work on one database.

python -m tests.faults.clicks [--rounds 200] [--threads 50] [--postgres]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.app.clock import SystemClock
from bot.app.core import Core, build
from bot.domain.clock import Clock
from bot.domain.operation import Phase, Place
from bot.domain.refs import EnvName
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.people import Identity
from bot.ports.store import OperationFilter
from bot.ports.world import Verdict
from bot.road.directory import Site
from bot.road.request import Origin, Outcome, Proposed, Request, Signalled
from integrations.database.store import open_store
from tests.faults.small_cluster import SmallCluster, parts_of
from tests.integrations.database.postgres_server import Server
from tests.kit.bench import KnownPeople
from tests.kit.clocks import ManualClock

POLICY = b"""
keepers: [lee]
people:
  ana: {name: Ana, slack: [UANA], kubernetes: ana}
  bo: {name: Bo, slack: [UBO], kubernetes: bo}
  lee: {name: Lee, slack: [ULEE], kubernetes: lee}
groups: {team: {members: [ana]}, sre: {members: [bo, lee]}}
roles: {developer: ["workloads:*", "operations:*"]}
grants:
  - {role: developer, to: ["group:team", "group:sre"], tenant: ["*"], env: ["*"]}
approvals:
  - {for: [scale], env: [prod], votes: "1", from: sre}
"""


@dataclass(frozen=True)
class Figures:
    rounds: int
    clicks: int
    executions: int
    most: int
    """Executions of one operation."""
    seconds: float


def bot(store_url: str, cluster: SmallCluster, clock: Clock, people: KnownPeople) -> Core:
    judge = Judge(parse(POLICY))
    return build(
        store=open_store(store_url, clock=clock),
        parts=parts_of(cluster, clock),
        sites={EnvName("prod"): (Site("one", "team", "ns"),)},
        people=people,
        judge=lambda: judge,
        clock=clock,
        verifier=lambda: Verdict(True, 0, ()),
        checks=tuple,
    )


def say(core: Core, who: str, line: str) -> Outcome:
    return core.road.walk(Request(Origin.CLICKED, Identity("slack", "T1", f"U{who.upper()}"), line, Place("C1")))


def at_once(threads: int, work: Callable[[int], object]) -> None:
    """All begin together."""
    gate = threading.Barrier(threads)

    def one(number: int) -> None:
        gate.wait()
        work(number)

    running = [threading.Thread(target=one, args=(number,)) for number in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()


class Machine(ManualClock):
    """Its own: where the database is a server, nobody can move its time, and clocks that disagree stop the engine."""

    def __init__(self) -> None:
        super().__init__()
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now()

    def elapsed(self) -> float:
        return self._real.elapsed()

    def move(self, by: timedelta) -> None:
        self._real.sleep(min(0.3, by.total_seconds()))


def click(*, rounds: int, threads: int, urls: tuple[str, ...]) -> Figures:
    """`urls`: one a replica; SQLite has one."""
    clock = ManualClock() if urls[0].startswith("sqlite") else Machine()
    cluster = SmallCluster("one", namespace="ns", workload="web", replicas=6)
    people = KnownPeople(clock)
    began = time.perf_counter()
    with ExitStack() as stack:
        bots = [bot(url, cluster, clock, people) for url in urls]
        for core in bots:
            stack.callback(core.store.close)
        for number in range(rounds):
            _round(bots, clock, pods=5 + number % 2 * 2 if number else 5, threads=threads)
    done = [mark.operation for mark, _ in cluster.effects]
    counts = {id: done.count(id) for id in done}
    seconds = time.perf_counter() - began
    return Figures(rounds, rounds * threads * 2, len(done), max(counts.values()), seconds)


def _round(bots: list[Core], clock: ManualClock, *, pods: int, threads: int) -> None:
    planned = say(bots[0], "ana", f"scale web {pods} to prod")
    assert isinstance(planned, Proposed), planned
    id = planned.operation.id
    taken: list[Outcome] = []

    def ask(number: int) -> None:
        taken.append(say(bots[number % len(bots)], "ana", f"ask {id}"))

    at_once(threads, ask)
    assert sum(isinstance(each, Signalled) for each in taken) == 1
    taken.clear()

    def approve_and_work(number: int) -> None:
        core = bots[number % len(bots)]
        taken.append(say(core, "bo" if number % 2 else "lee", f"approve {id}"))
        core.engine.run_due()

    at_once(threads, approve_and_work)
    assert sum(isinstance(each, Signalled) for each in taken) == 1
    _finish(bots, clock)


def _finish(bots: list[Core], clock: ManualClock) -> None:
    """Both engines go on until it is done; whichever comes first has the turn."""
    for _ in range(100):
        clock.move(timedelta(seconds=1.1))
        if bots[0].store.read(lambda tx: not tx.operations.find(OperationFilter(is_final=False))):
            break
        at_once(len(bots) * 2, lambda number: bots[number % len(bots)].engine.run_due())
    newest = bots[0].store.read(lambda tx: tx.operations.find(OperationFilter(limit=1)))[0]
    assert newest.phase is Phase.DONE, newest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.clicks")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    with ExitStack() as stack:
        urls: tuple[str, ...]
        if args.postgres:
            server = Server()
            stack.callback(server.remove)
            urls = (server.fresh(),) * 2
        else:
            urls = (f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/pilothouse.db",)
        found = click(rounds=args.rounds, threads=args.threads, urls=urls)
    print(
        f"{found.rounds} rounds of {args.threads} threads, {found.clicks} clicks: {found.executions} executions, at most "
        f"{found.most} of one operation, in {found.seconds:.0f} s on {Path(urls[0]).name if args.postgres else 'SQLite'}"
    )


if __name__ == "__main__":
    main()
