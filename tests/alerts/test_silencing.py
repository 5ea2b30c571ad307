"""A silenced alert is told from one that calls for somebody, wherever it is shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.operation import Phase
from bot.ports.store import AlertThread
from tests.alerts.test_suspects import card, deployed, fires
from tests.kit.bench import Bench, said, words


@pytest.fixture
def silenced(bot: Bench) -> AlertThread:
    deployed(bot, "1.9.0")
    bot.turn(seconds=300)
    thread = fires(bot)
    id = bot.start("lee", "silence HighErrorRate web in staging known <!here> time=2h")
    assert bot.run(id).phase is Phase.DONE
    return thread


def test_its_card_says_who_silenced_it_and_until_when(bot: Bench, silenced: AlertThread) -> None:
    until = bot.clock.now() + timedelta(hours=2)
    assert f"Silenced by lee until {until:%Y-%m-%d %H:}" in said(card(bot, silenced))


def test_its_card_is_drawn_anew_when_it_is_silenced(bot: Bench) -> None:
    deployed(bot, "1.9.0")
    bot.turn(seconds=300)
    thread = fires(bot)
    before = bot.core.store.read(lambda tx: tx.outbox.get(thread.subject))
    bot.run(bot.start("lee", "silence HighErrorRate web in staging known"))
    after = bot.core.store.read(lambda tx: tx.outbox.get(thread.subject))
    assert before is not None
    assert after is not None
    assert after.rev > before.rev


def test_another_alert_of_the_app_is_not_taken_for_silenced(bot: Bench, silenced: AlertThread) -> None:
    other = fires(bot, name="PodsRestart")
    assert "Silenced" not in said(card(bot, other))


def test_the_list_and_home_count_it_apart(bot: Bench, silenced: AlertThread) -> None:
    assert "alert fires, silenced." in words(bot.say("lee", "alerts in staging"))
    home = words(bot.say("lee", "home"))
    assert "1 silenced alert" in home
    assert "[Alerts: alerts in staging]" in home


def test_before_it_is_silenced_nothing_says_so(bot: Bench) -> None:
    deployed(bot, "1.9.0")
    bot.turn(seconds=300)
    thread = fires(bot)
    assert "ilenced" not in said(card(bot, thread))
    assert "ilenced" not in words(bot.say("lee", "alerts in staging"))
    assert "1 alert" in words(bot.say("lee", "home"))
