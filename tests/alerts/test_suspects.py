"""An alert, the change that it is likely to come from, and one click back from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Button, Buttons, Reply, Style
from bot.ports.observing import Alert, AlertGroup
from bot.ports.store import AlertThread
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from tests.kit.bench import POLICY, Bench, said


def fires(
    bot: Bench,
    *,
    began: datetime | None = None,
    ended: datetime | None = None,
    env: str = "staging",
    name: str = "HighErrorRate",
) -> AlertThread:
    """Alertmanager tells of it for web."""
    labels = {"alertname": name, "severity": "critical", "namespace": f"web-{env}", "app": "web"}
    alert = Alert(
        fingerprint="f1",
        name=name,
        labels=labels,
        annotations={"summary": "Errors 6.2 %; limit 2 %"},
        starts=began or bot.clock.now(),
        ends=ended,
        is_firing=ended is None,
    )
    group = AlertGroup("{}:{web}", "pilothouse", ended is None, labels, (alert,))
    return bot.core.alerts.receive(group, inbox=None)


def card(bot: Bench, thread: AlertThread) -> Reply:
    found = bot.core.draw(f"alert/{thread.key}")
    assert found is not None
    return found


def first_button(reply: Reply) -> Button:
    """Of what leads on: to acknowledge it comes before."""
    [buttons] = [block for block in reply.blocks if isinstance(block, Buttons)]
    return next(button for button in buttons.row if button.label.plain() != "Acknowledge")


def is_watching(op: Operation) -> bool:
    return isinstance(load_steps(op.plan)[op.cursor].do, Analyse) and op.phase is Phase.RUNNING


def deployed(bot: Bench, version: str = "1.8.2") -> OperationId:
    id = bot.start("ana", f"deploy web@{version} to staging")
    assert bot.run(id).phase is Phase.DONE
    return id


def test_an_alert_after_a_deploy_names_it_and_one_click_goes_back(bot: Bench) -> None:
    id = deployed(bot)
    bot.turn(seconds=180)
    thread = fires(bot)
    shown = card(bot, thread)
    assert "Likely cause: deploy web 1.8.2 to staging, by ana," in said(shown)
    assert "min before it began" in said(shown)
    assert id in said(shown)
    back = first_button(shown)
    assert back.label.plain() == "Roll back to 1.8.1"
    assert back.style is Style.DANGER
    assert back.confirm is not None
    assert "without a second approval" in back.confirm.text.plain()
    assert not [op for op in bot.operations() if op.kind == "rollback"]
    answer = bot.say("lee", back.line)
    assert not answer.is_error, said(answer.reply)
    assert not answer.is_draft
    assert answer.operation is not None
    done = bot.run(answer.operation)
    assert done.phase is Phase.DONE, done.why
    assert done.requester.id == "lee"
    answered = card(bot, thread)
    assert "web on staging is on 1.8.1 again, by lee" in said(answered)
    assert first_button(answered).label.plain() == "Logs"
    over = fires(bot, began=bot.clock.now() - timedelta(minutes=9), ended=bot.clock.now())
    assert not over.is_firing
    resolved = said(card(bot, over))
    assert "web on staging is on 1.8.1 again, by lee" in resolved
    assert "Lasted 9 min" in resolved
    assert not [block for block in card(bot, over).blocks if isinstance(block, Buttons)]


def test_where_the_policy_wants_votes_the_click_asks_for_them(bot: Bench) -> None:
    deployed(bot)
    words = POLICY.read_text()
    bot.policy(words.replace("for: [deploy, canary], env: [prod]", 'for: [rollback], env: ["*"]'))
    back = first_button(card(bot, fires(bot)))
    assert back.label.plain() == "Ask to roll back"
    assert back.confirm is not None
    assert "agree first" in back.confirm.text.plain()
    asked = bot.say("lee", back.line).operation
    assert asked is not None
    assert bot.operation(asked).phase is Phase.WAITING
    assert not bot.say("bo", f"approve {asked}").is_error
    assert bot.run(asked).phase is Phase.DONE


def test_an_alert_during_a_canary_offers_its_abort_and_those_who_follow_it_are_told(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 25 to staging")
    bot.run(id, until=is_watching)
    thread = fires(bot)
    shown = card(bot, thread)
    assert "canary web 1.8.2 on staging, by ana, which was running" in said(shown)
    stop = first_button(shown)
    assert stop.label.plain() == "Abort the canary"
    assert stop.line == f"abort {id}"
    assert stop.confirm is not None
    told = bot.core.store.read(lambda tx: tx.outbox.get(f"operation/{id}/al-{thread.number}"))
    assert told is not None
    assert "HighErrorRate" in told.body
    assert not bot.say("lee", stop.line).is_error
    assert bot.run(id).phase is Phase.UNDONE
    after = card(bot, fires(bot, began=bot.clock.now() - timedelta(minutes=1)))
    assert "stopped by lee" in said(after)
    assert first_button(after).label.plain() == "Logs"


def test_a_change_that_came_after_the_alert_or_long_before_it_is_no_suspect(bot: Bench) -> None:
    before = bot.clock.now() - timedelta(seconds=5)
    deployed(bot)
    assert "Likely cause" not in said(card(bot, fires(bot, began=before)))
    assert "Likely cause" not in said(card(bot, fires(bot, began=bot.clock.now() + timedelta(hours=3))))


@pytest.mark.parametrize("line", ["scale web 3 to staging", "restart web to staging"])
def test_what_is_no_rollout_is_named_and_offers_no_rollback(bot: Bench, line: str) -> None:
    assert bot.run(bot.start("ana", line)).phase is Phase.DONE
    shown = card(bot, fires(bot))
    assert "Likely cause" in said(shown)
    assert first_button(shown).label.plain() == "Logs"


def test_a_stored_alert_of_before_can_still_be_drawn(bot: Bench) -> None:
    thread = fires(bot)
    old = thread.state.replace('"needs_votes": false, ', "")
    assert "needs_votes" not in old
    bot.core.store.transact(lambda tx: tx.alerts.put(replace(thread, state=old)))
    assert "HighErrorRate" in said(card(bot, thread))


def test_typed_too_a_rollback_may_start_at_once(bot: Bench) -> None:
    deployed(bot)
    answer = bot.say("ana", "rollback web to staging --now")
    assert not answer.is_draft
    assert answer.operation is not None
    assert bot.run(answer.operation).phase is Phase.DONE


def revision(bot: Bench, thread: AlertThread) -> int:
    found = bot.core.store.read(lambda tx: tx.outbox.get(f"alert/{thread.key}"))
    assert found is not None
    return found.rev


def test_the_card_is_drawn_again_when_the_change_ends(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 25 to staging")
    bot.run(id, until=is_watching)
    thread = fires(bot)
    before = revision(bot, thread)
    assert not bot.say("lee", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE
    assert revision(bot, thread) == before + 1


def test_an_alert_that_ends_while_its_rollback_is_still_watched_says_of_it_once_that_is_done(bot: Bench) -> None:
    deployed(bot)
    began = bot.clock.now()
    id = bot.say("lee", first_button(card(bot, fires(bot))).line).operation
    assert id is not None
    bot.run(id, until=lambda op: op.phase is Phase.RUNNING and op.cursor > 0)
    over = fires(bot, began=began, ended=bot.clock.now())
    assert "again, by lee" not in said(card(bot, over))
    before = revision(bot, over)
    assert bot.run(id).phase is Phase.DONE
    assert revision(bot, over) == before + 1
    assert "web on staging is on 1.8.1 again, by lee" in said(card(bot, over))


def test_a_rollback_that_began_after_an_alert_had_ended_is_none_of_its_own(bot: Bench) -> None:
    deployed(bot)
    thread = fires(bot)
    bot.turn(seconds=60)
    over = fires(bot, began=bot.clock.now(), ended=bot.clock.now())
    assert over.key == thread.key
    before = revision(bot, over)
    bot.turn(seconds=60)
    id = bot.say("lee", "rollback web to staging --now").operation
    assert id is not None
    assert bot.run(id).phase is Phase.DONE
    assert revision(bot, over) == before
    assert "again, by lee" not in said(card(bot, over))
