"""A deploy's card says how the app's requests fare, or why that is not known; nothing hangs on it."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.operation import Phase
from integrations.simulated.faults import How
from tests.kit.bench import Bench, said


def card(bot: Bench, id: str) -> str:
    return said(bot.core.draw(f"operation/{id}"))


def test_the_running_card_compares_errors_with_those_before(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=15))
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.errors is not None)
    shown = next(line for line in card(bot, id).splitlines() if line.startswith("Errors"))
    assert "before" in shown
    assert bot.run(id).phase is Phase.DONE
    assert "pods ready in" in card(bot, id)
    assert "Errors 0." in card(bot, id)


def test_metrics_that_do_not_answer_are_said_and_hold_up_nothing(bot: Bench) -> None:
    bot.world.faults.put("metrics.range", How.BEFORE, times=10_000)
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.errors is not None)
    assert "Errors not known: prometheus does not answer." in card(bot, id)
    assert bot.run(id).phase is Phase.DONE


def test_metrics_are_asked_every_ten_seconds_and_not_at_each_look(bot: Bench) -> None:
    id = bot.start("ana", "deploy web@1.8.2 to staging")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.errors_at is not None)
    moments = set()
    for _ in range(20):
        bot.turn()
        seen = bot.operation(id).seen
        assert seen is not None
        moments.add(seen.errors_at)
    assert len(moments) <= 3
