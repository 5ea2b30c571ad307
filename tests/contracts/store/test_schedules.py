"""A due time is tried by one, and run once, in the transaction of what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.refs import OperationId
from bot.domain.schedules import Entry, Misfire, PastRun, Run, RunState
from bot.ports.schedules import AlreadyRan
from bot.ports.store import Store, Tx
from tests.contracts.store.stage import START, Stage, in_threads

DUE = START
NEXT = START + timedelta(days=1)
ENTRY = Entry("nightly", "0 2 * * *", "Europe/Berlin", Misfire.LATE_ONCE, DUE)
AGAIN = timedelta(seconds=2)


def put(store: Store, entry: Entry = ENTRY) -> None:
    store.transact(lambda tx: tx.schedules.put(entry))


def claim(store: Store) -> int | None:
    return store.transact(lambda tx: tx.schedules.claim("nightly", DUE, again=AGAIN))


def ran(store: Store) -> None:
    run = Run("nightly", DUE, NEXT)
    store.transact(lambda tx: tx.schedules.ran(run, RunState.STARTED, OperationId("op-1")))


def test_entries_come_back_as_they_were_and_by_name(store: Store) -> None:
    never = Entry("a", "0 0 1 1 *", "UTC", Misfire.EXPIRE, None)
    put(store)
    put(store, never)
    assert store.read(lambda tx: tx.schedules.list()) == (never, ENTRY)
    store.transact(lambda tx: tx.schedules.drop("a"))
    assert store.read(lambda tx: tx.schedules.list()) == (ENTRY,)


def test_of_many_at_once_one_tries_it(store: Store) -> None:
    put(store)
    assert sorted(in_threads([lambda: claim(store)] * 8), key=str) == [1, *[None] * 7]


def test_who_does_not_come_to_an_end_lets_others_try(stage: Stage) -> None:
    put(stage.store)
    assert claim(stage.store) == 1
    assert claim(stage.store) is None
    stage.wait(AGAIN + timedelta(seconds=0.5))
    assert claim(stage.store) == 2


def test_what_ran_is_due_no_more_and_its_next_time_begins_anew(store: Store) -> None:
    put(store)
    claim(store)
    ran(store)
    (entry,) = store.read(lambda tx: tx.schedules.list())
    assert entry.next_due == NEXT
    assert claim(store) is None
    assert store.transact(lambda tx: tx.schedules.claim("nightly", NEXT, again=AGAIN)) == 1
    assert store.read(lambda tx: tx.schedules.past("nightly", limit=5)) == (
        PastRun("nightly", DUE, RunState.STARTED, OperationId("op-1")),
    )


def test_a_second_run_takes_back_all_that_came_with_it(store: Store) -> None:
    put(store)
    ran(store)

    def again(tx: Tx) -> None:
        tx.meta.put("came", "with it")
        tx.schedules.ran(Run("nightly", DUE, NEXT), RunState.ANSWERED, None)

    with pytest.raises(AlreadyRan):
        store.transact(again)
    assert store.read(lambda tx: tx.meta.get("came")) == ""


def test_of_many_at_once_one_runs_it(store: Store) -> None:
    put(store)
    outcomes = in_threads([lambda: ran(store)] * 8)
    assert sorted(type(each).__name__ for each in outcomes) == [*["AlreadyRan"] * 7, "NoneType"]
