"""Where people talk to the bot other than by a typed command: forms, threads, shortcuts, Home, the direct message."""

from __future__ import annotations

import contextlib
import json

import pytest

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.playground.errors import PersonError
from bot.playground.person import PersonAt, labels
from tests.scenarios.office import Json, Office


def dialog(office: Office, who: PersonAt, words: str) -> Json:
    def look() -> Json | None:
        view = who.modal()
        return view if view is not None and words in json.dumps(view, ensure_ascii=False) else None

    return office.see(look)


def fields(view: Json) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def test_a_form_from_open_to_done_with_the_plan_in_the_same_dialog(office: Office) -> None:
    office.ana.slash("/deploy", channel="staging")
    view = dialog(office, office.ana, "input")
    assert fields(view) == ["app", "env", "deadline", "reason"]
    with pytest.raises(PersonError) as missing:
        office.ana.submit(view, {"env": "staging"})
    assert missing.value.code == "validation"
    with pytest.raises(PersonError) as wrong:
        office.ana.submit(view, {"app": "Web Shop!", "env": "staging", "deadline": "soon"})
    assert wrong.value.fields is not None
    assert set(wrong.value.fields) & {"app", "deadline"}
    assert office.records() == ()
    office.ana.submit(view, {"app": "web@1.8.2", "env": "staging", "deadline": "2m", "reason": "because <!here>"})
    plan = dialog(office, office.ana, "Nothing has changed yet")
    assert plan["id"] == view["id"]
    assert labels(plan)[0] == "Deploy"
    id = office.newest().id
    office.ana.click(plan, "Deploy")
    assert office.ends(id).phase is Phase.DONE
    office.card(id, channel="staging", says="Done")


def test_what_the_cluster_refuses_stands_above_the_form_that_keeps_what_was_typed(office: Office) -> None:
    office.ana.slash("/deploy", channel="staging")
    view = dialog(office, office.ana, "input")
    office.ana.submit(view, {"app": "web@7.7.7", "env": "staging", "reason": "try"})
    again = dialog(office, office.ana, "There is no 7.7.7")
    assert again["id"] == view["id"]
    assert "web@7.7.7" in json.dumps(again)
    assert office.records()[-1].record.outcome == "unknown-name"
    assert not office.world.effects


@pytest.mark.parametrize("verb", ["canary", "rollback", "scale", "logs", "lock"])
def test_a_verb_alone_opens_its_form(office: Office, verb: str) -> None:
    office.type(office.ana, verb)
    view = dialog(office, office.ana, "input")
    assert {"app", "env"} <= set(fields(view))
    assert office.records() == ()


def test_a_mention_in_a_thread_is_answered_in_the_thread(office: Office) -> None:
    id = office.start(office.ana, "deploy web@1.8.2 to staging", channel="staging")
    card = office.card(id, channel="staging")
    office.bo.mention("staging", "status web in staging", card["ts"])
    answer = office.see(lambda: [e for e in office.slack.ephemerals(office.bo.id) if "Status" in e["text"]])[0]
    assert answer["thread_ts"] == card["ts"]
    office.lee.mention("staging", "deploy", card["ts"])
    shown = office.ephemeral(office.lee.id, "form")
    office.lee.click(shown, "Open the form")
    assert "env" in fields(dialog(office, office.lee, "input"))


def test_a_plan_asked_for_in_a_thread_gets_its_card_there(office: Office) -> None:
    root = office.ana.say("web is slow, what about 1.8.2?", channel="prod")
    office.ana.mention("prod", "deploy web@1.8.2 to prod", root)
    plan = office.ephemeral(office.ana.id, "Plan")
    assert plan["thread_ts"] == root
    id = office.newest().id
    office.ana.click(plan, "Ask for approval")
    card = office.card(id, says="Approval needed")
    assert card["thread_ts"] == root


def test_a_message_shortcut_opens_the_form_of_logs(office: Office) -> None:
    office.ana.say("upstream timed out after 3000 ms", channel="team-web")
    message = office.slack.messages("team-web")[-1]
    office.ana.message_shortcut("ph.logs", message)
    view = dialog(office, office.ana, "input")
    office.ana.submit(view, {"app": "web", "env": "prod"})
    dialog(office, office.ana, "What looks like a secret is masked")


def test_a_global_shortcut_opens_the_form_of_deploy(office: Office) -> None:
    office.ana.shortcut("ph.deploy")
    assert "app" in fields(dialog(office, office.ana, "input"))


def test_the_form_suggests_the_apps_that_there_are(office: Office) -> None:
    office.type(office.ana, "scale")
    view = dialog(office, office.ana, "input")
    assert [option["text"]["text"] for option in office.ana.suggestions(view, "app", "c")] == ["cart", "checkout"]


def test_a_verb_alone_opens_its_form_also_where_the_channel_says_what_is_meant(office: Office) -> None:
    office.ends(_started(office, "here app=web env=staging"))
    office.type(office.ana, "lock")
    view = dialog(office, office.ana, "input")
    assert "reason" in fields(view)
    assert "web" in json.dumps(view)


def test_here_alone_asks_and_forgets_nothing(office: Office) -> None:
    first = _started(office, "here app=web env=staging")
    office.ends(first)
    office.type(office.ana, "here")
    assert fields(dialog(office, office.ana, "input")) == ["app", "env", "clear"]
    assert office.newest().id == first
    assert "2 of 2 pods" in office.answer(office.ana, "status web")["text"]


def home_of(office: Office, who: PersonAt, words: str) -> Json:
    def look() -> Json | None:
        view = who.home()
        return view if view is not None and words in json.dumps(view, ensure_ascii=False) else None

    return office.see(look)


def test_home_says_what_waits_for_me_and_review_from_there_approves(office: Office) -> None:
    office.bo.open_home()
    home_of(office, office.bo, "Nothing waits for you.")
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    office.card(id, says="Approval needed")
    office.bo.open_home()
    home = home_of(office, office.bo, "Waiting for you (1)")
    office.bo.click(home, "Review")
    office.bo.submit(office.see(lambda: office.submittable(office.bo)))
    office.card(id, says="approved by bo")
    office.ana.open_home()
    assert id in json.dumps(home_of(office, office.ana, "Running (1)"))


def test_home_that_stands_open_follows_what_happens_and_is_no_attempt_of_anybody(office: Office) -> None:
    office.bo.open_home()
    home_of(office, office.bo, "Nothing waits for you.")
    id = office.start(office.ana, "deploy web@1.8.2 to prod")
    home_of(office, office.bo, "Waiting for you (1)")
    office.approve(office.bo, id)
    home_of(office, office.bo, "Waiting for you (0)")
    office.ends(id)
    assert "prod 1.8.2, healthy, 6 of 6" in json.dumps(home_of(office, office.bo, "prod 1.8.2"))
    reads = [each.record for each in office.records() if each.record.kind == "read" and each.record.actor == "bo"]
    assert len([record for record in reads if '"command":"home"' in record.body.replace(" ", "")]) <= 1


def test_my_apps_on_home_stand_in_one_line_each_with_a_menu(office: Office) -> None:
    office.ana.open_home()
    home = home_of(office, office.ana, "My apps")
    (web,) = [b for b in home["blocks"] if b.get("text", {}).get("text", "").startswith("*web*")]
    assert web["text"]["text"] == "*web*\nstaging 1.8.1, healthy, 2 of 2 · prod 1.8.1, healthy, 6 of 6"
    labels = [option["text"]["text"] for option in web["accessory"]["options"]]
    assert labels == ["Status", "Deploy", "Logs", "History"]
    assert home["blocks"][-1]["elements"][0]["text"].startswith("Updated <!date^")


def test_my_lock_on_home_can_be_taken_away_there(office: Office) -> None:
    id = _started(office, "lock web to staging load test")
    office.ends(id)
    office.ana.open_home()
    home = home_of(office, office.ana, "Locks (1)")
    office.ana.click(home, "Unlock")
    home_of(office, office.ana, "Nothing is locked.")


def _started(office: Office, line: str) -> OperationId:
    office.type(office.ana, line)
    return office.see(lambda: next((op.id for op in office.operations()), None))


def test_home_of_a_guest_offers_nothing_that_changes(office: Office) -> None:
    office.gus.open_home()
    home = home_of(office, office.gus, "Nothing waits for you.")
    assert "No app is yours to deploy." in json.dumps(home)


def test_the_direct_message_takes_the_same_words(office: Office) -> None:
    office.ana.say("status web in prod", channel="bot")
    office.wait_for(lambda: any("Status: web" in m["text"] for m in office.ana.direct_messages()))
    office.ana.say("deploy wbe to prod", channel="bot")
    office.wait_for(lambda: any("There is no app wbe" in m["text"] for m in office.ana.direct_messages()))


def test_a_channels_defaults_fill_in_what_was_not_typed(office: Office) -> None:
    office.type(office.ana, "here app=web env=staging", channel="staging")
    office.wait_for(lambda: office.operations() and office.newest().phase is Phase.DONE)
    office.type(office.ana, "history", channel="staging")
    dialog(office, office.ana, "web on staging")


def test_full_plan_opens_as_a_dialog_and_cancel_ends_the_draft(office: Office) -> None:
    plan = office.plan(office.ana, "deploy web@1.8.2 to prod")
    office.ana.click(plan, "Full plan")
    shown = dialog(office, office.ana, "Deployment web")
    assert not shown.get("submit")
    office.ana.close(shown)
    office.ana.click(plan, "Cancel")
    office.wait_for(lambda: office.newest().phase is Phase.WITHDRAWN)
    assert office.slack.messages("prod") == []


def test_a_denial_is_handed_over_in_one_click_and_run_by_another_in_one_more(office: Office) -> None:
    denied = office.answer(office.ana, "restart payments to prod")
    office.ana.click(denied, "Ask bo to run it")
    office.see(lambda: next((op for op in office.operations() if op.kind == "handover"), None))
    id = next(op.id for op in office.operations() if op.kind == "handover")
    office.ends(id)
    card = office.card(id, says="Done")
    office.see(lambda: any("asks you to run" in said for said in office.thread(card)))
    known = {each["ts"] for each in office.slack.ephemerals(office.bo.id)}
    office.bo.click(card, "Run it")
    plan = office.next_to(office.bo, known)
    assert "restart payments on prod" in plan["text"]
    office.bo.click(plan, "Restart")
    started = office.newest()
    assert (started.kind, str(started.requester)) == ("restart", "bo")
    office.ends(started.id)


def test_around_a_line_goes_earlier_and_later_in_the_same_dialog(office: Office) -> None:
    found = office.answer(office.ana, "logs web in staging")
    office.ana.click(found, "Around newest line")
    view = dialog(office, office.ana, "▶")
    office.ana.click(view, "Earlier")

    def other() -> Json | None:
        now = office.ana.modal()
        return now if now is not None and now["hash"] != view["hash"] else None

    moved = office.see(other)
    assert moved["id"] == view["id"]
    assert labels(moved) == ["Earlier", "Later"]


def test_followed_logs_come_by_direct_message_and_are_edited_there(office: Office) -> None:
    found = office.answer(office.ana, "logs web in prod")
    office.ana.click(found, "Follow")

    def told(words: str) -> Json | None:
        return next((m for m in office.ana.direct_messages() if words in m["text"]), None)

    first = office.see(lambda: told("Following: logs of web on prod"))
    edited = office.see(lambda: now if (now := told("Following")) and now["text"] != first["text"] else None)
    office.ana.click(edited, "Stop")
    assert office.see(lambda: told("Followed"))["ts"] == first["ts"] == edited["ts"]
    assert office.slack.messages("prod") == []


def test_a_handed_over_button_serves_nobody_who_may_not_run_it_and_runs_once(office: Office) -> None:
    office.type(office.ana, "handover bo lock payments to prod load <!channel> test")
    office.see(lambda: next((op for op in office.operations() if op.kind == "handover"), None))
    id = office.newest().id
    office.ends(id)
    card = office.card(id, says="Done")
    assert "<!channel>" not in json.dumps(card["blocks"])
    for who in (office.gus, office.lee, office.ana):
        known = {each["ts"] for each in office.slack.ephemerals(who.id)}
        with contextlib.suppress(PersonError):
            who.click(card, "Run it")
            assert "may not" in office.next_to(who, known)["text"]
    assert [op.kind for op in office.operations()] == ["handover"]
    office.bo.click(card, "Run it")
    office.bo.click(card, "Run it")
    lock = office.see(lambda: next((op for op in office.operations() if op.kind == "lock"), None))
    assert str(lock.requester) == "bo"
    office.ends(lock.id)
    office.see(lambda: "lock" in office.audit() and str(lock.id) in office.audit())
    locks = [record for record in office.records() if record.record.op == lock.id and record.record.kind == "intent"]
    assert len(locks) == 1
