"""A worker that stood still past its lease, right before it acts on our own records, does nothing when it wakes up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId, Principal
from bot.operations.engine import Engine
from bot.operations.marks import step_key, step_of
from bot.ports.store import StepState
from bot.ports.world import Hands
from bot.steps.canary import CreateCanary
from integrations.simulated.faults import How
from tests.kit.bench import Bench, bench, said


def standing_still(bot: Bench, meanwhile: Callable[[], None]) -> Engine:
    """An engine on the same store that loses its lease between saving what it intends and doing it."""
    engine = bot.core.engine

    def hands(acting: Principal, op: Operation) -> Hands:
        meanwhile()
        return engine._hands(acting, op)

    return Engine(
        store=bot.core.store, gate=engine._gate, world=engine._world, hands=hands, clock=bot.clock, owner="stopped"
    )


def test_a_lock_that_was_given_back_meanwhile_stays_given_back(tmp_path: Path) -> None:
    with bench(tmp_path) as bot:
        lock = bot.say("ana", "lock web to staging the sale").operation
        assert lock is not None
        bot.core.engine.run_due()
        looked: list[bool] = []

        def meanwhile() -> None:
            if looked:
                return
            looked.append(True)
            bot.clock.move(timedelta(seconds=6))
            assert bot.run(lock).phase is Phase.DONE
            unlock = bot.say("ana", "unlock web to staging").operation
            assert unlock is not None
            assert bot.run(unlock).phase is Phase.DONE
            assert bot.core.store.read(lambda tx: tx.locks.list()) == ()

        standing_still(bot, meanwhile).run_due()
        assert looked
        assert bot.core.store.read(lambda tx: tx.locks.list()) == ()


@pytest.fixture(params=["replicas", "weights"])
def bot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A canary by replicas, or one by weights, which has a Service of its own."""
    with bench(tmp_path) as made:
        if request.param == "weights":
            made.world.scene("eu-1").add_route("web-staging", "web", "web")
            made.turn(seconds=120)
        yield made


CREATIONS = [("replicas", "create_copy"), ("weights", "create_copy"), ("weights", "create_service")]
LATE = [timedelta(seconds=seconds) for seconds in (1, 6, 20, 40)]


@pytest.mark.parametrize("delay", LATE, ids=str)
@pytest.mark.parametrize(("bot", "method"), CREATIONS, indirect=["bot"])
def test_a_creation_that_arrives_after_an_abort_leaves_no_canary(bot: Bench, method: str, delay: timedelta) -> None:
    bot.world.faults.put(method, How.LATE, delay=delay)
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=lambda op: _sent_it(bot, op))
    assert not bot.say("ana", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    bot.clock.move(timedelta(seconds=60))
    assert _left(bot) == set()


@pytest.mark.parametrize("away", [timedelta(0), timedelta(seconds=30)], ids=str)
def test_a_creation_that_arrives_after_a_second_one_was_removed_leaves_no_canary(bot: Bench, away: timedelta) -> None:
    bot.world.faults.put("create_copy", How.LATE, delay=timedelta(seconds=50))
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=lambda op: _sent_it(bot, op))
    bot.run(id, until=lambda op: "web-canary" in _left(bot))
    bot.restart(after=away)
    assert not bot.say("ana", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    bot.clock.move(timedelta(seconds=60))
    assert _left(bot) == set()


def test_a_creation_whose_answer_was_lost_after_it_was_made_keeps_no_abort_waiting(bot: Bench) -> None:
    bot.world.faults.put("create_copy", How.AFTER)
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=lambda op: _sent_it(bot, op))
    assert not bot.say("ana", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    assert bot.core.store.read(lambda tx: tx.steps.lost(id)) is None
    assert _left(bot) == set()


def test_while_a_creation_may_still_arrive_the_abort_says_so_and_keeps_its_hold(bot: Bench) -> None:
    bot.world.faults.put("create_copy", How.LATE, delay=timedelta(seconds=40))
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=lambda op: _sent_it(bot, op))
    assert not bot.say("ana", f"abort {id}").is_error
    waiting = bot.run(id, until=lambda op: op.seen is not None and "still arrive" in said(op.seen.why))
    assert waiting.phase is Phase.UNDOING
    assert bot.say("ana", "scale web 5 to staging").is_error


def test_a_worker_that_stood_still_past_its_lease_sends_no_creation(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    slept: list[OperationId] = []

    def meanwhile() -> None:
        if not slept and isinstance(step_of(bot.operation(id), step_key(bot.operation(id))), CreateCanary):
            slept.append(id)
            bot.clock.move(timedelta(seconds=6))
            assert not bot.say("ana", f"abort {id}").is_error
            assert bot.run(id).phase is Phase.UNDONE

    stopped = standing_still(bot, meanwhile)
    for _ in range(400):
        bot.clock.move(timedelta(seconds=1))
        stopped.run_due()
        if slept:
            break
    assert slept
    bot.clock.move(timedelta(seconds=60))
    assert _left(bot) == set()


def _left(bot: Bench) -> set[str]:
    """Of the canary."""
    found = bot.world.scene("eu-1").namespace("web-staging")
    return {name for name in (*found.deployments, *found.services) if name.endswith("-canary")}


def _sent_it(bot: Bench, op: Operation) -> bool:
    """Its creation is on the way, and nobody knows whether it arrived."""
    states = bot.core.store.read(lambda tx: tx.steps.states(op.id))
    return any(state is StepState.UNKNOWN for _, state, _ in states)
