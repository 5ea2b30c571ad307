"""Whole conversations over both ways to Slack: what a person does, what is stored, what the person then sees."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.reply import Button, Buttons, Code, Opens, Paragraph, Reply, Style, text
from bot.playground.person import PersonAt, labels
from bot.playground.seed import Conduct
from bot.playground.server import Json
from bot.road.answers import Answer, Show
from bot.road.request import Origin, Request
from bot.slack.front import load
from bot.slack.listeners import UNRECORDED
from tests.slack.stage import FORM, PROD, WEB, Stage, says, staged

PLAN = Reply(
    text("Plan · deploy web to prod"),
    (
        Paragraph(text("Nothing has changed yet.")),
        Buttons(
            (
                Button(text("Ask for approval"), "ask op-1 plan=7f3a9c21", Style.PRIMARY),
                Button(text("Full plan"), "plan op-1", opens=Opens.VIEW),
                Button(text("Other"), "deploy web", opens=Opens.FORM),
            ),
            more=(Button(text("History"), "history web"), Button(text("Whole plan"), "plan op-1", opens=Opens.VIEW)),
        ),
    ),
)


def dialog(stage: Stage, who: PersonAt, part: str) -> Json:
    """The dialog on top, once this stands somewhere in it."""

    def look() -> Json | None:
        shown = who.modal()
        return shown if shown is not None and part in json.dumps(shown) else None

    return stage.slack.wait_for(look)


def test_a_typed_command_is_stored_then_answered_to_its_writer_alone(stage: Stage) -> None:
    ana = stage.slack.person("ana")
    ana.slash("/deploy", 'web "new cart" to prod', channel=WEB)
    (shown,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    assert "did: deploy web" in shown["text"]
    (arrival,) = stage.product.stored
    assert (arrival.source, arrival.kind, arrival.actor, arrival.channel) == ("slack", "command", "U0ANA0001", WEB)
    (request,) = stage.product.worked
    assert request.line == 'deploy web "new cart" to prod'
    assert request.origin is Origin.TYPED
    assert load(arrival.body, inbox=1) == request
    assert stage.slack.refusals() == []


def test_what_is_stored_holds_no_token_and_no_address(stage: Stage) -> None:
    stage.slack.person("ana").slash("/paas", "status", channel=WEB)
    stage.slack.wait_for(lambda: stage.product.worked)
    stored = stage.product.stored[0].body
    assert "http" not in stored
    assert stage.slack.bot_token not in stored


def test_the_same_delivery_twice_is_worked_on_once(stage: Stage) -> None:
    stage.slack.arm(duplicate_delivery=1)
    ana = stage.slack.person("ana")
    ana.slash("/paas", "status", channel=WEB)
    stage.slack.wait_for(lambda: len(stage.slack.calls("/paas")) == 2 and ana.ephemerals(WEB))
    assert len(stage.product.worked) == 1


def test_a_click_on_a_plan_replaces_it_with_the_answer(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(PLAN if request.line.startswith("deploy") else says("It waits."))
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web to prod", channel=WEB)
    (plan,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    assert labels(plan) == ["Ask for approval", "Full plan", "Other", "History", "Whole plan"]
    ana.click(plan, "Ask for approval")
    (shown,) = stage.slack.wait_for(lambda: [m for m in ana.ephemerals(WEB) if "It waits" in m["text"]])
    assert shown["ts"] == plan["ts"]
    assert stage.product.worked[-1].line == "ask op-1 plan=7f3a9c21"
    assert stage.product.worked[-1].origin is Origin.CLICKED
    assert stage.slack.refusals() == []


def test_a_menu_option_is_a_button_too(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(PLAN if request.line.startswith("deploy") else says("Here."))
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web to prod", channel=WEB)
    (plan,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    ana.click(plan, "History")
    stage.slack.wait_for(lambda: stage.product.worked[-1].line == "history web")


def test_a_view_opens_at_once_and_is_filled_when_the_answer_is_there(stage: Stage) -> None:
    gate = threading.Event()
    stage.product.script = lambda request: Answer(PLAN if request.line.startswith("deploy") else says("All of it."))
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web to prod", channel=WEB)
    (plan,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    stage.product.gate = gate
    ana.click(plan, "Whole plan")
    waiting = stage.slack.wait_for(ana.modal)
    assert waiting["callback_id"] == "ph.wait"
    gate.set()
    stage.slack.wait_for(lambda: "All of it." in json.dumps(ana.modal()))
    assert stage.slack.refusals() == []


def test_a_verb_alone_opens_its_form_which_ends_in_the_plan(stage: Stage) -> None:
    def script(request: Request) -> Answer:
        if request.values:
            return Answer(PLAN)
        return Answer(says(""), Show.FORM, form=FORM)

    stage.product.script = script
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "", channel=PROD)
    form = dialog(stage, ana, "ph.form")
    assert [block["block_id"] for block in form["blocks"] if block["type"] == "input"] == [f.name for f in FORM.fields]
    assert [option["value"] for option in ana.suggestions(form, "app", "web")] == ["web", "web-admin"]
    ana.submit(form, {"app": "web", "env": "prod", "token": "hunter2-hunter2"})
    plan = dialog(stage, ana, "ph.reply")
    assert "Ask for approval" in labels(plan)
    request = stage.product.worked[-1]
    assert request.origin is Origin.SUBMITTED
    assert request.place.channel == PROD
    assert request.values == {"app": "web", "env": "prod", "pods": "3", "force": "no", "token": "hunter2-hunter2"}
    assert "hunter2" not in stage.product.stored[-1].body
    assert stage.slack.refusals() == []


def test_a_button_in_a_dialog_is_answered_in_that_dialog(stage: Stage) -> None:
    replies = {"ask op-1 plan=7f3a9c21": says("It waits."), "plan op-1": says("All of it.")}
    stage.product.script = lambda request: Answer(replies.get(request.line, PLAN))
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "", channel=PROD)
    plan = dialog(stage, ana, "ph.reply")
    ana.click(plan, "Full plan")
    stage.slack.wait_for(
        lambda: len(ana_modals := stage.slack.modals(ana.id)) == 2 and "All of" in json.dumps(ana_modals)
    )
    ana.close(stage.slack.modals(ana.id)[-1])
    ana.click(stage.slack.modals(ana.id)[0], "Ask for approval")
    stage.slack.wait_for(lambda: "It waits." in json.dumps(ana.modal()))
    assert stage.product.worked[-1].place.channel == PROD
    assert stage.slack.refusals() == []


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_stored(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(says(""), Show.FORM, form=FORM)
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "", channel=PROD)
    form = dialog(stage, ana, "ph.form")
    before = len(stage.product.stored)
    stage.product.errors = {"pods": text("pods is {n}; it has to be a whole number.", n="3")}
    problem = None
    try:
        ana.submit(form, {"app": "web", "env": "prod"})
    except Exception as error:
        problem = getattr(error, "fields", None)
    assert problem == {"pods": "pods is 3; it has to be a whole number."}
    assert len(stage.product.stored) == before


def test_a_refusal_of_the_road_shows_the_form_again_with_the_reason(stage: Stage) -> None:
    def script(request: Request) -> Answer:
        if request.values:
            return Answer(says("There is no app called wbe."), is_error=True, field="app")
        return Answer(says(""), Show.FORM, form=FORM)

    stage.product.script = script
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "", channel=PROD)
    form = dialog(stage, ana, "ph.form")
    ana.submit(form, {"app": "web", "env": "prod"})
    again = dialog(stage, ana, "no app called")
    assert again["callback_id"] == "ph.form"


def test_the_submit_of_a_dialog_runs_its_line(stage: Stage) -> None:
    review = Reply(
        text("Review plan"), (Paragraph(text("All of it.")),), submit=Button(text("Approve"), "approve op-1 plan=7f")
    )
    replies = {"deploy web": PLAN, "plan op-1": review, "approve op-1 plan=7f": says("1 of 2 approvals.")}
    stage.product.script = lambda request: Answer(replies[request.line])
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web", channel=PROD)
    (plan,) = stage.slack.wait_for(lambda: ana.ephemerals(PROD))
    ana.click(plan, "Full plan")
    shown = dialog(stage, ana, "ph.reply")
    assert shown["submit"]["text"] == "Approve"
    ana.submit(shown)
    stage.slack.wait_for(lambda: "1 of 2" in json.dumps(ana.modal()))
    assert stage.product.worked[-1].line == "approve op-1 plan=7f"
    assert stage.product.worked[-1].values == {}


def test_a_mention_in_a_thread_is_answered_in_that_thread(stage: Stage) -> None:
    ana = stage.slack.person("ana")
    root = ana.say("something burns", channel=WEB)
    ana.mention(WEB, "logs web 5xx", thread_ts=root)
    (shown,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    assert shown["thread_ts"] == root
    request = stage.product.worked[-1]
    assert (request.origin, request.line, request.place.thread) == (Origin.MENTIONED, "logs web 5xx", root)


def test_a_direct_message_is_answered_there(stage: Stage) -> None:
    ana = stage.slack.person("ana")
    ana.say("status web", channel="bot")
    stage.slack.wait_for(lambda: any("did: status web" in m["text"] for m in ana.direct_messages()))
    assert len(stage.product.worked) == 1


def test_a_shared_answer_is_seen_by_everybody(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(says("412 lines"), Show.SHARED)
    stage.slack.person("ana").slash("/logs", "web --share", channel=WEB)
    (shown,) = stage.slack.wait_for(lambda: stage.slack.messages(WEB))
    assert "412 lines" in shown["text"]


def test_what_is_too_long_becomes_a_file_in_the_direct_message(stage: Stage) -> None:
    long = "\n".join(f"line {n}" for n in range(5000))
    stage.product.script = lambda request: Answer(Reply(text("Logs · web"), (Code(long, "lines.txt"),)))
    ana = stage.slack.person("ana")
    ana.slash("/logs", "web", channel=WEB)
    (file,) = stage.slack.wait_for(lambda: [f for m in ana.direct_messages() for f in m.get("files", [])])
    assert stage.slack.file(file["id"]).decode() == long
    assert "lines.txt" in json.dumps(ana.ephemerals(WEB)[0]["blocks"])


def test_a_shortcut_on_a_message_runs_in_its_thread(stage: Stage) -> None:
    ana = stage.slack.person("ana")
    ts = ana.say("look", channel=WEB)
    (message,) = [m for m in stage.slack.messages(WEB) if m["ts"] == ts]
    ana.message_shortcut("ph.logs", message)
    stage.slack.wait_for(lambda: "did: logs" in json.dumps(ana.modal()))
    assert stage.product.worked[-1].place.thread == ts


def test_home_is_published_when_it_is_opened(stage: Stage) -> None:
    ana = stage.slack.person("ana")
    ana.open_home()
    home = stage.slack.wait_for(ana.home)
    assert "Nothing waits for U0ANA0001." in json.dumps(home)


def test_a_button_that_is_not_ours_says_that_it_has_expired(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(PLAN)
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web", channel=WEB)
    (plan,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    old = stage.slack.slack.workspace.ephemerals[plan["ts"]]
    for block in old.blocks:
        for element in block.get("elements", []):
            if "value" in element:
                element["value"] = "AAAAAAAAAAAAAAAA.nask op-1"
    ana.click(plan, "Ask for approval")
    stage.slack.wait_for(lambda: any("expired" in m["text"] for m in ana.ephemerals(WEB)))
    assert len(stage.product.worked) == 1


def test_nothing_is_done_when_it_cannot_be_stored(stage: Stage) -> None:
    stage.product.is_down = True
    ana = stage.slack.person("ana")
    ana.slash("/deploy", "web", channel=WEB)
    (shown,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    assert "cannot record" in shown["text"]
    assert stage.product.worked == []


@pytest.mark.parametrize("way", ["socket", "http"])
def test_while_the_database_stands_still_everybody_hears_in_time_that_nothing_is_done(way: str) -> None:
    """Slack waits three seconds, then it says that the app did not answer. Forty people wait at once."""
    with staged(way, conduct=Conduct(ack_seconds=3.0)) as stage:
        stage.product.stands_still = threading.Event()
        ana = stage.slack.person("ana")
        with ThreadPoolExecutor(40) as people:
            typed = [people.submit(ana.slash, "/deploy", f"web{n}", channel=WEB) for n in range(40)]
        assert [each.exception() for each in typed] == [None] * 40
        assert {shown["text"] for shown in ana.ephemerals(WEB)} == {UNRECORDED}
        assert len(ana.ephemerals(WEB)) == 40
        stage.product.stands_still.set()
        stage.product.stands_still = None
        ana.slash("/deploy", "web", channel=WEB)
        stage.slack.wait_for(lambda: stage.product.worked)
        assert [request.line for request in stage.product.worked] == ["deploy web"]


def test_a_deleted_message_of_ours_is_reported_and_one_of_a_person_is_not(stage: Stage) -> None:
    stage.product.script = lambda request: Answer(says("412 lines"), Show.SHARED)
    ana = stage.slack.person("ana")
    ana.slash("/logs", "web --share", channel=WEB)
    (shared,) = stage.slack.wait_for(lambda: stage.slack.messages(WEB))
    mine = ana.say("my own", channel=WEB)
    ana.delete(channel=WEB, ts=mine)
    stage.edge.line.api.call("chat.delete", {"channel": WEB, "ts": shared["ts"]})
    (what,) = stage.slack.wait_for(lambda: stage.product.disturbances)
    assert (what.channel, what.ts, what.is_deleted) == (WEB, shared["ts"], True)


def test_after_a_crash_the_person_is_told_a_reference_and_no_more(stage: Stage) -> None:
    def script(request: Request) -> Answer:
        raise RuntimeError("the password is hunter2")

    stage.product.script = script
    ana = stage.slack.person("ana")
    ana.slash("/paas", "status", channel=WEB)
    (shown,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    assert "Something went wrong on our side" in shown["text"]
    assert "hunter2" not in json.dumps(shown)
    ana.slash("/deploy", "", channel=WEB)
    assert "reference" in json.dumps(dialog(stage, ana, "went wrong"))
