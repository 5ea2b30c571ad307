"""Holds with fences that only grow, steps, locks, releases, defaults."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Place
from bot.domain.refs import OperationId
from bot.ports.store import Lock, LostClaim, Proof, Release, StepState, Store, Tx
from tests.contracts.store.stage import ANA, BO, START, Stage, in_threads

ONE, TWO = OperationId("op-1"), OperationId("op-2")
EPOCH = 2**32


def taken(store: Store, keys: tuple[str, ...], op: OperationId) -> int | OperationId:
    return store.transact(lambda tx: tx.holds.take(keys, op))


def fence_of(store: Store, keys: tuple[str, ...], op: OperationId) -> int:
    fence = taken(store, keys, op)
    assert isinstance(fence, int)
    return fence


def test_a_hold_is_taken_with_a_fence_of_this_epoch(store: Store) -> None:
    assert EPOCH < fence_of(store, ("web/prod",), ONE) < 2 * EPOCH
    assert store.read(lambda tx: tx.holds.holder("web/prod")) == ONE
    assert store.read(lambda tx: tx.holds.holder("api/prod")) is None


def test_what_is_held_is_refused_naming_the_holder_and_nothing_else_is_taken(store: Store) -> None:
    taken(store, ("web/prod",), ONE)
    assert taken(store, ("api/prod", "web/prod", "zoo/prod"), TWO) == ONE
    assert store.read(lambda tx: (tx.holds.holder("api/prod"), tx.holds.holder("zoo/prod"))) == (None, None)


def test_fences_only_grow_also_over_freeing_and_restarts(stage: Stage) -> None:
    fences = [fence_of(stage.store, ("web/prod",), ONE)]
    fences.append(stage.store.transact(lambda tx: tx.holds.raise_fence(ONE)))
    stage.store.transact(lambda tx: tx.holds.free(ONE))
    assert stage.store.read(lambda tx: tx.holds.holder("web/prod")) is None
    stage.reopen()
    fences.append(fence_of(stage.store, ("web/prod",), TWO))
    fences.append(fence_of(stage.store, ("web/prod", "api/prod"), TWO))
    assert fences == sorted(set(fences))


def test_a_new_epoch_is_above_every_fence_of_the_old(store: Store) -> None:
    old = fence_of(store, ("web/prod",), ONE)
    store.transact(lambda tx: tx.meta.put("epoch", "7"))
    assert store.transact(lambda tx: tx.holds.raise_fence(ONE)) > 7 * EPOCH > old


def test_a_successor_takes_a_hold_over_in_one_transaction(store: Store) -> None:
    taken(store, ("web/prod",), ONE)

    def hand_over(tx: Tx) -> int | OperationId:
        tx.holds.free(ONE)
        return tx.holds.take(("web/prod",), TWO)

    assert isinstance(store.transact(hand_over), int)
    assert store.read(lambda tx: tx.holds.holder("web/prod")) == TWO


def test_of_many_at_once_one_takes_the_hold(store: Store) -> None:
    keys = [("a", "b"), ("b", "a")]
    outcomes = in_threads(
        [lambda index=index: taken(store, keys[index % 2], OperationId(f"op-{index}")) for index in range(1, 13)]  # type: ignore[misc]
    )
    assert len([each for each in outcomes if isinstance(each, int)]) == 1
    winner = store.read(lambda tx: tx.holds.holder("a"))
    assert [each for each in outcomes if isinstance(each, str)] == [winner] * 11


def test_no_fence_is_raised_for_who_holds_nothing(store: Store) -> None:
    with pytest.raises(LostClaim):
        store.transact(lambda tx: tx.holds.raise_fence(ONE))


def test_steps_keep_their_order_and_their_last_state(stage: Stage) -> None:
    for step, state, fence in (
        ("0", StepState.SENDING, 5),
        ("1", StepState.SENDING, 5),
        ("0", StepState.DONE, 5),
        ("u1", StepState.UNKNOWN, 6),
    ):
        stage.store.transact(lambda tx, a=step, b=state, c=fence: tx.steps.mark(ONE, a, b, fence=c))  # type: ignore[misc]
        stage.wait(timedelta(milliseconds=1))
    assert stage.store.read(lambda tx: tx.steps.states(ONE)) == (
        ("0", StepState.DONE, 5),
        ("1", StepState.SENDING, 5),
        ("u1", StepState.UNKNOWN, 6),
    )
    assert stage.store.read(lambda tx: tx.steps.states(TWO)) == ()


def test_a_creation_that_went_unanswered_is_remembered_whatever_becomes_of_its_step(stage: Stage) -> None:
    assert stage.store.read(lambda tx: tx.steps.lost(ONE)) is None
    for step in ("0", "2"):
        stage.wait(timedelta(seconds=1))
        stage.store.transact(lambda tx, a=step: tx.steps.lose(ONE, a, fence=5))  # type: ignore[misc]
        lost = stage.store.read(lambda tx: tx.steps.lost(ONE))
    for state in (StepState.SENDING, StepState.DONE):
        stage.wait(timedelta(seconds=1))
        stage.store.transact(lambda tx, a=state: tx.steps.mark(ONE, "2", a, fence=6))  # type: ignore[misc]
    now, after = stage.store.read(lambda tx: (tx.now, tx.steps.lost(ONE)))
    assert lost is not None
    assert after == lost
    assert timedelta(seconds=2) <= now - lost < timedelta(seconds=60)
    assert stage.store.read(lambda tx: tx.steps.states(ONE)) == (("2", StepState.DONE, 6),)
    assert stage.store.read(lambda tx: tx.steps.lost(TWO)) is None


def test_peoples_locks_are_kept_replaced_and_dropped(store: Store) -> None:
    first = Lock("web", "prod", ANA, "we count <stock>", START, None)
    second = replace(first, holder=BO, until=START + timedelta(hours=1))
    assert store.transact(lambda tx: tx.locks.put(first))
    assert not store.transact(lambda tx: tx.locks.put(second))
    assert store.read(lambda tx: tx.locks.get("web", "prod")) == first
    assert store.transact(lambda tx: tx.locks.put(second, over=ANA))
    store.transact(lambda tx: tx.locks.put(replace(first, app="api")))
    assert store.read(lambda tx: tx.locks.get("web", "prod")) == second
    assert [lock.app for lock in store.read(lambda tx: tx.locks.list())] == ["api", "web"]
    store.transact(lambda tx: tx.locks.drop("web", "prod", holder=ANA))
    assert store.read(lambda tx: tx.locks.get("web", "prod")) == second
    store.transact(lambda tx: tx.locks.drop("web", "prod", holder=BO))
    assert store.read(lambda tx: tx.locks.get("web", "prod")) is None


def test_a_lock_that_has_run_out_is_in_nobodys_way(store: Store) -> None:
    over = Lock("web", "prod", ANA, "an hour ago", START, START + timedelta(seconds=1))
    store.transact(lambda tx: tx.locks.put(replace(over, until=tx.now - timedelta(seconds=1))))
    assert store.transact(lambda tx: tx.locks.put(replace(over, holder=BO, until=None)))


def release(operation: str = "op-1", *, template: str = '{"a":"\u00e4"}') -> Release:
    return Release(
        app="web",
        env="prod",
        number=0,
        version="1.8.2",
        image="registry.test/web@sha256:ab",
        container="web",
        template=template,
        config="{}",
        proof=Proof.CANDIDATE,
        operation=operation,
        at=START,
        by=ANA,
    )


def test_releases_are_numbered_per_app_and_env_and_come_back_byte_for_byte(store: Store) -> None:
    assert store.transact(lambda tx: tx.releases.put(release("op-1"))) == 1
    assert store.transact(lambda tx: tx.releases.put(release("op-2"))) == 2
    assert store.transact(lambda tx: tx.releases.put(replace(release("op-3"), env="staging"))) == 1
    assert store.read(lambda tx: tx.releases.get("web", "prod", 1)) == replace(release("op-1"), number=1)
    assert [each.number for each in store.read(lambda tx: tx.releases.list("web", "prod"))] == [2, 1]
    assert [each.number for each in store.read(lambda tx: tx.releases.list("web", "prod", limit=1))] == [2]


def test_the_same_release_again_keeps_its_number_also_at_once(store: Store) -> None:
    numbers = in_threads([lambda: store.transact(lambda tx: tx.releases.put(release("op-1")))] * 8)
    assert numbers == [1] * 8


def test_different_releases_at_once_get_different_numbers(store: Store) -> None:
    works = [
        lambda index=index: store.transact(lambda tx: tx.releases.put(release(f"op-{index}"))) for index in range(3)
    ]
    assert sorted(map(str, in_threads(works))) == ["1", "2", "3"]


def test_a_release_is_judged(store: Store) -> None:
    store.transact(lambda tx: tx.releases.put(release("op-1")))
    store.transact(lambda tx: tx.releases.judge("web", "prod", 1, Proof.BAD))
    found = store.read(lambda tx: tx.releases.get("web", "prod", 1))
    assert found is not None
    assert found.proof is Proof.BAD
    assert store.read(lambda tx: tx.releases.get("web", "prod", 9)) is None


def test_defaults_are_kept_per_place(store: Store) -> None:
    channel, thread = Place("C1"), Place("C1", "17.1")
    store.transact(lambda tx: tx.defaults.put(channel, {"app": "web", "env": "prod"}))
    store.transact(lambda tx: tx.defaults.put(channel, {"app": "api"}))
    assert store.read(lambda tx: tx.defaults.get(channel)) == {"app": "api"}
    assert store.read(lambda tx: tx.defaults.get(thread)) == {}
