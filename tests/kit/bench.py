"""The middle of the bot over the simulated world and a real SQLite file, with a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

from bot.app.core import Core, build
from bot.app.simulated_parts import simulated
from bot.domain.operation import Operation, Place
from bot.domain.refs import EnvName, OperationId
from bot.domain.reply import Button, Text
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.builds import Builds, BuildWriter
from bot.ports.people import Identity, Standing, Status
from bot.ports.store import OperationFilter, RecordFilter, Sealed
from bot.ports.world import Verdict
from bot.road.answers import Answer
from bot.road.directory import Site
from bot.road.request import Origin, Outcome, Request
from integrations.database.store import open_store
from integrations.simulated.seed import NAMESPACES
from integrations.simulated.world import SimulatedWorld
from tests.kit.clocks import ManualClock, RunningClock
from tests.kit.databases import sqlite_store

POLICY = Path(__file__).parents[2] / "deploy/examples/policy.yaml"

SLACK_IDS = {"ana": "U0ANA0001", "bo": "U0BOB0002", "lee": "U0LEE0003", "gus": "U0GUS0004"}


@dataclass
class KnownPeople:
    """bot.ports.people.People: everybody is active unless said otherwise."""

    clock: ManualClock
    statuses: dict[str, Status] = field(default_factory=dict)
    absent: set[tuple[str, str]] = field(default_factory=set)
    """Who is no member of which channel."""

    def standing(self, identity: Identity) -> Standing:
        return Standing(identity, self.statuses.get(identity.user, Status.ACTIVE), self.clock.now())

    def is_reading(self, user: str, channel: str) -> bool:
        return (user, channel) not in self.absent


@dataclass
class Bench:
    clock: ManualClock
    world: SimulatedWorld
    people: KnownPeople
    core: Core
    policy: Callable[[str | None], None]
    """Another policy text from now on; None: the example's."""
    opened: Callable[[], Core]
    """A new process over the same database; the one before has to be closed."""

    def restart(self, *, after: timedelta = timedelta(0)) -> None:
        """The process ends, and nobody looks for so long."""
        self.core.store.close()
        self.clock.move(after)
        self.core = self.opened()

    def outcome(
        self, who: str, line: str, *, channel: str = "C0WEB", values: Mapping[str, str] | None = None
    ) -> Outcome:
        identity = Identity("slack", "T0PAAS001", SLACK_IDS.get(who, who))
        return self.core.road.walk(Request(Origin.TYPED, identity, line, Place(channel), values=values or {}))

    def say(self, who: str, line: str, *, channel: str = "C0WEB", values: Mapping[str, str] | None = None) -> Answer:
        identity = Identity("slack", "T0PAAS001", SLACK_IDS.get(who, who))
        return self.core.walk(Request(Origin.TYPED, identity, line, Place(channel), values=values or {}))

    def start(self, who: str, line: str) -> OperationId:
        """Plans it and asks for it."""
        answer = self.say(who, line)
        assert answer.operation is not None, words(answer)
        if answer.is_draft:
            asked = self.say(who, f"ask {answer.operation}")
            assert not asked.is_error, words(asked)
        return answer.operation

    def operation(self, id: OperationId) -> Operation:
        found = self.core.store.read(lambda tx: tx.operations.load(id))
        assert found is not None
        return found

    def operations(self) -> tuple[Operation, ...]:
        return self.core.store.read(lambda tx: tx.operations.find(OperationFilter(limit=200)))

    def records(self, **criteria: str) -> tuple[Sealed, ...]:
        filter = RecordFilter(limit=500, **criteria)  # type: ignore[arg-type]
        return tuple(reversed(self.core.store.read(lambda tx: tx.records.find(filter))))

    def turn(self, *, seconds: float = 1.0) -> None:
        """Time passes, and the engine does what is due."""
        self.clock.move(timedelta(seconds=seconds))
        for _ in range(20):
            if not self.core.engine.run_due():
                return

    def run(
        self, id: OperationId, *, until: Callable[[Operation], bool] = lambda op: op.is_final, seconds: int = 1200
    ) -> Operation:
        for _ in range(seconds):
            operation = self.operation(id)
            if until(operation):
                return operation
            self.turn()
        raise AssertionError(f"{operation.phase} at step {operation.cursor}: {operation.seen} {operation.why}")


def words(answer: Answer) -> str:
    """All that an answer says, as plain text, with the lines of its buttons."""
    return said(answer.reply)


def said(value: object) -> str:
    match value:
        case Text():
            return value.plain()
        case Button():
            return f"[{value.label.plain()}: {value.line}]"
        case tuple():
            return "\n".join(filter(None, map(said, value)))
        case str():
            return value
        case _ if is_dataclass(value):
            return "\n".join(filter(None, (said(getattr(value, f.name)) for f in fields(value))))
        case _:
            return ""


class CiServer(Builds, BuildWriter, Protocol):
    """An adapter of both."""


@contextmanager
def bench(folder: Path, *, url: str = "", ci: CiServer | None = None) -> Iterator[Bench]:
    """`url`: of a PostgreSQL database in place of the SQLite file. `ci`: in place of the simulated one."""
    clock = RunningClock() if url else ManualClock()
    simulation = simulated(clock)
    current: dict[str, Judge] = {}

    def use(policy: str | None) -> None:
        current["judge"] = judge_of(policy if policy is not None else POLICY.read_text())

    use(None)
    people = KnownPeople(clock)
    parts = simulation.parts if ci is None else replace(simulation.parts, builds=ci, build_writer=ci)

    def opened() -> Core:
        return build(
            store=open_store(url, clock=clock) if url else sqlite_store(folder / "pilothouse.db", clock=clock),
            parts=parts,
            sites=sites(),
            people=people,
            judge=lambda: current["judge"],
            clock=clock,
            verifier=lambda: Verdict(True, 0, ()),
            checks=tuple,
            alerts_channel="C0ALERTS",
        )

    made = Bench(clock, simulation.world, people, opened(), use, opened)
    try:
        yield made
    finally:
        made.core.store.close()


@cache
def judge_of(policy: str) -> Judge:
    return Judge(parse(policy.encode()))


def sites() -> Mapping[EnvName, tuple[Site, ...]]:
    return {
        EnvName(env): tuple(Site("eu-1", tenant, namespace) for tenant, namespace in tenants.items())
        for env, tenants in NAMESPACES.items()
    }
