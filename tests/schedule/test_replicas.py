"""Three replicas look at every due time at once: each of a thousand is run by one of them, with its operation."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.domain.errors import NotNow
from bot.domain.operation import Operation
from bot.domain.reply import Reply, text
from bot.domain.schedules import RunState
from bot.policy.judge import Judge
from bot.policy.loader import parse
from bot.ports.schedules import AlreadyRan
from bot.ports.store import OperationFilter, Store, Tx
from bot.road.request import Outcome, Refused, Request, Started
from bot.schedule.timers import Timers
from integrations.database.store import open_store
from tests.contracts.store.stage import operation as an_operation
from tests.integrations.database.postgres_server import Server, binaries
from tests.kit.bench import POLICY
from tests.kit.clocks import T0, RealClock

TICKS = 1000
REPLICAS = 3
JUDGE = Judge(
    parse(
        f"""{POLICY.read_text()}
schedules:
  - {{name: often, cron: "* * * * *", zone: Europe/Berlin, line: here, as: ana, channel: C0WEB, misfire: expire}}
""".encode()
    )
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Server()
    yield server
    server.remove()


class Replica:
    """As the desk does it: the operation and its run in one transaction, or neither."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.started = 0
        self.timers = Timers(
            store=store, judge=lambda: JUDGE, walk=self.walk, say=lambda _: Reply(None), dump=lambda _: "{}"
        )

    def walk(self, request: Request) -> Outcome:
        run = request.run
        assert run is not None

        def work(tx: Tx) -> Operation:
            operation = an_operation(tx, ask=run.due.isoformat())
            tx.operations.add(operation, inbox=None)
            tx.schedules.ran(run, RunState.STARTED, operation.id)
            return operation

        try:
            operation = self.store.transact(work)
        except AlreadyRan:
            return Refused(NotNow(text("It was run.")), 0)
        self.started += 1
        return Started(operation)


@pytest.mark.postgres
def test_each_of_a_thousand_due_times_is_run_once(postgres: Server) -> None:
    url = postgres.fresh()
    replicas = [Replica(open_store(url, clock=RealClock(), connections=4)) for _ in range(REPLICAS)]
    together = threading.Barrier(REPLICAS)
    replicas[0].timers.run_once(T0)

    def work(replica: Replica) -> None:
        for tick in range(1, TICKS + 1):
            together.wait(120)
            replica.timers.run_once(T0 + timedelta(minutes=tick, seconds=1))

    threads = [threading.Thread(target=work, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = replicas[0].store
    past = store.read(lambda tx: tx.schedules.past("often", limit=2 * TICKS))
    operations = store.read(lambda tx: tx.operations.find(OperationFilter(limit=2 * TICKS)))
    assert Counter(run.due for run in past) == Counter(T0 + timedelta(minutes=tick) for tick in range(1, TICKS + 1))
    assert {run.operation for run in past} == {operation.id for operation in operations}
    assert len(operations) == sum(replica.started for replica in replicas) == TICKS
    for replica in replicas:
        replica.store.close()
