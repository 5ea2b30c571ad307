"""Operations: what is stored comes back; votes, claims and versions keep workers from treading on each other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Operation, Phase, SignalKind
from bot.domain.refs import operation_id
from bot.ports.store import AlreadyOpen, Claim, LostClaim, OperationFilter, Stale, Store, Tx
from tests.contracts.store.stage import (
    ANA,
    BO,
    KIM,
    Stage,
    accepted,
    added,
    arrival,
    in_threads,
    loaded,
    operation,
    signal,
)

MINUTE = timedelta(minutes=1)
SHORT = timedelta(milliseconds=150)
NOW = timedelta(0)


def claims(store: Store, owner: str, *, lease: timedelta = MINUTE, limit: int = 10) -> tuple[Claim, ...]:
    return store.transact(lambda tx: tx.operations.claim(owner=owner, lease=lease, limit=limit))


def saved(store: Store, op: Operation, claim: Claim | None, wake: timedelta | None = NOW) -> Operation:
    return store.transact(lambda tx: tx.operations.save(op, claim=claim, wake=wake))


def test_an_operation_comes_back_as_it_was(store: Store) -> None:
    op = added(store)
    assert loaded(store, op.id) == op


def test_an_unknown_operation_is_none(store: Store) -> None:
    assert store.read(lambda tx: tx.operations.load(operation_id("op-999"))) is None


def test_ids_are_never_given_twice(store: Store) -> None:
    ids = in_threads([lambda: store.transact(lambda tx: tx.operations.next_id())] * 16)
    assert len(set(ids)) == 16


def test_asking_the_same_again_joins_the_open_one(store: Store) -> None:
    op = added(store, ask="same")
    with pytest.raises(AlreadyOpen) as error:
        added(store, ask="same")
    assert error.value.id == op.id
    assert store.read(lambda tx: tx.operations.open_ask("same")) == op.id


def test_of_equal_asks_at_once_one_is_stored(store: Store) -> None:
    outcomes = in_threads([lambda: added(store, ask="same")] * 12)
    assert len([each for each in outcomes if isinstance(each, Operation)]) == 1
    assert len([each for each in outcomes if isinstance(each, AlreadyOpen)]) == 11


def test_what_is_final_can_be_asked_again(store: Store) -> None:
    op = added(store, ask="same")
    saved(store, replace(op, phase=Phase.DONE), None)
    assert store.read(lambda tx: tx.operations.open_ask("same")) is None
    assert added(store, ask="same").id != op.id


def test_one_request_makes_one_operation_even_when_that_is_final(store: Store) -> None:
    inbox = accepted(store, arrival("a"))

    def work(tx: Tx) -> Operation:
        op = operation(tx)
        tx.operations.add(op, inbox=inbox)
        return op

    first = store.transact(work)
    saved(store, replace(first, phase=Phase.DENIED), None)
    with pytest.raises(AlreadyOpen) as error:
        store.transact(work)
    assert error.value.id == first.id


def test_a_save_counts_the_version_and_a_second_save_of_the_same_version_is_stale(store: Store) -> None:
    op = added(store)
    assert saved(store, replace(op, cursor=1), None).version == op.version + 1
    with pytest.raises(Stale):
        saved(store, replace(op, cursor=2), None)
    assert loaded(store, op.id).cursor == 1


def test_signals_come_back_in_order(store: Store) -> None:
    op = added(store)
    for kind, by in ((SignalKind.ASK, ANA), (SignalKind.APPROVE, BO), (SignalKind.PAUSE, KIM)):
        store.transact(lambda tx, kind=kind, by=by: tx.operations.signal(op.id, signal(tx, kind, by)))  # type: ignore[misc]
    found = loaded(store, op.id)
    assert [(each.kind, each.by) for each in found.signals] == [
        (SignalKind.ASK, ANA),
        (SignalKind.APPROVE, BO),
        (SignalKind.PAUSE, KIM),
    ]
    assert found.version == op.version


def test_votes_come_one_after_the_other(store: Store) -> None:
    """Of ten that each look first, the last one sees nine."""
    op = added(store)

    def vote() -> int:
        def work(tx: Tx) -> int:
            locked = tx.operations.lock(op.id)
            assert locked is not None
            tx.operations.signal(op.id, signal(tx, SignalKind.APPROVE))
            tx.operations.save(locked, claim=None, wake=NOW)
            return len(locked.signals)

        return store.transact(work)

    assert sorted(map(str, in_threads([vote] * 10))) == sorted(map(str, range(10)))


def test_a_new_operation_is_claimed_by_one_and_is_no_take_over(store: Store) -> None:
    op = added(store)
    (claim,) = claims(store, "one")
    assert (claim.id, claim.is_takeover) == (op.id, False)
    assert claims(store, "two") == ()


def test_many_workers_never_claim_the_same(store: Store) -> None:
    for _ in range(20):
        added(store)
    taken = in_threads([lambda index=index: claims(store, f"w{index}", limit=5) for index in range(8)])  # type: ignore[misc]
    ids = [claim.id for found in taken if isinstance(found, tuple) for claim in found]
    assert len(ids) == len(set(ids)) == 20


def test_a_lease_that_ran_out_is_taken_over_and_the_old_owner_cannot_save(stage: Stage) -> None:
    op = added(stage.store)
    (old,) = claims(stage.store, "dead", lease=SHORT)
    stage.wait(SHORT * 2)
    (new,) = claims(stage.store, "alive")
    assert new.is_takeover
    assert new.claims > old.claims
    with pytest.raises(LostClaim):
        saved(stage.store, replace(op, cursor=1), old)
    with pytest.raises(LostClaim):
        stage.store.transact(lambda tx: tx.operations.release(old))
    assert saved(stage.store, replace(op, cursor=1), new).cursor == 1


def test_a_lease_that_ran_out_cannot_save_even_when_nobody_took_over(stage: Stage) -> None:
    op = added(stage.store)
    (claim,) = claims(stage.store, "slow", lease=SHORT)
    stage.wait(SHORT * 2)
    with pytest.raises(LostClaim):
        saved(stage.store, op, claim)


def test_a_renewed_lease_holds_and_a_lost_one_is_not_renewed(stage: Stage) -> None:
    op, other = added(stage.store), added(stage.store)
    both = claims(stage.store, "me", lease=SHORT * 4)
    mine = tuple(claim for claim in both if claim.id == op.id)
    assert stage.store.transact(lambda tx: tx.operations.renew(mine, lease=MINUTE)) == (op.id,)
    stage.wait(SHORT * 5)
    (taken,) = claims(stage.store, "other")
    assert taken.id == other.id
    assert stage.store.transact(lambda tx: tx.operations.renew(both, lease=MINUTE)) == (op.id,)


def test_what_is_released_is_no_take_over(store: Store) -> None:
    op = added(store)
    (claim,) = claims(store, "one")
    saved(store, op, claim)
    store.transact(lambda tx: tx.operations.release(claim))
    (again,) = claims(store, "two")
    assert not again.is_takeover


def test_what_was_left_open_is_a_take_over_although_it_sleeps(stage: Stage) -> None:
    """A worker that saved 'wake me in a minute' and died before it let go."""
    op = added(stage.store)
    (claim,) = claims(stage.store, "dead", lease=SHORT)
    saved(stage.store, op, claim, None)
    assert claims(stage.store, "other") == ()
    stage.wait(SHORT * 2)
    (again,) = claims(stage.store, "other")
    assert again.is_takeover


def test_an_operation_sleeps_until_it_is_due(stage: Stage) -> None:
    op = added(stage.store)
    saved(stage.store, op, None, SHORT * 2)
    assert claims(stage.store, "me") == ()
    soonest = stage.store.read(lambda tx: tx.operations.soonest())
    assert soonest is not None
    assert NOW <= soonest <= SHORT * 2
    stage.wait(SHORT * 3)
    assert len(claims(stage.store, "me")) == 1


def test_what_never_wakes_by_itself_is_not_due_and_a_signal_makes_it_so(store: Store) -> None:
    op = added(store)
    saved(store, op, None, None)
    assert store.read(lambda tx: tx.operations.soonest()) is None
    assert claims(store, "me") == ()
    store.transact(lambda tx: tx.operations.signal(op.id, signal(tx, SignalKind.PAUSE)))
    assert len(claims(store, "me")) == 1


def test_a_signal_that_the_saver_has_not_seen_is_not_slept_over(store: Store) -> None:
    op = added(store)
    store.transact(lambda tx: tx.operations.signal(op.id, signal(tx, SignalKind.ABORT)))
    saved(store, op, None, None)
    assert len(claims(store, "me")) == 1


def test_what_is_final_is_due_no_more(store: Store) -> None:
    op = added(store)
    (claim,) = claims(store, "me")
    saved(store, replace(op, phase=Phase.DONE), claim, NOW)
    store.transact(lambda tx: tx.operations.release(claim))
    store.transact(lambda tx: tx.operations.signal(op.id, signal(tx, SignalKind.ABORT)))
    assert claims(store, "me") == ()
    assert store.read(lambda tx: tx.operations.soonest()) is None


def test_the_longest_due_is_claimed_first(stage: Stage) -> None:
    ids = []
    for _ in range(3):
        ids.append(added(stage.store).id)
        stage.wait(timedelta(milliseconds=2))
    assert [claim.id for claim in claims(stage.store, "me", limit=2)] == ids[:2]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (OperationFilter(), ["c", "b", "a"]),
        (OperationFilter(limit=1), ["c"]),
        (OperationFilter(app="web"), ["b", "a"]),
        (OperationFilter(app="web", env="staging"), ["b"]),
        (OperationFilter(requester=BO), ["c"]),
        (OperationFilter(is_final=True), ["b"]),
        (OperationFilter(is_final=False), ["c", "a"]),
        (OperationFilter(kinds=("scale", "restart")), ["c"]),
        (OperationFilter(kinds=("nothing",)), []),
    ],
)
def test_operations_are_found_newest_first(store: Store, filter: OperationFilter, expected: list[str]) -> None:
    changes: dict[str, Callable[[Operation], Operation]] = {
        "a": lambda op: op,
        "b": lambda op: replace(op, env="staging", phase=Phase.DONE),
        "c": lambda op: replace(op, app="api", requester=BO, kind="scale"),
    }

    def work(tx: Tx) -> None:
        for name, change in changes.items():
            tx.operations.add(replace(change(operation(tx)), ask_key=name), inbox=None)

    store.transact(work)
    assert [op.ask_key for op in store.read(lambda tx: tx.operations.find(filter))] == expected
