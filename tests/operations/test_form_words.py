"""What a form's fields may hold, a line cannot always say as it stands; the operation is planned again from its line."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from tests.alerts.test_suspects import card, fires
from tests.kit.bench import Bench, said, words

REASONS = (
    '5" wide',
    'a "quoted" word',
    '"',
    "two  spaces",
    "line 1\nline 2",
    "no deploys to prod",
    "in staging",
    "time=1h is enough",
    "--take it",
    "to",
)


@pytest.mark.parametrize("reason", REASONS)
def test_a_lock_is_put_whatever_its_reason_says(bot: Bench, reason: str) -> None:
    answer = bot.say("ana", "lock", values={"app": "web", "env": "staging", "reason": reason, "time": ""})
    assert answer.operation is not None, words(answer)
    ended = bot.run(answer.operation)
    assert ended.phase is Phase.DONE, ended.why
    lock = bot.core.store.read(lambda tx: tx.locks.get("web", "staging"))
    assert lock is not None
    assert lock.reason == " ".join((reason if reason == REASONS[1] else reason.replace('"', "”")).split())
    assert lock.until is None


@pytest.mark.parametrize("reason", REASONS)
def test_a_deploy_begins_whatever_its_reason_says(bot: Bench, reason: str) -> None:
    values = {"app": "web@1.8.2", "env": "staging", "deadline": "", "reason": reason}
    answer = bot.say("ana", "deploy", values=values)
    assert answer.operation is not None, words(answer)
    bot.say("ana", f"ask {answer.operation}")
    bot.run(answer.operation, until=lambda op: op.phase is Phase.RUNNING)


def test_a_reason_is_no_way_to_say_what_the_form_did_not(bot: Bench) -> None:
    values = {"app": "web@1.8.2", "env": "staging", "deadline": "", "reason": 'x" deadline="8h'}
    answer = bot.say("ana", "deploy", values=values)
    assert answer.operation is not None
    assert '" deadline=' not in bot.operation(answer.operation).line


def test_an_alert_whose_name_is_several_words_is_silenced_by_its_button(bot: Bench) -> None:
    thread = fires(bot, name="High error rate")
    assert '[Silence: silence "High error rate" web in staging]' in said(card(bot, thread))


def test_the_button_that_takes_a_lock_over_says_its_reason_whole(bot: Bench) -> None:
    bot.run(bot.start("lee", "lock web to staging mine"))
    values = {"app": "web", "env": "staging", "reason": "no deploys to prod", "time": ""}
    refused = bot.say("ana", "lock", values=values)
    assert '[Take over: lock web to staging --take reason="no deploys to prod"]' in words(refused)
    taken = bot.start("ana", 'lock web to staging --take reason="no deploys to prod"')
    assert bot.run(taken).phase is Phase.DONE
