"""What the suite of the Store port needs of a database, and values to put into it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from bot.audit.records import record
from bot.domain.operation import Operation, Place, Progress, Quorum, Signal, SignalKind, Standing, StepFacts
from bot.domain.refs import OperationId, PlanHash, Principal
from bot.domain.reply import text
from bot.ports.store import Arrival, Record, Store, Tx

R = TypeVar("R")

ANA, BO, KIM = Principal("ana"), Principal("bo"), Principal("kim")
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stage(Protocol):
    store: Store

    def reopen(self) -> Store:
        """The same database, opened anew."""
        ...

    def wait(self, span: timedelta) -> None:
        """Until the database's clock is that much later."""
        ...

    def spoil(self, sql: str) -> None:
        """Changes the tables as somebody with the database's password could."""
        ...

    def run_as_we_do(self, sql: str) -> None:
        """With what protects the record in place."""
        ...


class SetClock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.at = START
        self._elapsed = 1000.0

    def now(self) -> datetime:
        return self.at

    def elapsed(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self._elapsed += seconds


def arrival(name: str, *, nonce: str = "", delivery: str = "") -> Arrival:
    return Arrival(
        nonce=nonce or f"nonce-{name}",
        delivery=delivery or f"delivery-{name}",
        source="slack",
        kind="command",
        actor="U0ANA0001",
        channel="C0WEB0001",
        body='{"text":"deploy web"}',
    )


def operation(tx: Tx, *, ask: str = "", app: str = "web", env: str = "prod", holds: tuple[str, ...] = ()) -> Operation:
    id = tx.operations.next_id()
    return Operation(
        id=id,
        kind="deploy",
        line=f"deploy {app}@1.8.2 to {env}",
        app=app,
        env=env,
        tenant="team-web",
        requester=ANA,
        origin="slack",
        place=Place("C0WEB0001", "1700000000.000100"),
        plan='{"holds":[],"steps":[]}',
        face="{}",
        plan_hash=PlanHash("7f3a9c21"),
        ask_key=ask or f"ask-{id}",
        policy_version="p1",
        holds=holds or (f"{app}/{env}",),
        steps=(StepFacts(timedelta(minutes=5), has_undo=True), StepFacts(SECOND, has_undo=False, no_return=True)),
        quorum=Quorum(1, "sre"),
        created=tx.now,
        expires=tx.now + timedelta(minutes=15),
        seen=Progress(Standing.UNKNOWN, why=text("{n} of {app}", n=3, app=app), done=3, of=6),
        reason="a \u00e4 \U0001f680 'reason'",
    )


def added(store: Store, *, ask: str = "", app: str = "web", env: str = "prod") -> Operation:
    def work(tx: Tx) -> Operation:
        op = operation(tx, ask=ask, app=app, env=env)
        tx.operations.add(op, inbox=None)
        return op

    return store.transact(work)


def loaded(store: Store, id: OperationId) -> Operation:
    op = store.read(lambda tx: tx.operations.load(id))
    assert op is not None
    return op


def signal(tx: Tx, kind: SignalKind, by: Principal = BO, *, plan: str = "7f3a9c21") -> Signal:
    return Signal(kind=kind, by=by, at=tx.now, plan_hash=PlanHash(plan), step=0, words="why not")


def accepted(store: Store, arrival: Arrival) -> int | None:
    """One alone."""
    (row,) = store.accept((arrival,))
    return row


def a_record(tx: Tx, name: str, *, kind: str = "intent", op: str = "op-1", target: str = "web/prod") -> Record:
    return a_record_at(tx.now, name, kind=kind, op=op, target=target)


def a_record_at(at: datetime, name: str, *, kind: str = "intent", op: str = "op-1", target: str = "web/prod") -> Record:
    return record(
        actor="ana",
        action="workloads:deploy",
        target=target,
        op=op,
        kind=kind,
        outcome="ok",
        at=at,
        details={"name": name, "command": "deploy"},
    )


def sealed_records(store: Store, count: int) -> None:
    def work(tx: Tx) -> None:
        for index in range(count):
            tx.records.append(a_record(tx, f"r{index}"))

    store.transact(work)
    while store.transact(lambda tx: tx.records.seal(limit=500)):
        pass


def in_threads(works: Iterable[Callable[[], R]]) -> list[R | Exception]:
    """All at once; what each gave or raised, in order."""
    works = list(works)
    outcomes: list[R | Exception | None] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(index: int, work: Callable[[], R]) -> None:
        gate.wait()
        try:
            outcomes[index] = work()
        except Exception as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=(index, work)) for index, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes  # type: ignore[return-value]
