"""Slack limits, fails, forgets and is tampered with: the work goes on, everything is said in the end and nothing twice."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from bot.domain.operation import Phase
from bot.playground.errors import PersonError
from bot.playground.person import labels
from bot.playground.seed import Conduct
from bot.settings import Mode
from bot.slack.listeners import UNRECORDED
from tests.scenarios.office import Json, Office, opened

DEPLOY = "deploy web@1.8.2 to staging"


def test_a_limit_is_honoured_and_the_card_still_gets_to_its_end(office: Office) -> None:
    office.arm(
        rate_limited={"chat.update": {"times": 2, "retry_after": 1}, "chat.postMessage": {"times": 1, "retry_after": 1}}
    )
    id = office.start(office.ana, DEPLOY, channel="staging")
    assert office.ends(id).phase is Phase.DONE
    office.card(id, channel="staging", says="Done")
    assert len(office.cards(id, "staging")) == 1
    limited = [call for call in office.slack.calls() if call.status != "ok" and call.direction == "from_app"]
    assert len(limited) == 3


def test_an_outage_of_posting_is_caught_up_with_in_order_and_nothing_is_said_twice(office: Office) -> None:
    plan = office.plan(office.ana, DEPLOY, channel="staging")
    id = office.newest().id
    office.arm(server_error={"chat.postMessage": 1_000, "chat.update": 1_000})
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE
    assert office.slack.messages("staging") == []
    office.slack.arm(clear=True)
    card = office.card(id, channel="staging", says="Done")
    office.wait_for(lambda: any("done:" in words for words in office.thread(card)), 30)
    assert len(office.cards(id, "staging")) == 1
    thread = office.thread(card)
    assert len(thread) == len(set(thread))
    assert "done:" in thread[-1]
    office.wait_for(lambda: "*Outcome: done*" in office.audit(), 30)
    told = [int(word) for word in office.audit().replace(" ·", "").split("record ")[1:] for word in word.split()[:1]]
    assert told == sorted(set(told))


def test_a_lost_reply_to_a_post_leaves_one_card(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to prod")
    id = office.newest().id
    office.wait_for(lambda: "*Request*" in office.audit())
    office.arm(reset_after={"chat.postMessage": 1})
    office.ana.click(plan, "Ask for approval")
    office.approve(office.bo, id)
    office.wait_for(lambda: office.slack.calls("conversations.history"), 40)
    office.card(id, says="approved by bo")
    assert len(office.cards(id)) == 1


def test_a_deleted_card_is_posted_again_with_working_buttons(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    card = office.card(id, says="Approval needed")
    # Nobody deletes a card before the bot has heard where it stands.
    office.wait_for(lambda: office.live.bot.store.read(lambda tx: tx.outbox.by_ts(card["channel"], card["ts"])))
    office.slack.run(lambda: office.slack.world.delete_message("prod", card["ts"]))
    office.wait_for(lambda: [m for m in office.cards(id) if m["ts"] != card["ts"]])
    office.approve(office.bo, id)
    office.card(id, says="approved by bo")
    assert len(office.cards(id)) == 1


def test_a_card_deleted_while_slack_did_not_say_so_comes_back_at_its_next_edit(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    card = office.card(id, says="Approval needed")
    office.has_faults = True
    office.slack.arm(lost_delivery=1)
    office.slack.run(lambda: office.slack.world.delete_message("prod", card["ts"]))
    office.answer(office.bo, f"deny {id} not now")
    again = office.card(id, says="Denied")
    assert again["ts"] != card["ts"]
    assert len(office.cards(id)) == 1


@pytest.mark.parametrize("deed", ["deleted", "edited"])
def test_tampering_with_the_audit_channel_raises_the_alarm(office: Office, deed: str) -> None:
    office.plan(office.ana, DEPLOY)
    office.wait_for(lambda: "*Request*" in office.audit())
    message = office.slack.messages("paas-audit")[0]
    if deed == "deleted":
        office.slack.run(lambda: office.slack.world.delete_message("paas-audit", message["ts"]))
    else:
        body = {"channel": message["channel"], "ts": message["ts"], "text": "nothing happened"}
        office.live.line.api.call("chat.update", body)  # type: ignore[union-attr]
    alarm = office.message("alerts", "Alarm")
    assert deed in alarm["text"]
    record = next(each.record for each in office.records() if each.record.kind == "alarm")
    assert (record.action, record.outcome) == ("audit:tamper", deed)


def test_our_own_posts_to_the_audit_channel_are_never_edited_and_raise_nothing(office: Office) -> None:
    id = office.start(office.ana, DEPLOY, channel="staging")
    office.ends(id)
    office.wait_for(lambda: "*Outcome: done*" in office.audit())
    channel = office.slack.messages("paas-audit")[0]["channel"]
    assert [c for c in office.slack.calls("chat.update") if c.request.get("channel") == channel] == []
    assert all("blocks" not in m or not m["blocks"] for m in office.slack.messages("paas-audit"))
    assert not [m for m in office.slack.messages("alerts") if "Alarm" in m["text"]]


def test_a_card_whose_channel_lost_the_bot_is_shown_in_the_fallback_channel(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to prod")
    id = office.newest().id
    office.has_faults = True
    office.slack.run(lambda: office.slack.world.remove_bot("prod"))
    office.ana.click(plan, "Ask for approval")
    card = office.message("alerts", "Approval needed")
    assert "belongs to" in str(card["blocks"])
    office.bo.click(card, "Review and approve")
    office.bo.submit(office.see(lambda: office.submittable(office.bo)))
    office.message("alerts", "approved by bo")
    assert office.operation(id).phase is not Phase.WAITING


def heard(office: Office) -> Json:
    """slack_sdk may connect once more at once, and close what it has just opened: what came there is typed again."""
    for _ in range(2):
        try:
            return office.plan(office.ana, DEPLOY)
        except PersonError as unheard:
            if unheard.code not in {"operation_timeout", "dispatch_failed"}:
                raise
            office.slack.wait_for_app(60)
    return office.plan(office.ana, DEPLOY)


@pytest.mark.parametrize("mode", [Mode.SOCKET, Mode.HTTP])
@pytest.mark.parametrize("lag", [0.3, 2.0])
def test_an_acknowledgement_that_slack_works_in_late_covers_no_answer(tmp_path: Path, mode: Mode, lag: float) -> None:
    with opened(tmp_path, mode=mode) as office:
        id = office.start(office.ana, "deploy web@1.8.2 to prod")
        office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
        view = office.see(lambda: office.submittable(office.bo))
        office.arm(slow={"ack": {"times": 100, "seconds": lag}})
        office.bo.submit(view)
        office.card(id, says="approved by bo")
        office.wait_for(lambda: "One moment." not in str(office.bo.modal()))
        assert "approved" in str(office.bo.modal()).lower()
        assert not office.submittable(office.bo)


def test_an_answer_to_an_acknowledgement_that_was_lost_still_takes_the_dialogs_place(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    office.bo.click(office.card(id, says="Approval needed"), "Review and approve")
    view = office.see(lambda: office.submittable(office.bo))
    # An event on its way may take one of them.
    office.arm(lost_ack=3)
    with pytest.raises(PersonError):
        office.bo.submit(view)
    office.wait_for(lambda: not office.submittable(office.bo))
    assert "approved" in str(office.bo.modal()).lower()


def test_socket_mode_is_taken_up_again_after_a_disconnect(office: Office) -> None:
    connections = office.slack.calls("apps.connections.open")
    office.slack.disconnect()
    office.wait_for(lambda: len(office.slack.calls("apps.connections.open")) > len(connections), 60)
    office.slack.wait_for_app(60)
    plan = heard(office)
    assert labels(plan)[0] == "Deploy"


def test_while_the_database_is_locked_everybody_hears_within_slacks_limit_that_nothing_is_done(tmp_path: Path) -> None:
    """Slack itself gives up after three seconds, and would say that the app did not answer."""
    with opened(tmp_path, conduct=Conduct(rate_limits=False, trigger_seconds=15)) as office:
        database = office.live.bot.settings.data.folder / "pilothouse.db"
        person = sqlite3.connect(database, isolation_level=None)
        person.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(8) as people:
            typed = [people.submit(office.type, office.ana, f"status web in {env}") for env in ("staging", "prod") * 4]
            wait(typed)
        person.execute("ROLLBACK")
        person.close()
        assert [each.exception() for each in typed] == [None] * 8
        told = [each["text"] for each in office.slack.ephemerals(office.ana.id)]
        assert told == [UNRECORDED] * 8
        assert office.operations() == ()
        office.plan(office.ana, DEPLOY)
