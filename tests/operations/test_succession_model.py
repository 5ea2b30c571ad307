"""Two successors of one canary against a small model: every interleaving of what people, the first's steps and the engine do.

The store, the desk, the engine's beginning and `decide` are the real ones. The gate lets everything pass, so that what
happens between its look and the transaction happens always; the clusters do not answer, so that nothing else moves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.domain.errors import Unavailable
from bot.domain.operation import STARTED, Operation, Phase, Progress, SignalKind, Standing, decide
from bot.domain.refs import OperationId
from bot.domain.reply import text
from bot.domain.workloads import Mark
from bot.operations.engine import Engine
from bot.ports.store import StepState, Tx
from bot.ports.world import World
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.step import Step
from tests.kit.bench import Bench, bench

DEPTH = 4
HOLD = "web/staging"
FIRST = OperationId("op-1")
HEIRS = (OperationId("op-2"), OperationId("op-3"))
AGAIN = timedelta(seconds=4)
"""After which what had to wait is tried again."""
_NO_WAL = b"\1\1"
"""Where the header names the journal: a copy in memory cannot have a write-ahead log."""


Kept = tuple[bytes, datetime, float]
"""The database, and both clocks."""


class OpenGate:
    """bot.operations.gate.Gate that has looked just before something changed."""

    def __init__(self, bot: Bench) -> None:
        self._bot = bot

    def check(self, op: Operation, world: object) -> None:
        """It may."""

    def may_still(self, op: Operation) -> bool:
        return True

    def look(self, step: Step, op: Operation, mark: Mark, world: World) -> Progress:
        return step.observe(world, mark, world.now - (op.since or world.now))

    def command(self, op: Operation) -> Any:
        return self._bot.core.catalogue.shapes[op.kind].command


def silent(*_: object) -> Any:
    raise Unavailable("kubernetes", text("No answer."))


class _World:
    cluster = staticmethod(silent)

    def __init__(self, bot: Bench) -> None:
        self.now = bot.clock.now()


@dataclass
class Stage:
    bot: Bench
    path: Path
    engine: Engine
    watches: tuple[int, ...]

    def keep(self) -> Kept:
        with closing(sqlite3.connect(self.path)) as file, closing(sqlite3.connect(":memory:")) as memory:
            file.backup(memory)
            pages = bytearray(memory.serialize())
            pages[18:20] = _NO_WAL
            return bytes(pages), self.bot.clock.moment, self.bot.clock.passed

    def put_back(self, kept: Kept) -> None:
        _, self.bot.clock.moment, self.bot.clock.passed = kept
        with closing(sqlite3.connect(self.path)) as file, closing(sqlite3.connect(":memory:")) as memory:
            file.execute("PRAGMA synchronous=OFF")
            memory.deserialize(kept[0])
            memory.backup(file)

    def key(self) -> tuple[object, ...]:
        with closing(sqlite3.connect(self.path)) as file:
            rows = tuple(file.execute("SELECT id, phase, step, fence FROM operations ORDER BY id"))
            signals = tuple(file.execute("SELECT op, kind, body FROM signals ORDER BY id"))
            steps = tuple(file.execute("SELECT op, step, state FROM steps ORDER BY op, step"))
            holds = tuple(file.execute("SELECT key, holder FROM holds ORDER BY key"))
        return rows, signals, steps, holds

    def op(self, id: OperationId) -> Operation:
        return self.bot.operation(id)

    @property
    def is_writing(self) -> bool:
        states = self.bot.core.store.read(lambda tx: tx.steps.states(FIRST))
        return any(state is not StepState.DONE for _, state, _ in states)

    def seen(self, standing: Standing) -> None:
        """What another worker saw of the first's step, decided and saved."""
        op = self.op(FIRST)
        if op.phase not in {Phase.RUNNING, Phase.PAUSED, Phase.UNDOING}:
            return

        def work(tx: Tx) -> None:
            locked = tx.operations.lock(FIRST)
            assert locked is not None
            after = decide(locked, Progress(standing, text("It crashes.")), tx.now).operation
            if after.is_final:
                tx.holds.free(FIRST)
            tx.operations.save(after, claim=None, wake=None)

        self.bot.core.store.transact(work)

    def write(self, state: StepState) -> None:
        if self.op(FIRST).phase in {Phase.RUNNING, Phase.UNDOING} and (state is StepState.SENDING or self.is_writing):
            self.bot.core.store.transact(lambda tx: tx.steps.mark(FIRST, "0", state, fence=1))

    def says(self, who: str, line: str) -> None:
        self.bot.say(who, line)

    def may_be_taken_over(self) -> bool:
        """The model's own words for it."""
        op = self.op(FIRST)
        kinds = [signal.kind for signal in op.signals]
        at_last = op.cursor == self.watches[-1]
        is_promoted = any(s.kind is SignalKind.PROMOTE and s.step == op.cursor for s in op.signals)
        return (
            op.phase in {Phase.RUNNING, Phase.PAUSED}
            and SignalKind.ABORT not in kinds
            and self.watches[0] <= op.cursor <= self.watches[-1]
            and not (at_last and is_promoted)
        )

    def works(self) -> None:
        """The engine begins what is ready; the clock stands, so what has to wait is not tried again."""
        before = {id: self.op(id) for id in (FIRST, *HEIRS)}
        ready = [id for id in HEIRS if before[id].phase is Phase.READY]
        may, is_writing = self.may_be_taken_over(), self.is_writing
        self.bot.clock.move(AGAIN)
        for _ in range(6):
            if not self.engine.run_due():
                break
        after = {id: self.op(id) for id in (FIRST, *HEIRS)}
        begun = [id for id in ready if after[id].phase is Phase.RUNNING]
        if not may:
            assert all(after[id].phase is Phase.REFUSED for id in ready), after
        elif is_writing:
            assert all(after[id].phase is Phase.READY for id in ready), after
        elif ready:
            assert len(begun) == 1, begun
            assert all(after[id].phase is Phase.REFUSED for id in ready if id not in begun)
        if begun:
            [heir] = begun
            assert after[FIRST].phase is Phase.TAKEN_OVER
            assert after[heir].fence > before[FIRST].fence
            assert after[FIRST].signals[-1].words == heir
        else:
            assert (after[FIRST].phase is Phase.TAKEN_OVER) is (before[FIRST].phase is Phase.TAKEN_OVER)

    def check(self) -> None:
        """What holds always."""
        with closing(sqlite3.connect(self.path)) as file:
            rows = file.execute("SELECT id, phase, fence FROM operations").fetchall()
            holders = file.execute("SELECT holder FROM holds WHERE key = ?", (HOLD,)).fetchall()
        phases, fences = {id: phase for id, phase, _ in rows}, {id: fence for id, _, fence in rows}
        started = [id for id, phase in phases.items() if phase in STARTED]
        assert len(started) <= 1, started
        assert holders == [(id,) for id in started]
        assert (phases[FIRST] == Phase.TAKEN_OVER) is any(fences[id] for id in HEIRS)


EVENTS: Mapping[str, Callable[[Stage], None]] = {
    "its step is done": lambda stage: stage.seen(Standing.DONE),
    "its step fails": lambda stage: stage.seen(Standing.FAILED),
    "it looks": lambda stage: stage.seen(Standing.WAITING),
    "it begins a write": lambda stage: stage.write(StepState.SENDING),
    "its write is known": lambda stage: stage.write(StepState.DONE),
    "promote": lambda stage: stage.says("lee", f"promote {FIRST}"),
    "pause": lambda stage: stage.says("lee", f"pause {FIRST}"),
    "abort": lambda stage: stage.says("lee", f"abort {FIRST}"),
    "ask for the one": lambda stage: stage.says("ana", f"ask {HEIRS[0]}"),
    "ask for the other": lambda stage: stage.says("bo", f"ask {HEIRS[1]}"),
    "withdraw the one": lambda stage: stage.says("ana", f"cancel {HEIRS[0]}"),
    "the engine works": Stage.works,
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with bench(tmp_path) as bot:
        found = bot.world.scene("eu-1")
        found.namespace("web-staging").quotas.clear()
        found.traffic.put("web-staging", "web", 40.0)
        found.add_route("web-staging", "web", "web")
        bot.turn(seconds=120)
        id = bot.start("ana", "canary web@1.8.2 10 to staging steps=25")
        steps = load_steps(bot.operation(id).plan)
        watches = tuple(number for number, step in enumerate(steps) if isinstance(step.do, Analyse))
        bot.run(id, until=lambda op: op.cursor == watches[0])
        drafts = (bot.say("ana", "canary web 40 to staging"), bot.say("bo", "canary web 60 to staging"))
        assert (id, *(draft.operation for draft in drafts)) == (FIRST, *HEIRS)
        store = bot.core.store
        store.transact(lambda tx: tx.operations.save(bot.operation(FIRST), claim=None, wake=None))
        gate: Any = OpenGate(bot)
        engine = Engine(
            store=store, gate=gate, world=lambda who, op: cast(World, _World(bot)), hands=silent, clock=bot.clock
        )
        yield Stage(bot, tmp_path / "pilothouse.db", engine, watches)


def test_every_interleaving_to_depth_four_hands_over_once_or_not_at_all(stage: Stage) -> None:
    seen, handed = {stage.key()}, 0
    level: list[tuple[Kept, tuple[str, ...]]] = [(stage.keep(), ())]
    for left in reversed(range(DEPTH)):
        following = []
        for kept, path in level:
            for name, event in EVENTS.items():
                stage.put_back(kept)
                try:
                    event(stage)
                    stage.check()
                except AssertionError as wrong:
                    raise AssertionError(f"{' > '.join((*path, name))}: {wrong}") from wrong
                key = stage.key()
                if key in seen:
                    continue
                seen.add(key)
                handed += name == "the engine works" and stage.op(FIRST).phase is Phase.TAKEN_OVER
                if left:
                    following.append((stage.keep(), (*path, name)))
        level = following
    print(f"{len(EVENTS) ** DEPTH:,} interleavings through {len(seen)} states; in {handed} of them it was handed over")
    assert handed > 5
