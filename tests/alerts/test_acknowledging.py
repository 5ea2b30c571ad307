"""An alert is acknowledged by whoever looks after it; its thread shows how the app fares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Phase, Place
from bot.domain.reply import Button, Buttons, Style
from bot.ports.people import Identity
from bot.ports.store import AlertThread
from bot.road.request import Origin, Request
from tests.alerts.test_suspects import card, deployed, fires
from tests.kit.bench import SLACK_IDS, Bench, said, words


def row(bot: Bench, thread: AlertThread) -> tuple[Button, ...]:
    [buttons] = [block for block in card(bot, thread).blocks if isinstance(block, Buttons)]
    return buttons.row


def labels(bot: Bench, thread: AlertThread) -> list[str]:
    return [button.label.plain() for button in row(bot, thread)]


def test_one_click_says_who_looks_after_it_and_the_button_goes(bot: Bench) -> None:
    deployed(bot)
    thread = fires(bot)
    assert labels(bot, thread) == ["Acknowledge", "Roll back to 1.8.1", "Silence"]
    first = row(bot, thread)[0]
    assert (first.style, first.line) == (Style.PRIMARY, f"ack al-{thread.number} web in staging")
    id = bot.say("lee", first.line).operation
    assert id is not None
    assert bot.run(id).phase is Phase.DONE
    assert "acknowledged by lee" in said(card(bot, thread))
    assert labels(bot, thread) == ["Roll back to 1.8.1", "Silence", "Logs"]
    assert [each.record.action for each in bot.records(op=id)] == ["alerts:ack"] * 3


def test_it_is_kept_while_the_alert_fires_and_forgotten_when_it_fires_anew(bot: Bench) -> None:
    thread = fires(bot)
    bot.run(bot.start("lee", f"ack al-{thread.number} web in staging"))
    again = fires(bot, began=bot.clock.now() - timedelta(minutes=2))
    assert "acknowledged by lee" in said(card(bot, again))
    over = fires(bot, began=bot.clock.now() - timedelta(minutes=2), ended=bot.clock.now())
    assert "acknowledged by lee" in said(card(bot, over))
    bot.clock.move(timedelta(minutes=5))
    assert "Acknowledge" in labels(bot, fires(bot))


def test_the_second_who_acknowledges_it_is_told_who_was_first(bot: Bench) -> None:
    thread = fires(bot)
    bot.run(bot.start("lee", f"ack al-{thread.number} web in staging"))
    assert "lee looks after al-1 already." in words(bot.say("ana", f"ack {thread.number} web in staging"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ack al-99 web in staging", "There is no alert al-99 of web on staging."),
        ("ack al-1 web in prod", "There is no alert al-1 of web on prod."),
        ("ack HighErrorRate web in staging", "HighErrorRate is no number of an alert."),
    ],
)
def test_what_is_no_alert_of_the_app_is_not_acknowledged(bot: Bench, line: str, says: str) -> None:
    fires(bot)
    assert says in words(bot.say("ana", line))


def test_an_alert_that_has_ended_needs_nobody(bot: Bench) -> None:
    thread = fires(bot)
    fires(bot, began=bot.clock.now(), ended=bot.clock.now())
    assert "al-1 has ended." in words(bot.say("ana", f"ack al-{thread.number} web in staging"))


def test_who_may_not_is_refused(bot: Bench) -> None:
    thread = fires(bot)
    assert bot.say("gus", f"ack al-{thread.number} web in staging").is_error
    assert "acknowledged" not in said(card(bot, thread))


def test_its_own_card_stands_in_the_alerts_thread_or_with_who_clicked_and_not_in_the_channel(bot: Bench) -> None:
    thread = fires(bot)
    identity = Identity("slack", "T0PAAS001", SLACK_IDS["lee"])
    asked = Request(Origin.CLICKED, identity, f"ack al-{thread.number} web in staging", Place("C0ALERTS"))
    id = bot.core.walk(replace(asked, private=Place(SLACK_IDS["lee"]))).operation
    assert id is not None
    assert bot.operation(id).place == Place("U0LEE0003")


def test_the_thread_begins_with_why_and_goes_on_with_charts_and_their_sentences(bot: Bench) -> None:
    bot.clock.move(timedelta(minutes=20))
    thread = fires(bot)
    for n, title in ((1, "Why"), (2, "Metrics")):
        found = bot.core.store.read(lambda tx, n=n: tx.outbox.get(f"alert/{thread.key}/{n}"))  # type: ignore[misc]
        assert found is not None
        assert title in found.body
        assert "in the last" in found.body
        assert '"chart"' in found.body
        assert ("Actions are on the first message" in found.body) is (n == 1)
    assert bot.core.store.read(lambda tx: tx.outbox.get(f"alert/{thread.key}/4")) is not None
