"""`handover`: somebody who may is asked to run what the asker may not; nothing is done but the asking."""

from __future__ import annotations

import json

import pytest

from bot.domain.operation import Phase
from bot.domain.reply import Buttons
from bot.ports.store import Message
from tests.kit.bench import POLICY, Bench, said, words


def message(bot: Bench, key: str) -> Message | None:
    return bot.core.store.read(lambda tx: tx.outbox.get(key))


def test_a_denial_offers_to_ask_somebody_who_may_with_the_whole_line(bot: Bench) -> None:
    denied = bot.say("ana", "deploy payments@5.1.0 to prod deadline=7m")
    assert "[Ask bo to run it: handover bo deploy payments@5.1.0 to prod deadline=7m]" in words(denied)


def test_a_denial_says_whose_lead_can_grant_it(bot: Bench) -> None:
    denied = words(bot.say("gus", "restart web to staging"))
    assert "lee (lead of team-web) can grant it" in denied
    assert "It needs workloads:restart on staging." in denied


def test_who_is_asked_gets_a_mention_in_the_channel_and_the_card_has_the_button(bot: Bench) -> None:
    id = bot.start("ana", "handover bo restart payments to prod")
    assert bot.run(id).phase is Phase.DONE
    card = bot.core.draw(f"operation/{id}")
    assert card is not None
    assert card.title is not None
    assert card.title.plain() == "Done · bo is asked to run the restart of payments on prod"
    assert "[Run it: restart payments to prod]" in said(card)
    told = message(bot, f"operation/{id}/told-bo")
    assert told is not None
    assert (told.parent, told.is_broadcast, told.channel) == (f"operation/{id}", True, "C0WEB")
    assert "asks you to run" in told.body
    # Clicked in the thread, what follows would stand in the thread too.
    assert "Run it" not in told.body


def test_nothing_runs_and_nothing_is_planned_by_asking(bot: Bench) -> None:
    id = bot.start("ana", "handover bo restart payments to prod")
    bot.run(id)
    assert bot.world.effects == []
    assert [op.kind for op in bot.operations()] == ["handover"]
    kinds = [each.record.kind for each in bot.records(op=id)]
    assert kinds == ["request", "intent", "outcome"]
    asked = json.loads(bot.records(op=id)[0].record.body)
    assert "restart payments to prod" in json.dumps(asked)


def test_outside_a_channel_who_is_asked_gets_a_direct_message_with_the_button(bot: Bench) -> None:
    answer = bot.say("ana", "handover bo restart payments to prod", channel="D0ANA")
    assert answer.operation is not None
    bot.run(answer.operation)
    told = message(bot, f"operation/{answer.operation}/told-bo")
    assert told is not None
    assert (told.parent, told.channel) == ("", "U0BOB0002")
    assert "Run it" in told.body


def test_who_is_no_member_of_the_channel_gets_a_direct_message_with_the_button(bot: Bench) -> None:
    bot.people.absent.add(("U0BOB0002", "C0WEB"))
    id = bot.start("ana", "handover bo restart payments to prod")
    bot.run(id)
    told = message(bot, f"operation/{id}/told-bo")
    assert told is not None
    assert (told.parent, told.channel) == ("", "U0BOB0002")
    assert "Run it" in told.body


def test_the_button_is_authorised_for_whoever_clicks_it(bot: Bench) -> None:
    bot.run(bot.start("ana", "handover bo restart payments to prod"))
    assert bot.say("lee", "restart payments to prod").is_error
    assert bot.say("bo", "restart payments to prod").is_draft


def test_what_is_carried_out_at_once_asks_before_it_is(bot: Bench) -> None:
    id = bot.start("ana", "handover bo unlock web to prod")
    bot.run(id)
    card = bot.core.draw(f"operation/{id}")
    assert card is not None
    buttons = next(block for block in card.blocks if isinstance(block, Buttons))
    confirm = buttons.row[0].confirm
    assert confirm is not None
    assert confirm.title.plain() == "Run it as you?"
    assert confirm.text.plain() == "unlock web to prod"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("handover lee restart payments to prod", "lee may not run it either."),
        ("handover boo restart payments to prod", "The policy names nobody boo."),
        ("handover bo approve op-1", "Nobody can be asked to run approve."),
        ("handover bo logs web in prod", "Nobody can be asked to run logs."),
        ("handover bo handover ana restart web to prod", "Nobody can be asked to run handover."),
        ("handover bo restart nothing to prod", "There is no app nothing"),
        ("handover ana restart web to prod", "You need not ask yourself."),
        ("handover bo deploi web to prod", "There is no command deploi."),
    ],
)
def test_what_cannot_be_asked_is_refused(bot: Bench, line: str, says: str) -> None:
    refused = bot.say("ana", line)
    assert refused.is_error
    assert says in words(refused)
    assert bot.operations() == ()


def test_who_may_not_ask_is_offered_nothing(bot: Bench) -> None:
    assert "Ask bo" not in words(bot.say("gus", "restart payments to prod"))
    bot.policy(POLICY.read_text().replace("alerts:*, operations:*, places:*]", "alerts:*, places:*]", 1))
    assert "Ask bo" not in words(bot.say("ana", "restart payments to prod"))
    assert bot.say("ana", "handover bo restart payments to prod").is_error


def test_where_a_lock_is_in_the_way_its_holder_can_be_asked(bot: Bench) -> None:
    bot.run(bot.start("bo", "lock web to prod load test"))
    refused = words(bot.say("ana", "deploy web@1.8.2 to prod"))
    assert "[Ask bo to unlock: handover bo unlock web to prod]" in refused
    assert "[Take over: lock web to prod --take]" in refused
    bot.run(bot.start("ana", "handover bo unlock web to prod"))
    bot.run(bot.start("bo", "unlock web to prod"))
    assert bot.say("ana", "deploy web@1.8.2 to prod").is_draft


def test_whose_lock_is_taken_over_is_told_with_the_name(bot: Bench) -> None:
    bot.run(bot.start("bo", "lock web to prod load test"))
    id = bot.start("ana", "lock web to prod --take")
    bot.run(id)
    told = message(bot, f"operation/{id}/told-bo")
    assert told is not None
    assert "takes over your lock" in told.body


def test_who_was_asked_is_told_once_whatever_crashes(bot: Bench) -> None:
    id = bot.start("ana", "handover bo restart payments to prod")
    bot.run(id, until=lambda op: op.phase is not Phase.READY)
    before = message(bot, f"operation/{id}/told-bo")
    bot.restart()
    bot.run(id)
    told = message(bot, f"operation/{id}/told-bo")
    assert told is not None
    assert before is None or told.rev == before.rev


def test_what_is_handed_over_is_planned_and_shown_to_who_clicks_it_however_late(bot: Bench) -> None:
    """A week later `rollback --now` would go back from another release, unseen."""
    denied = words(bot.say("ana", "rollback payments to prod --now"))
    assert "[Ask bo to run it: handover bo rollback payments to prod]" in denied
    id = bot.start("ana", "handover bo rollback payments to prod --now")
    bot.run(id)
    card = bot.core.draw(f"operation/{id}")
    assert card is not None
    buttons = next(block for block in card.blocks if isinstance(block, Buttons))
    assert (buttons.row[0].line, buttons.row[0].confirm) == ("rollback payments to prod", None)


@pytest.mark.parametrize("reason", ["x" * 300, "\u202eesrever", "zero\u200bwidth"])
def test_a_line_that_nobody_can_read_whole_before_the_click_is_not_handed_over(bot: Bench, reason: str) -> None:
    refused = bot.say("ana", f"handover bo lock payments to prod {reason}")
    assert refused.is_error
    assert "Nobody could read all of this before running it." in words(refused)
    assert "Ask bo" not in words(bot.say("ana", f"lock payments to prod {reason}"))


def test_a_line_of_several_lines_is_shown_and_run_as_one(bot: Bench) -> None:
    id = bot.start("ana", "handover bo lock payments to prod first\nsecond --take")
    bot.run(id)
    card = said(bot.core.draw(f"operation/{id}"))
    assert "[Run it: lock payments to prod --take first second]" in card
