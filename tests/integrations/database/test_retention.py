"""What is old goes, what may still be needed stays, the record always stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.operation import Phase, SignalKind
from bot.ports.store import AlertThread, MessageClass, StepState, Tx
from integrations.database.alerts import FIRING_SINCE
from integrations.database.retention import Pruned, prune
from integrations.database.store import DatabaseStore
from tests.contracts.store.stage import SetClock, accepted, added, arrival, sealed_records, signal
from tests.kit.databases import sqlite_store


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[DatabaseStore]:
    store = sqlite_store(tmp_path / "pilothouse.db", clock=clock)
    yield store
    store.close()


def days(clock: SetClock, count: int) -> None:
    clock.at += timedelta(days=count)


def test_finished_requests_go_after_a_day(store: DatabaseStore, clock: SetClock) -> None:
    done, stuck = accepted(store, arrival("done")), accepted(store, arrival("stuck"))
    assert done is not None
    store.transact(lambda tx: tx.inbox.done(done))
    assert prune(store) == Pruned(0, 0, 0)
    days(clock, 2)
    assert prune(store) == Pruned(1, 0, 0)
    assert accepted(store, arrival("stuck")) is None
    assert stuck is not None


def test_final_operations_go_with_their_parts_and_open_ones_stay(store: DatabaseStore, clock: SetClock) -> None:
    old, paused = added(store), added(store)

    def end(tx: Tx) -> None:
        tx.operations.signal(old.id, signal(tx, SignalKind.APPROVE))
        tx.steps.mark(old.id, "0", StepState.DONE, fence=1)
        tx.operations.save(replace(old, phase=Phase.DONE, ended=tx.now), claim=None, wake=None)

    store.transact(end)
    days(clock, 399)
    assert prune(store).operations == 0
    days(clock, 2)
    assert prune(store).operations == 1
    assert store.read(lambda tx: (tx.operations.load(old.id), tx.steps.states(old.id))) == (None, ())
    assert store.read(lambda tx: tx.operations.load(paused.id)) == paused


def test_sent_messages_go_and_those_of_open_operations_or_unsent_stay(store: DatabaseStore, clock: SetClock) -> None:
    op = added(store)

    def work(tx: Tx) -> None:
        for key in ("sent", "unsent", f"operation/{op.id}"):
            tx.outbox.want(key, channel="C1", kind=MessageClass.ALERT, body="{}")
        for key in ("sent", f"operation/{op.id}"):
            tx.outbox.sent(key, rev=1, ts="1.1", posted_in="C1")

    store.transact(work)
    days(clock, 91)
    assert prune(store).messages == 1
    assert store.read(lambda tx: tx.outbox.get("sent")) is None
    assert store.read(lambda tx: tx.outbox.get("unsent")) is not None
    assert store.read(lambda tx: tx.outbox.get(f"operation/{op.id}")) is not None


def test_the_record_and_fences_are_kept_for_ever(store: DatabaseStore, clock: SetClock) -> None:
    sealed_records(store, 3)
    op = added(store)
    store.transact(lambda tx: tx.holds.take(("web/prod",), op.id))
    store.transact(lambda tx: tx.holds.free(op.id))
    days(clock, 4000)
    prune(store)
    assert store.read(lambda tx: tx.records.head())[0] == 3
    assert store.transact(lambda tx: tx.holds.take(("web/prod",), op.id)) == 2**32 + 2


def test_ended_alerts_go_with_their_cards_and_what_fires_stays(store: DatabaseStore, clock: SetClock) -> None:
    ended = AlertThread("g1", 0, "C0ALERTS", "{}", is_firing=False, updated=clock.at)
    fires = replace(ended, key="g2", is_firing=True)
    store.transact(lambda tx: (tx.alerts.put(ended), tx.alerts.put(fires)))
    days(clock, 89)
    prune(store)
    assert store.read(lambda tx: tx.alerts.get("g1")) is not None
    days(clock, 2)
    prune(store)
    assert store.read(lambda tx: tx.alerts.get("g1")) is None
    assert store.read(lambda tx: tx.alerts.get("g2")) is not None
    days(clock, 310)
    prune(store)
    assert store.read(lambda tx: tx.alerts.get("g2")) is None


def test_the_number_of_an_alert_that_went_is_given_to_no_other(store: DatabaseStore, clock: SetClock) -> None:
    ended = AlertThread("g1", 0, "C0ALERTS", "{}", is_firing=False, updated=clock.at)
    first = store.transact(lambda tx: tx.alerts.put(ended))
    days(clock, 91)
    prune(store)
    second = store.transact(lambda tx: tx.alerts.put(replace(ended, updated=tx.now)))
    assert second.number > first.number


def test_looking_for_what_fires_reads_no_more_than_that(store: DatabaseStore) -> None:
    asked = FIRING_SINCE.params(at=5).compile(compile_kwargs={"literal_binds": True})
    plan = str(store.maintain(lambda session: session.rows(sa.text(f"EXPLAIN QUERY PLAN {asked}"))))
    assert "SCAN" not in plan
    assert plan.count("USING INDEX ix_alert_threads_firing") == 2
    assert "(is_firing=? AND updated>?)" in plan
