"""The whole road of a read command in process: parse, identify, authorise, answer, record, render; and with many commands.

CPU of the process for one request, the disk's share of the record included, against what Bolt alone needs for one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from bot.app.simulated_parts import simulated, simulated_sites
from bot.app.worlds import Worlds
from bot.command import Answers, AnyCommand, Arg, Command
from bot.domain.operation import Place
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Paragraph, Reply, text
from bot.operations.book import StoredTrail
from bot.operations.desk import Desk
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.people import Identity
from bot.ports.store import Store
from bot.ports.world import Verdict, World
from bot.road.catalogue import Catalogue
from bot.road.directory import AppDirectory
from bot.road.errands import errand
from bot.road.request import Answered, Origin, Request
from bot.road.road import Road
from bot.slack.render import Surface, render
from commands.catalogue import CATALOGUE
from integrations.database.store import open_store
from tests.bench.edges import CHANNEL, TEAM, USER, Post, bare_app, dispatched, plain_insert
from tests.bench.figures import Figure, Goal, cpu_in_turns, us
from tests.kit.bench import POLICY, KnownPeople
from tests.kit.clocks import ManualClock
from tests.slack.stage import MACS, NAMES

ROUNDS, TIMES = 9, 200
FEW, MANY = 10, 200
MEMORY = Path("/dev/shm")
READS = ("whoami", "status web in prod", "history web in prod")


@dataclass(frozen=True, slots=True)
class Numbered:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]


def _answer(params: Numbered, world: World) -> Reply:
    return Reply(None, (Paragraph(text("{app} on {env}", app=str(params.app), env=str(params.env))),))


def synthetic(count: int) -> tuple[AnyCommand, ...]:
    """So many that nobody wrote; the last is asked for."""
    return tuple(
        Command(f"made{n:03}", f"made up, {n}", Numbered, "workloads:read", Answers(_answer)) for n in range(count)
    )


@dataclass(frozen=True, slots=True)
class Stage:
    store: Store
    clock: ManualClock
    road: Callable[[Sequence[AnyCommand]], Road]

    def ask(self, road: Road, line: str) -> None:
        """As the edge does once it has acknowledged."""
        request = Request(Origin.TYPED, Identity("slack", TEAM, USER), line, Place(CHANNEL))
        outcome = road.walk(request)
        assert isinstance(outcome, Answered), outcome
        render(outcome.reply, names=NAMES, macs=MACS, surface=Surface.PRIVATE, now=self.clock.now())


def staged(folder: Path) -> Stage:
    """The simulated world, a real SQLite file and a clock that stands still: what was read once stays fresh."""
    clock = ManualClock()
    parts = simulated(clock).parts
    apps = AppDirectory(simulated_sites({}), parts.reads, clock)
    judge = Judge(parse(POLICY.read_bytes()))
    store = open_store(f"sqlite:///{folder}/pilothouse.db", clock=clock)
    worlds = Worlds(
        store=store,
        parts=parts,
        apps=apps,
        judge=lambda: judge,
        trail=StoredTrail(store, lambda: Verdict(True, 0, ())),
        help=lambda found, asker: (),
        checks=tuple,
        errand=lambda judge, whom, line: errand(Catalogue(CATALOGUE), apps, judge, whom, line),
        people=KnownPeople(clock),
    )

    def road(commands: Sequence[AnyCommand]) -> Road:
        return Road(
            catalogue=Catalogue(commands),
            store=store,
            judge=lambda: judge,
            people=KnownPeople(clock),
            apps=apps,
            desk=Desk(store, lambda: None),
            world=lambda principal, request: worlds.world(principal, request.place),
        )

    return Stage(store, clock, road)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        stage = staged(Path(name))
        with bare_app() as (app, secret):
            connection, insert = plain_insert(Path(name))
            # Made once: making and signing a request is not Bolt's work.
            request = Post(secret).command()
            bare = partial(dispatched, app, lambda: request)
            yield from _reads(stage, bare, insert)
            if MEMORY.is_dir():
                yield from _in_memory(bare)
            connection.close()
        yield from _flatness(stage)
        stage.store.close()


def _in_memory(bare: Callable[[], None]) -> Iterator[Figure]:
    """The same with the record on a RAM disk: what of it is ours, and not the disk's."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        stage = staged(Path(name))
        road = stage.road(CATALOGUE)
        found = cpu_in_turns({"bare": bare, "ours": partial(stage.ask, road, READS[0])}, rounds=ROUNDS, times=TIMES)
        stage.store.close()
    said = f"bare Bolt dispatch: {us(found['bare'])}"
    yield Figure(
        "road",
        f"CPU of `{READS[0]}`, on a RAM disk",
        us(found["ours"]),
        said,
        found["ours"] / found["bare"],
        Goal(2),
    )


def _reads(stage: Stage, bare: Callable[[], None], insert: Callable[[], None]) -> Iterator[Figure]:
    road = stage.road(CATALOGUE)
    works = {line: partial(stage.ask, road, line) for line in READS}
    found = cpu_in_turns({"bare": bare, "insert": insert, **works}, rounds=ROUNDS, times=TIMES)
    base, synced = found.pop("bare"), found.pop("insert")
    for line, ours in found.items():
        goal = Goal(2) if line == READS[0] else None
        yield Figure("road", f"CPU of `{line}`", us(ours), f"bare Bolt dispatch: {us(base)}", ours / base, goal)
    ours, both = found[READS[0]], base + synced
    said = f"bare Bolt dispatch + one synced INSERT: {us(both)}"
    yield Figure("road", f"CPU of `{READS[0]}`", us(ours), said, ours / both)


def _flatness(stage: Stage) -> Iterator[Figure]:
    roads = {count: stage.road(synthetic(count)) for count in (FEW, MANY)}
    works = {str(count): partial(stage.ask, road, f"made{count - 1:03} web in prod") for count, road in roads.items()}
    found = cpu_in_turns(works, rounds=15, times=TIMES)
    few, many = found[str(FEW)], found[str(MANY)]
    yield Figure(
        "road", f"CPU with {MANY} commands", us(many), f"with {FEW} commands: {us(few)}", many / few, Goal(1.1)
    )
