"""One transaction is all or nothing, and a read changes nothing."""

import pytest

from bot.ports.store import Store, Tx
from tests.contracts.store.stage import Stage, in_threads


class Refused(Exception):
    pass


def test_what_a_work_returns_comes_back(store: Store) -> None:
    assert store.transact(lambda tx: tx.meta.get("nothing")) == ""


def test_a_work_that_raises_leaves_nothing(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.meta.put("a", "1")
        raise Refused

    with pytest.raises(Refused):
        store.transact(work)
    assert store.read(lambda tx: tx.meta.get("a")) == ""


def test_what_is_committed_is_read_at_once_and_after_reopening(stage: Stage) -> None:
    stage.store.transact(lambda tx: tx.meta.put("a", "1"))
    assert stage.store.read(lambda tx: tx.meta.get("a")) == "1"
    assert stage.reopen().read(lambda tx: tx.meta.get("a")) == "1"


def test_a_read_may_not_write(store: Store) -> None:
    with pytest.raises(RuntimeError, match="may not write"):
        store.read(lambda tx: tx.meta.put("a", "1"))


def test_a_read_sees_one_state_while_others_write(store: Store) -> None:
    store.transact(lambda tx: tx.meta.put("a", "before"))

    def work(tx: Tx) -> tuple[str, str]:
        first = tx.meta.get("a")
        store.transact(lambda other: other.meta.put("a", "after"))
        return first, tx.meta.get("a")

    assert store.read(work) == ("before", "before")
    assert store.read(lambda tx: tx.meta.get("a")) == "after"


def test_of_many_at_once_each_gets_its_own_outcome_and_only_the_failing_leave_nothing(store: Store) -> None:
    def work_of(index: int) -> int:
        def work(tx: Tx) -> int:
            tx.meta.put(f"key-{index}", str(index))
            if index % 3 == 0:
                raise Refused(index)
            return index

        return store.transact(work)

    outcomes = in_threads([lambda index=index: work_of(index) for index in range(32)])  # type: ignore[misc]
    for index, outcome in enumerate(outcomes):
        stored = store.read(lambda tx, index=index: tx.meta.get(f"key-{index}"))  # type: ignore[misc]
        if index % 3 == 0:
            assert isinstance(outcome, Refused)
            assert stored == ""
        else:
            assert (outcome, stored) == (index, str(index))


def test_the_time_is_aware_and_never_goes_back(store: Store) -> None:
    first = store.transact(lambda tx: tx.now)
    second = store.read(lambda tx: tx.now)
    third = store.now()
    assert first.tzinfo is not None
    assert first <= second <= third


def test_a_ping_names_the_database(store: Store) -> None:
    assert store.ping().startswith(("SQLite 3.", "PostgreSQL "))
