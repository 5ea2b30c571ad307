"""Requests are stored once, and what nobody works on is found again."""

from dataclasses import replace
from datetime import timedelta

from bot.ports.store import Store
from tests.contracts.store.stage import Stage, accepted, arrival, in_threads

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=100)
NONE = timedelta(0)


def test_a_request_is_new_once(store: Store) -> None:
    assert accepted(store, arrival("a")) is not None
    assert accepted(store, arrival("a")) is None


def test_the_same_bytes_with_another_delivery_are_known(store: Store) -> None:
    accepted(store, arrival("a"))
    assert accepted(store, arrival("b", nonce="nonce-a")) is None


def test_the_same_delivery_in_other_bytes_is_known(store: Store) -> None:
    accepted(store, arrival("a"))
    assert store.transact(lambda tx: tx.inbox.accept(arrival("b", delivery="delivery-a"))) is None


def test_a_request_is_known_after_a_restart(stage: Stage) -> None:
    accepted(stage.store, arrival("a"))
    assert accepted(stage.reopen(), arrival("a")) is None


def test_of_equal_requests_at_once_exactly_one_is_new(store: Store) -> None:
    ids = in_threads([lambda: accepted(store, arrival("same"))] * 24)
    assert len([id for id in ids if isinstance(id, int)]) == 1
    assert ids.count(None) == 23


def test_of_different_requests_at_once_all_are_new(store: Store) -> None:
    ids = in_threads([lambda index=index: accepted(store, arrival(f"{index}")) for index in range(32)])  # type: ignore[misc]
    assert len({id for id in ids if isinstance(id, int)}) == 32


def test_what_nobody_finished_is_left_over_and_comes_back_as_it_was(store: Store) -> None:
    id = accepted(store, arrival("a"))
    found = store.transact(lambda tx: tx.inbox.leftovers(owner="me", lease=MINUTE, older=NONE, limit=5))
    assert [(each.id, each.arrival) for each in found] == [(id, arrival("a"))]


def test_what_is_done_or_young_or_leased_is_not_left_over(stage: Stage) -> None:
    store = stage.store
    done = accepted(store, arrival("done"))
    assert done is not None
    store.transact(lambda tx: tx.inbox.done(done))
    accepted(store, arrival("leased"))
    assert len(store.transact(lambda tx: tx.inbox.leftovers(owner="a", lease=MINUTE, older=NONE, limit=5))) == 1
    accepted(store, arrival("young"))
    assert store.transact(lambda tx: tx.inbox.leftovers(owner="b", lease=MINUTE, older=MINUTE, limit=5)) == ()


def test_a_lease_that_ran_out_leaves_it_over_again(stage: Stage) -> None:
    accepted(stage.store, arrival("a"))
    stage.store.transact(lambda tx: tx.inbox.leftovers(owner="dead", lease=SHORT, older=NONE, limit=5))
    stage.wait(SHORT * 2)
    again = stage.store.transact(lambda tx: tx.inbox.leftovers(owner="me", lease=MINUTE, older=NONE, limit=5))
    assert len(again) == 1


def test_pruning_keeps_what_is_young_or_not_done(stage: Stage) -> None:
    store = stage.store
    old, stuck = accepted(store, arrival("old")), accepted(store, arrival("stuck"))
    assert old is not None
    assert stuck is not None
    store.transact(lambda tx: tx.inbox.done(old))
    assert store.transact(lambda tx: tx.inbox.prune(older=MINUTE)) == 0
    stage.wait(SHORT)
    assert store.transact(lambda tx: tx.inbox.prune(older=SHORT / 2)) == 1
    assert accepted(store, arrival("old")) is not None
    assert accepted(store, arrival("stuck")) is None


def test_hostile_text_is_stored(store: Store) -> None:
    odd = arrival("\x00\ud800\u202e'; DROP TABLE inbox; --")
    assert accepted(store, odd) is not None
    assert accepted(store, odd) is None


def test_a_body_comes_back_as_it_came(store: Store) -> None:
    body = "".join(map(chr, range(1, 0x250))) + "\u2028 \U0001f680 \\u0041 \\\\ null"
    accepted(store, replace(arrival("a"), body=body))
    (left,) = store.transact(lambda tx: tx.inbox.leftovers(owner="me", lease=MINUTE, older=NONE, limit=5))
    assert left.arrival.body == body
