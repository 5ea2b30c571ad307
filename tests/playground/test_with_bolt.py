"""Whole conversations with an unmodified Bolt app, the same over Socket Mode and over signed HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.playground.errors import PersonError
from bot.playground.person import labels
from bot.playground.server import PlaygroundServer
from tests.playground.conftest import RunApp, new_app

Json = dict[str, Any]
WEB, PROD = "C0WEB0001", "C0PROD001"
ANA = "U0ANA0001"
PLAIN = {"type": "plain_text", "text": "x"}


def button(label: str, action_id: str, value: str = "v") -> Json:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": action_id, "value": value}


def card(text: str, *buttons: Json) -> list[Json]:
    head: Json = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return [head, {"type": "actions", "elements": list(buttons)}] if buttons else [head]


FORM: Json = {
    "type": "modal",
    "callback_id": "form",
    "private_metadata": "secret",
    "title": PLAIN,
    "submit": PLAIN,
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "app",
            "label": PLAIN,
            "element": {"type": "external_select", "action_id": "app", "min_query_length": 0},
        },
        {
            "type": "input",
            "block_id": "reason",
            "label": PLAIN,
            "element": {"type": "plain_text_input", "action_id": "reason", "min_length": 3},
        },
    ],
}


@pytest.fixture(params=["socket", "http"])
def run_app(request: pytest.FixtureRequest) -> RunApp:
    run: RunApp = request.getfixturevalue(f"run_{request.param}")
    return run


@pytest.fixture
def run(slack: PlaygroundServer, run_app: RunApp) -> Callable[[Callable[[App], None]], PlaygroundServer]:
    """Connects an app made by the given function."""

    def start(define: Callable[[App], None]) -> PlaygroundServer:
        app = new_app(slack)
        define(app)
        run_app(slack, app)
        return slack

    return start


Run = Callable[[Callable[[App], None]], PlaygroundServer]


def test_a_command_is_acked_and_answered_over_its_response_url(run: Run) -> None:
    seen: list[Json] = []

    def define(app: App) -> None:
        @app.command("/paas")
        def paas(ack: Ack, body: Json, respond: Respond) -> None:
            ack()
            seen.append(body)
            respond(text="Plan", blocks=card("*Plan*", button("Deploy", "go")))

    slack = run(define)
    ana = slack.person("ana")
    ana.slash("/paas", 'deploy "web" for @bo in #prod', channel=WEB)
    (shown,) = slack.wait_for(lambda: ana.ephemerals(WEB))
    assert labels(shown) == ["Deploy"]
    assert shown["is_ephemeral"]
    assert seen[0]["text"] == "deploy “web” for <@U0BOB0002|bo> in <#C0PROD001|prod>"
    assert (seen[0]["user_id"], seen[0]["channel_name"], seen[0]["team_domain"]) == (ANA, "team-web", "acme")
    assert slack.ephemerals("U0BOB0002") == []
    assert slack.messages(WEB) == []


def test_a_command_acked_with_content_says_it(run: Run) -> None:
    def define(app: App) -> None:
        @app.command("/paas")
        def paas(ack: Ack) -> None:
            ack("Working on it")

        @app.command("/deploy")
        def deploy(ack: Ack) -> None:
            ack(text="For all", response_type="in_channel")

    slack = run(define)
    ana = slack.person(ANA)
    ana.slash("/paas", channel=WEB)
    assert [m["text"] for m in ana.ephemerals()] == ["Working on it"]
    ana.slash("/deploy", channel=WEB)
    assert [m["text"] for m in slack.messages(WEB)] == ["For all"]


def test_a_command_that_nothing_answers_shows_an_error(run: Run) -> None:
    slack = run(lambda app: None)
    with pytest.raises(PersonError) as caught:
        slack.person(ANA).slash("/paas", channel=WEB)
    # Over HTTP Bolt answers 404, over Socket Mode nothing at all.
    assert caught.value.code in {"operation_timeout", "dispatch_failed"}
    assert caught.value.sentence.startswith("/paas failed with the error")


def test_a_click_edits_the_message_and_opens_a_form(run: Run) -> None:
    seen: list[Json] = []

    def define(app: App) -> None:
        @app.action("review")
        def review(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            seen.append(body)
            opened = client.views_open(trigger_id=body["trigger_id"], view=FORM)
            client.views_update(
                view_id=opened["view"]["id"], hash=opened["view"]["hash"], view={**FORM, "private_metadata": "filled"}
            )
            client.chat_update(
                channel=body["channel"]["id"],
                ts=body["message"]["ts"],
                text="Open",
                blocks=card("Open", button("Deny", "deny")),
            )

    slack = run(define)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.chat_postMessage(
        channel=PROD, text="Approval needed", blocks=card("Approval", button("Review", "review", "op-1"))
    )
    ana = slack.person(ANA)
    ana.click(slack.messages(PROD)[0], "Review")
    slack.wait_for(lambda: labels(slack.messages(PROD)[0]) == ["Deny"])
    view = ana.modal()
    assert view is not None
    assert view["private_metadata"] == "filled"
    body = seen[0]
    assert body["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "review",
        "block_id": body["message"]["blocks"][1]["block_id"],
        "text": {"type": "plain_text", "text": "Review"},
        "value": "op-1",
        "action_ts": "",
    }
    assert body["container"] == {
        "type": "message",
        "message_ts": body["message"]["ts"],
        "channel_id": PROD,
        "is_ephemeral": False,
    }
    assert body["user"]["team_id"] == body["team"]["id"] == "T0PAAS001"
    assert slack.refusals() == []


def test_a_click_on_an_ephemeral_message_replaces_it_over_a_fresh_response_url(run: Run) -> None:
    def define(app: App) -> None:
        @app.command("/paas")
        def paas(ack: Ack, respond: Respond) -> None:
            ack()
            respond(text="page 1", blocks=card("page 1", button("Earlier", "earlier")))

        @app.action("earlier")
        def earlier(ack: Ack, body: Json, respond: Respond) -> None:
            ack()
            assert "message" not in body
            respond(text="page 2", replace_original=True)

    slack = run(define)
    ana = slack.person(ANA)
    ana.slash("/paas", channel=WEB)
    first = slack.wait_for(ana.ephemerals)[0]
    ana.click(first, "Earlier")
    slack.wait_for(lambda: ana.ephemerals()[0]["text"] == "page 2")
    assert [m["ts"] for m in ana.ephemerals()] == [first["ts"]]


def test_a_form_is_checked_by_the_client_then_by_the_app_then_closed(run: Run) -> None:
    sent: list[Json] = []

    def define(app: App) -> None:
        @app.shortcut("deploy")
        def deploy(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            assert "channel" not in body
            client.views_open(trigger_id=body["trigger_id"], view=FORM)

        @app.options("app")
        def apps(ack: Ack, body: Json) -> None:
            names = [name for name in ("web", "web-admin", "cart") if name.startswith(body["value"])]
            ack(options=[{"text": {"type": "plain_text", "text": name}, "value": name} for name in names])

        @app.view("form")
        def form(ack: Ack, body: Json) -> None:
            sent.append(body["view"]["state"]["values"])
            if body["view"]["state"]["values"]["reason"]["reason"]["value"] == "because":
                ack(response_action="errors", errors={"reason": "Say more"})
            else:
                ack()

    slack = run(define)
    ana = slack.person(ANA)
    ana.shortcut("deploy")
    view = slack.wait_for(ana.modal)
    with pytest.raises(PersonError) as caught:
        ana.submit(view, {"app": "web"})
    assert caught.value.fields == {"reason": "Please complete this required field."}
    assert sent == []
    with pytest.raises(PersonError) as caught:
        ana.submit(view, {"app": "web", "reason": "because"})
    assert caught.value.fields == {"reason": "Say more"}
    assert ana.modal() is not None
    ana.submit(view, {"app": "web", "reason": "empty cart"})
    assert ana.modal() is None
    assert sent[-1]["app"]["app"] == {
        "type": "external_select",
        "selected_option": {"text": {"type": "plain_text", "text": "web"}, "value": "web"},
    }
    assert [o["value"] for o in ana_suggestions(slack, "web")] == ["web", "web-admin"]


def ana_suggestions(slack: PlaygroundServer, typed: str) -> list[Json]:
    ana = slack.person(ANA)
    ana.shortcut("deploy")
    view = slack.wait_for(ana.modal)
    return ana.suggestions(view, "app", typed)


def test_a_form_may_answer_with_a_view_on_top_another_in_place_and_clear_all(run: Run) -> None:
    closed: list[str] = []

    def define(app: App) -> None:
        @app.shortcut("deploy")
        def deploy(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view={**plain_form("one"), "notify_on_close": True})

        @app.view("one")
        def one(ack: Ack) -> None:
            ack(response_action="push", view=plain_form("two"))

        @app.view("two")
        def two(ack: Ack) -> None:
            ack(response_action="update", view=plain_form("three"))

        @app.view("three")
        def three(ack: Ack) -> None:
            ack(response_action="clear")

        @app.view_closed("one")
        def one_closed(ack: Ack, body: Json) -> None:
            ack()
            closed.append(body["view"]["callback_id"])

    slack = run(define)
    ana = slack.person(ANA)
    for _ in range(2):
        ana.shortcut("deploy")
        for name in ("one", "two", "three"):
            view = slack.wait_for(ana.modal)
            assert view["callback_id"] == name
            ana.submit(view)
        assert slack.modals(ANA) == []
    ana.shortcut("deploy")
    ana.close(slack.wait_for(ana.modal))
    assert closed == ["one"]


def plain_form(name: str) -> Json:
    return {"type": "modal", "callback_id": name, "title": PLAIN, "submit": PLAIN, "blocks": card(name)}


def test_home_is_published_when_it_is_opened(run: Run) -> None:
    events: list[Json] = []

    def define(app: App) -> None:
        @app.event("app_home_opened")
        def opened(event: Json, client: WebClient) -> None:
            events.append(event)
            known = event.get("view", {}).get("hash")
            client.views_publish(
                user_id=event["user"], hash=known, view={"type": "home", "blocks": card("Nothing waits for you.")}
            )

    slack = run(define)
    ana = slack.person(ANA)
    assert ana.home() is None
    ana.open_home()
    first = slack.wait_for(ana.home)
    ana.open_home()
    slack.wait_for(lambda: ana.home() and ana.home() != first)
    assert "view" not in events[0]
    assert events[1]["view"]["hash"] == first["hash"]
    assert slack.refusals() == []


def test_a_mention_in_a_thread_and_a_direct_message_reach_the_app_as_events(run: Run) -> None:
    events: list[Json] = []

    def define(app: App) -> None:
        @app.event("app_mention")
        def mentioned(event: Json, client: WebClient) -> None:
            events.append(event)
            client.chat_postMessage(
                channel=event["channel"], thread_ts=event["thread_ts"], text="412 lines", reply_broadcast=True
            )

        @app.event("message")
        def message(event: Json) -> None:
            events.append(event)

    slack = run(define)
    ana = slack.person(ANA)
    root = ana.say("is it slow?", channel=WEB)
    ana.mention(WEB, "logs web 5xx & more", thread_ts=root)
    slack.wait_for(lambda: len(slack.messages(WEB, thread=root)) == 3)
    parent, _, answer = slack.messages(WEB, thread=root)
    assert (parent["reply_count"], answer["subtype"]) == (2, "thread_broadcast")
    mention = slack.wait_for(lambda: next((e for e in events if e["type"] == "app_mention"), None))
    assert mention["text"] == "<@U0BOT00001> logs web 5xx &amp; more"
    assert mention["thread_ts"] == root
    ana.say("help", channel="bot")
    direct = slack.wait_for(lambda: next((e for e in events if e.get("channel_type") == "im"), None))
    assert (direct["text"], direct["channel"]) == ("help", ana.direct_channel())


def test_a_message_shortcut_brings_the_message(run: Run) -> None:
    seen: list[Json] = []

    def define(app: App) -> None:
        @app.shortcut({"type": "message_action", "callback_id": "why"})
        def why(ack: Ack, body: Json, respond: Respond) -> None:
            ack()
            seen.append(body)
            respond("Because of memory")

    slack = run(define)
    ana = slack.person(ANA)
    ana.say("web is down", channel=WEB)
    ana.message_shortcut("why", slack.messages(WEB)[0])
    assert slack.wait_for(ana.ephemerals)[0]["text"] == "Because of memory"
    assert seen[0]["message"]["text"] == "web is down"


def test_an_overflow_choice_brings_its_option(run: Run) -> None:
    chosen: list[Json] = []

    def define(app: App) -> None:
        @app.action("more")
        def more(ack: Ack, action: Json) -> None:
            ack()
            chosen.append(action)

    slack = run(define)
    options = [{"text": {"type": "plain_text", "text": name}, "value": f"{name}~1"} for name in ("Logs", "Runbook")]
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.chat_postMessage(
        channel=WEB, text="card", blocks=card("card", {"type": "overflow", "action_id": "more", "options": options})
    )
    slack.person(ANA).click(slack.messages(WEB)[0], "Runbook")
    assert chosen[0]["selected_option"] == options[1]


def test_the_sdk_uploads_a_file_and_shows_it_in_a_thread(slack: PlaygroundServer, client: WebClient) -> None:
    root = str(client.chat_postMessage(channel=WEB, text="card")["ts"])
    answer = client.files_upload_v2(
        filename="plan.txt",
        content="the whole plan",
        title="Plan",
        channel=WEB,
        thread_ts=root,
        initial_comment="Full plan",
    )
    shown = slack.messages(WEB, thread=root)[1]
    assert (shown["text"], shown["files"][0]["id"]) == ("Full plan", answer["file"]["id"])
    assert slack.file(answer["file"]["id"]) == b"the whole plan"
    assert client.files_info(file=answer["file"]["id"])["file"]["mimetype"] == "text/plain"


def test_slack_verifies_a_request_url(slack: PlaygroundServer, run_http: RunApp) -> None:
    run_http(slack, new_app(slack))
    assert slack.verify_request_url()


def test_a_wrong_signing_secret_is_noticed(slack: PlaygroundServer, run_http: RunApp) -> None:
    app = App(client=WebClient(slack.bot_token, base_url=slack.api_url), signing_secret="wrong")

    @app.command("/paas")
    def paas(ack: Ack) -> None:
        ack()

    run_http(slack, app)
    with pytest.raises(PersonError) as caught:
        slack.person(ANA).slash("/paas", channel=WEB)
    assert caught.value.code == "dispatch_failed"


def test_several_connections_share_the_payloads(slack: PlaygroundServer, run_socket: RunApp) -> None:
    seen: list[str] = []

    def replica(name: str) -> App:
        app = new_app(slack)

        @app.command("/paas")
        def paas(ack: Ack) -> None:
            ack()
            seen.append(name)

        return app

    run_socket(slack, replica("one"))
    run_socket(slack, replica("two"))
    for _ in range(4):
        slack.person(ANA).slash("/paas", channel=WEB)
    assert sorted(seen) == ["one", "one", "two", "two"]


def test_changes_around_the_app_are_told_as_events(run: Run) -> None:
    events: list[Json] = []

    def define(app: App) -> None:
        for name in ("message", "member_joined_channel", "channel_archive"):

            @app.event({"type": name, "subtype": None} if name == "message" else name)
            def other(event: Json, body: Json) -> None:
                events.append({**event, "is_ext": body["is_ext_shared_channel"]})

        @app.event({"type": "message", "subtype": ("message_changed", "message_deleted")})
        def changed(event: Json) -> None:
            events.append(event)

    slack = run(define)
    ana = slack.person(ANA)

    def told(kind: str) -> Json:
        return slack.wait_for(lambda: next((e for e in events if kind in {e["type"], e.get("subtype")}), None))

    slack.run(lambda: slack.world.set_external("team-web"))
    ts = ana.say("one", channel=WEB)
    assert told("message")["is_ext"]
    ana.edit("two", channel=WEB, ts=ts)
    assert (told("message_changed")["message"]["text"], told("message_changed")["previous_message"]["text"]) == (
        "two",
        "one",
    )
    ana.delete(channel=WEB, ts=ts)
    assert told("message_deleted")["deleted_ts"] == ts
    slack.run(lambda: slack.world.remove_bot("prod"))
    slack.run(lambda: slack.world.invite_bot("prod"))
    assert told("member_joined_channel")["user"] == "U0BOT00001"
    slack.run(lambda: slack.world.archive("prod"))
    assert told("channel_archive")["channel"] == PROD
