"""The approval protocol against a small model of it: every interleaving of what people, policy, clock and engine can do.

Road, desk, gate and engine are the real ones, over a real SQLite file; only the cluster is small, so that all of it can be
put back to an earlier state. Equal states are explored once, which changes nothing about what is found: what follows
depends on the state alone.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from bot.app.core import Core, build
from bot.domain.operation import STARTED, Operation, Place
from bot.domain.refs import EnvName, OperationId
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.people import Identity
from bot.ports.store import OperationFilter
from bot.ports.world import Verdict
from bot.road.directory import Site
from bot.road.request import Crashed, Origin, Proposed, Request, Signalled, Started
from tests.faults.small_cluster import Kept, SmallCluster, parts_of
from tests.kit.bench import KnownPeople
from tests.kit.clocks import ManualClock
from tests.kit.databases import sqlite_store

DEPTH = 6
LIFE = timedelta(minutes=15)
PODS = 6
INSERT_ONLY = ("audit", "audit_chain")
OLD, NEW = OperationId("op-1"), OperationId("op-2")

POLICY = """
keepers: [lee]
people:
  ana: {{name: Ana, slack: [UANA], kubernetes: ana}}
  bo: {{name: Bo, slack: [UBO], kubernetes: bo}}
  lee: {{name: Lee, slack: [ULEE], kubernetes: lee}}
  kim: {{name: Kim}}
  pat: {{name: Pat}}
groups:
  team: {{members: [{team}]}}
  sre: {{members: [kim, pat{sre}]}}
roles:
  developer: ["workloads:*", "operations:*"]
grants:
  - {{role: developer, to: ["group:team", "group:sre"], tenant: ["*"], env: ["*"]}}
approvals:
  - {{for: [scale], env: [prod], votes: "{votes}", from: sre}}
"""


@dataclass(frozen=True)
class Rules:
    """The part of the policy that moves."""

    votes: int
    voters: tuple[str, ...]
    team: tuple[str, ...] = ("ana", "lee")

    def text(self) -> bytes:
        members = {"team": ", ".join(self.team), "sre": "".join(f", {who}" for who in self.voters)}
        return POLICY.format(votes=self.votes, **members).encode()


@cache
def judge_of(rules: Rules) -> Judge:
    return Judge(parse(rules.text()))


# --- the model --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What the model knows of one operation."""

    is_asked: bool = False
    expires: datetime | None = None
    approved: frozenset[str] = frozenset()
    stopped: str = ""
    """denied, cancelled: before or after it began."""
    executed: int = 0

    @property
    def is_open(self) -> bool:
        return not self.stopped and not self.executed


@dataclass(frozen=True)
class State:
    """Everything that what comes next depends on: the model's side of it."""

    rules: Rules
    now: datetime
    ops: tuple[tuple[OperationId, Asked], ...]

    def op(self, id: OperationId) -> Asked | None:
        return dict(self.ops).get(id)

    def put(self, id: OperationId, asked: Asked) -> State:
        return replace(self, ops=tuple(sorted({**dict(self.ops), id: asked}.items())))

    def may_ask(self, id: OperationId) -> bool:
        op = self.op(id)
        if "ana" not in self.rules.team:
            return False
        return op is not None and op.is_open and not op.is_asked and op.expires is not None and self.now < op.expires

    def may_approve(self, id: OperationId, who: str) -> bool:
        """Asked for, still open and in time, by another person of the group, once, and nothing newer asked for."""
        op, newer = self.op(id), self.op(NEW) if id == OLD else None
        if op is None or not op.is_open or not op.is_asked or op.expires is None or self.now >= op.expires:
            return False
        is_over = newer is None or newer.stopped or (not newer.executed and newer.expires and self.now >= newer.expires)
        if not is_over:
            return False
        is_due = len(op.approved) < self.rules.votes
        return is_due and who in self.rules.voters and who != "ana" and who not in op.approved

    def may_execute(self, id: OperationId) -> bool:
        op = self.op(id)
        if op is None or not op.is_open or not op.is_asked or op.expires is None or self.now >= op.expires:
            return False
        counted = op.approved & set(self.rules.voters) - {"ana"}
        return len(counted) >= self.rules.votes and "ana" in self.rules.team


# --- the real thing, which can be put back ------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    state: State
    rows: Mapping[str, tuple[tuple[object, ...], ...]]
    """Of each table. Another file in its place would make every connection read the whole schema anew, at every step."""
    cluster: Kept


@dataclass
class Stage:
    file: sqlite3.Connection
    tables: tuple[str, ...]
    clock: ManualClock
    cluster: SmallCluster
    core: Core
    judge: dict[str, Judge]
    state: State

    def use(self, rules: Rules) -> None:
        self.judge["now"] = judge_of(rules)
        self.state = replace(self.state, rules=rules)

    def keep(self) -> Snapshot:
        return Snapshot(self.state, self.rows(), self.cluster.keep())

    def rows(self) -> Mapping[str, tuple[tuple[object, ...], ...]]:
        return {name: self.rows_of(name) for name in self.tables}

    def rows_of(self, table: str) -> tuple[tuple[object, ...], ...]:
        return tuple(self.file.execute(f"SELECT * FROM {table}"))

    def only_adds_records(self, before: Snapshot) -> bool:
        """In place of the triggers that would refuse to put them back."""
        return all(self.rows_of(name)[: len(before.rows[name])] == before.rows[name] for name in INSERT_ONLY)

    def put_back(self, kept: Snapshot) -> None:
        self.file.execute("BEGIN IMMEDIATE")
        for name, rows in self.rows().items():
            before = kept.rows[name]
            if rows != before:
                self.file.execute(f"DELETE FROM {name}")
            if rows != before and before:
                self.file.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(before[0]))})", before)
        self.file.execute("COMMIT")
        self.cluster.put_back(kept.cluster)
        self.clock.move(kept.state.now - self.clock.now())
        self.state = kept.state
        self.use(kept.state.rules)

    def key(self) -> tuple[object, ...]:
        """All that decides what follows: the model's state, the stored operations without their counters, the cluster."""
        columns = "id, phase, step, expires_at, next_due, owner, lease_until"
        rows = tuple(self.file.execute(f"SELECT {columns} FROM operations ORDER BY id"))
        signals = tuple(self.file.execute("SELECT op, body FROM signals ORDER BY op, id"))
        steps = tuple(self.file.execute("SELECT op, step, state FROM steps ORDER BY op, step"))
        holds = tuple(self.file.execute("SELECT key, holder FROM holds ORDER BY key"))
        kept = self.cluster.keep()
        mark = (kept.mark.operation, kept.mark.step) if kept.mark else None
        return (self.state, rows, signals, steps, holds, kept.replicas, mark)

    def operations(self) -> tuple[Operation, ...]:
        return self.core.store.read(lambda tx: tx.operations.find(OperationFilter(limit=10)))

    def says(self, who: str, line: str) -> bool:
        """Whether it was taken."""
        identity = Identity("slack", "T1", f"U{who.upper()}")
        outcome = self.core.road.walk(Request(Origin.TYPED, identity, line, Place("C1")))
        assert not isinstance(outcome, Crashed), line
        return isinstance(outcome, Signalled | Started | Proposed)

    def executions(self) -> dict[OperationId, int]:
        done = [mark.operation for mark, _ in self.cluster.effects if not mark.step.startswith("u")]
        return {id: done.count(id) for id in done}


@contextmanager
def stage(folder: Path, rules: Rules) -> Iterator[Stage]:
    clock = ManualClock()
    cluster = SmallCluster("one", namespace="ns", workload="web", replicas=PODS)
    judge = {"now": judge_of(rules)}
    store = sqlite_store(folder / "pilothouse.db", clock=clock)
    core = build(
        store=store,
        parts=parts_of(cluster, clock),
        sites={EnvName("prod"): (Site("one", "team", "ns"),)},
        people=KnownPeople(clock),
        judge=lambda: judge["now"],
        clock=clock,
        verifier=lambda: Verdict(True, 0, ()),
        checks=tuple,
    )
    file = sqlite3.connect(folder / "pilothouse.db", isolation_level=None)
    file.execute("PRAGMA synchronous=OFF")
    for name, verb in itertools.product(INSERT_ONLY, ("update", "delete")):
        file.execute(f"DROP TRIGGER {name}_no_{verb}")
    tables = tuple(name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    made = Stage(file, tables, clock, cluster, core, judge, State(rules, clock.now(), ()))
    assert made.says("ana", "scale web 5 to prod")
    made.state = made.state.put(OLD, Asked(expires=clock.now() + LIFE))
    try:
        yield made
    finally:
        file.close()
        store.close()


# --- what can happen ----------------------------------------------------------------------------------


def ask(real: Stage) -> None:
    expected = real.state.may_ask(OLD)
    assert real.says("ana", f"ask {OLD}") is expected
    if expected:
        real.state = real.state.put(OLD, Asked(is_asked=True, expires=real.state.now + LIFE))


def approve(id: OperationId, who: str) -> Callable[[Stage], None]:
    def event(real: Stage) -> None:
        expected = real.state.may_approve(id, who)
        assert real.says(who, f"approve {id}") is expected
        op = real.state.op(id)
        if expected and op is not None:
            real.state = real.state.put(id, replace(op, approved=op.approved | {who}))

    return event


def deny(real: Stage) -> None:
    op = real.state.op(OLD)
    if real.says("bo", f"deny {OLD} not today"):
        assert op is not None
        assert op.is_asked
        assert op.is_open
        assert "bo" in real.state.rules.voters
        real.state = real.state.put(OLD, replace(op, stopped="denied"))


def cancel(real: Stage) -> None:
    op = real.state.op(OLD)
    if real.says("ana", f"cancel {OLD}"):
        assert op is not None
        real.state = real.state.put(OLD, replace(op, stopped="cancelled"))


def supersede(real: Stage) -> None:
    """A newer plan for the same target is asked for."""
    if real.state.op(NEW) is None and real.says("ana", "scale web 7 to prod"):
        assert real.says("ana", f"ask {NEW}")
        real.state = real.state.put(NEW, Asked(is_asked=True, expires=real.state.now + LIFE))


def bo_leaves_the_group(real: Stage) -> None:
    rules = real.state.rules
    real.use(replace(rules, voters=tuple(who for who in rules.voters if who != "bo")))


def ana_loses_the_right(real: Stage) -> None:
    rules = real.state.rules
    real.use(replace(rules, team=("lee",), voters=tuple(who for who in rules.voters if who != "ana")))


def time_passes(real: Stage) -> None:
    real.clock.move(LIFE)
    real.state = replace(real.state, now=real.clock.now())


def engine_works(real: Stage) -> None:
    """Until nothing is due. What it does is judged by what the model knew before."""
    before, begun = real.state, real.executions()
    is_free = real.cluster.keep().replicas == PODS and not any(op.phase in STARTED for op in real.operations())
    ready = {id for id, _ in before.ops if before.may_execute(id)}
    for _ in range(20):
        if not real.core.engine.run_due():
            break
    after = real.executions()
    new = {id for id in after if after[id] != begun.get(id, 0)}
    assert all(count == 1 for count in after.values()), f"executed more than once: {after}"
    assert new <= ready, f"executed without right: {new - ready}"
    assert len(new) <= 1, f"two on one target: {new}"
    assert not is_free or not ready or new, f"should have been executed: {ready}"
    for op in real.operations():
        known = real.state.op(op.id)
        assert known is not None
        known = replace(known, executed=after.get(op.id, 0), stopped=known.stopped or (op.phase if op.is_final else ""))
        real.state = real.state.put(op.id, known)


EVENTS: Mapping[str, Callable[[Stage], None]] = {
    "ask": ask,
    "bo approves": approve(OLD, "bo"),
    "lee approves": approve(OLD, "lee"),
    "ana approves her own": approve(OLD, "ana"),
    "deny": deny,
    "cancel": cancel,
    "supersede": supersede,
    "bo approves the newer": approve(NEW, "bo"),
    "lee approves the newer": approve(NEW, "lee"),
    "bo leaves the group": bo_leaves_the_group,
    "ana loses the right": ana_loses_the_right,
    "expire": time_passes,
    "the engine works": engine_works,
}


@dataclass
class Found:
    states: int = 0
    steps: int = 0
    executions: int = 0


def explore(real: Stage, depth: int) -> Found:
    """Breadth first, so that each state is met with the most steps left that it can have."""
    found = Found()
    seen = {real.key()}
    level: list[tuple[Snapshot, tuple[str, ...]]] = [(real.keep(), ())]
    for left in reversed(range(depth)):
        following = []
        for snapshot, path in level:
            real.put_back(snapshot)
            start = real.key()
            for name, event in EVENTS.items():
                begun = sum(op.executed for _, op in real.state.ops)
                try:
                    event(real)
                except AssertionError as wrong:
                    raise AssertionError(f"{' > '.join((*path, name))}: {wrong}") from wrong
                assert real.only_adds_records(snapshot), (*path, name)
                found.steps += 1
                found.executions += sum(op.executed for _, op in real.state.ops) > begun
                if (key := real.key()) == start:
                    continue  # refused: only records were added
                if key not in seen:
                    seen.add(key)
                    if left:
                        following.append((real.keep(), (*path, name)))
                real.put_back(snapshot)
        level = following
    found.states = len(seen)
    return found


@pytest.mark.parametrize(
    ("rules", "states"),
    [(Rules(1, ("ana", "bo")), 1056), (Rules(2, ("ana", "bo", "lee")), 1687)],
    ids=["one vote, lee is an outsider", "two votes"],
)
def test_every_interleaving_to_depth_six_runs_only_what_was_rightly_agreed_to(rules: Rules, states: int) -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, stage(Path(folder), rules) as real:
        found = explore(real, DEPTH)
    print(
        f"{len(EVENTS) ** DEPTH:,} interleavings of {DEPTH} out of {len(EVENTS)} events, through {found.states} states "
        f"and {found.steps} steps that were run; {found.executions} of these began a write"
    )
    assert found.states == states
    assert found.executions > 0
