"""A worker that stood still past its lease, right before it acts on our own records, does nothing when it wakes up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import Principal
from bot.operations.engine import Engine
from bot.ports.store import StepState
from bot.ports.world import Hands
from integrations.simulated.faults import How
from tests.kit.bench import Bench, bench


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


@pytest.mark.xfail(strict=True, reason="a creation has nothing to be stamped on: docs/reliability.md, known limits")
def test_a_creation_that_arrives_after_an_abort_leaves_no_canary(tmp_path: Path) -> None:
    with bench(tmp_path) as bot:
        bot.world.faults.put("create_copy", How.LATE, delay=timedelta(seconds=40))
        id = bot.start("ana", "canary web@1.8.2 10 to staging")
        bot.run(id, until=lambda op: _sent_it(bot, op))
        assert not bot.say("ana", f"abort {id}").is_error
        assert bot.run(id).phase is Phase.UNDONE
        bot.clock.move(timedelta(seconds=60))
        assert "web-canary" not in bot.world.scene("eu-1").namespace("web-staging").deployments


def _sent_it(bot: Bench, op: Operation) -> bool:
    """Its creation is on the way, and nobody knows whether it arrived."""
    states = bot.core.store.read(lambda tx: tx.steps.states(op.id))
    return any(state is StepState.UNKNOWN for _, state, _ in states)
