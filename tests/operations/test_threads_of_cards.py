"""In the thread of a card nobody has to say which app and env they mean."""

from __future__ import annotations

from bot.domain.operation import Place
from bot.ports.people import Identity
from bot.road.answers import Answer, Show
from bot.road.request import Origin, Request
from tests.alerts.test_suspects import fires
from tests.kit.bench import SLACK_IDS, Bench, words

ROOT = "1795529103.000300"


def posted(bot: Bench, key: str) -> None:
    """Slack has the card."""
    bot.core.store.transact(lambda tx: tx.outbox.sent(key, rev=1, ts=ROOT, posted_in="C0WEB"))


def mention(bot: Bench, line: str, *, thread: str = ROOT) -> Answer:
    identity = Identity("slack", "T0PAAS001", SLACK_IDS["ana"])
    return bot.core.walk(Request(Origin.MENTIONED, identity, line, Place("C0WEB", thread)))


def test_in_an_operations_thread_reads_are_about_its_app_and_env(bot: Bench) -> None:
    id = bot.start("ana", "restart web to staging")
    posted(bot, f"operation/{id}")
    assert "Status · web on staging" in words(mention(bot, "status"))
    assert "Logs · web on staging" in words(mention(bot, "logs"))
    assert "Logs · web on prod" in words(mention(bot, "logs web in prod"))


def test_in_an_alerts_thread_too_whatever_the_channel_means(bot: Bench) -> None:
    bot.run(bot.start("ana", "here app=cart env=prod"))
    posted(bot, f"alert/{fires(bot).key}")
    assert "Logs · web on staging" in words(mention(bot, "logs"))
    assert "Logs · cart on prod" in words(mention(bot, "logs", thread="1795529999.000100"))


def test_a_verb_alone_still_changes_nothing_there(bot: Bench) -> None:
    id = bot.start("ana", "restart web to staging")
    posted(bot, f"operation/{id}")
    asked = mention(bot, "restart")
    assert asked.show is Show.FORM
    assert asked.form is not None
    assert {field.name: field.initial for field in asked.form.fields if field.name in {"app", "env"}} == {
        "app": "web",
        "env": "staging",
    }


def test_in_a_thread_of_people_nothing_is_guessed(bot: Bench) -> None:
    assert mention(bot, "logs").show is Show.FORM
