"""Slack's answers and refusals, through slack_sdk's own client."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer
from tests.playground.conftest import StartSlack, manifest

Json = dict[str, Any]
WEB, AUDIT = "C0WEB0001", "C0AUDIT01"
ANA, BO, GUS = "U0ANA0001", "U0BOB0002", "U0GUS0004"
PLAIN = {"type": "plain_text", "text": "x"}
DIVIDER = {"type": "divider"}
MODAL: Json = {"type": "modal", "title": PLAIN, "blocks": [DIVIDER]}
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def post(client: WebClient, **given: Any) -> str:
    return str(client.chat_postMessage(**{"channel": WEB, "text": "card", **given})["ts"])


def test_the_token_says_who_and_what_it_may(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0BOT00001", "B0BOT00001", "T0PAAS001")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


def test_tokens_are_told_apart(slack: PlaygroundServer) -> None:
    assert refused(WebClient("xoxb-wrong", base_url=slack.api_url).auth_test) == "invalid_auth"
    assert refused(WebClient(slack.app_token, base_url=slack.api_url).auth_test) == "not_allowed_token_type"
    bot = WebClient(slack.bot_token, base_url=slack.api_url)
    assert refused(lambda: bot.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"
    assert refused(lambda: bot.api_call("chat.whisper")) == "unknown_method"


def test_a_missing_scope_is_named(start_slack: StartSlack) -> None:
    poor = manifest()
    poor["oauth_config"]["scopes"]["bot"] = ["commands", "channels:read"]
    slack = start_slack(manifest=poor)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=WEB, text="x")
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "chat:write")
    assert refused(lambda: client.conversations_history(channel=WEB)) == "missing_scope"


def test_where_a_message_may_go(slack: PlaygroundServer, client: WebClient) -> None:
    assert refused(lambda: client.chat_postMessage(channel="C0NOWHERE", text="x")) == "channel_not_found"
    slack.run(lambda: slack.world.remove_bot("staging"))
    assert refused(lambda: client.chat_postMessage(channel="C0STAGE01", text="x")) == "not_in_channel"
    slack.run(lambda: slack.world.archive("alerts"))
    assert refused(lambda: client.chat_postMessage(channel="C0ALERT01", text="x")) == "is_archived"
    assert refused(lambda: client.api_call("chat.postMessage", json={"channel": WEB})) == "no_text"
    answer = client.chat_postMessage(channel=ANA, text="for you")
    assert answer["channel"].startswith("D")
    assert [m["text"] for m in slack.person(ANA).direct_messages()] == ["for you"]


def test_wrong_blocks_are_refused_with_pointers(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=WEB, text="x", blocks=[DIVIDER, {"type": "section"}])
    data = caught.value.response
    assert data["error"] == "invalid_blocks"
    assert data["errors"] == ["missing required field: text or fields [json-pointer:/blocks/1]"]
    assert data["response_metadata"]["messages"] == [
        "[ERROR] missing required field: text or fields [json-pointer:/blocks/1]"
    ]
    assert refused(lambda: client.chat_postMessage(channel=WEB, text="x", blocks="nonsense")) == "invalid_blocks_format"
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    assert refused(lambda: client.chat_postMessage(channel=WEB, text="x", blocks=long)) == "msg_blocks_too_long"


def test_metadata_is_shown_only_where_asked_for(client: WebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {"op": "op-1"}}
    post(client, metadata=metadata)
    assert "metadata" not in client.conversations_history(channel=WEB)["messages"][0]
    assert client.conversations_history(channel=WEB, include_all_metadata=True)["messages"][0]["metadata"] == metadata
    assert refused(lambda: post(client, metadata={"event_type": "card"})) == "invalid_metadata_format"
    big = {"event_type": "card", "event_payload": {"op": "x" * 20_000}}
    assert refused(lambda: post(client, metadata=big)) == "metadata_too_large"


def test_an_update_keeps_metadata_and_marks_only_text_as_edited(slack: PlaygroundServer, client: WebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {}}
    ts = post(client, blocks=[DIVIDER], metadata=metadata)
    client.chat_update(channel=WEB, ts=ts, text="new", blocks=[DIVIDER, DIVIDER])
    (shown,) = slack.messages(WEB)
    assert (len(shown["blocks"]), "edited" in shown, shown["metadata"]) == (2, False, metadata)
    client.chat_update(channel=WEB, ts=ts, text="only text")
    (shown,) = slack.messages(WEB)
    assert "blocks" not in shown
    assert "edited" in shown


def test_what_may_not_be_updated(slack: PlaygroundServer, client: WebClient) -> None:
    theirs = slack.person(ANA).say("mine", channel=WEB)
    assert refused(lambda: client.chat_update(channel=WEB, ts=theirs, text="x")) == "cant_update_message"
    assert refused(lambda: client.chat_update(channel=WEB, ts="1700000000.000001", text="x")) == "message_not_found"
    hidden = client.chat_postEphemeral(channel=WEB, user=ANA, text="psst")["message_ts"]
    assert refused(lambda: client.chat_update(channel=WEB, ts=hidden, text="x")) == "cant_update_message"
    ts = post(client, blocks=[RICH])
    assert refused(lambda: client.chat_update(channel=WEB, ts=ts, text="x", blocks=[DIVIDER])) == "block_mismatch"
    assert refused(lambda: client.chat_update(channel=WEB, ts=ts, text="é" * 2001)) == "msg_too_long"
    client.chat_update(channel=WEB, ts=ts, text="é" * 2000)


def test_the_edit_window_is_a_setting(start_slack: StartSlack) -> None:
    clock = [1_795_000_000.0]
    slack = start_slack(conduct=Conduct(edit_window_seconds=60), now=lambda: clock[0])
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    ts = post(client)
    clock[0] += 61
    assert refused(lambda: client.chat_update(channel=WEB, ts=ts, text="x")) == "edit_window_closed"


def test_ephemeral_messages_need_a_member_and_in_threads_a_reply(slack: PlaygroundServer, client: WebClient) -> None:
    assert refused(lambda: client.chat_postEphemeral(channel="C0PROD001", user=GUS, text="x")) == "user_not_in_channel"
    root = post(client)
    client.chat_postEphemeral(channel=WEB, user=ANA, text="lost", thread_ts=root)
    assert slack.ephemerals(ANA) == []
    post(client, thread_ts=root)
    client.chat_postEphemeral(channel=WEB, user=ANA, text="seen", thread_ts=root)
    assert [m["text"] for m in slack.ephemerals(ANA)] == ["seen"]


def test_a_deleted_parent_leaves_a_placeholder_until_its_last_reply_goes(
    slack: PlaygroundServer, client: WebClient
) -> None:
    root = post(client)
    reply = post(client, thread_ts=root)
    client.chat_delete(channel=WEB, ts=root)
    assert [m.get("subtype") for m in slack.messages(WEB)] == ["tombstone", None]
    assert refused(lambda: client.chat_update(channel=WEB, ts=root, text="x")) == "message_not_found"
    client.chat_delete(channel=WEB, ts=reply)
    assert slack.messages(WEB) == []


def test_threads_are_answered_on_their_parent(client: WebClient) -> None:
    root = post(client)
    reply = post(client, thread_ts=root)
    assert refused(lambda: post(client, thread_ts=reply)) == "cannot_reply_to_message"
    assert refused(lambda: post(client, thread_ts="1700000000.000001")) == "thread_not_found"
    messages = client.conversations_replies(channel=WEB, ts=root)["messages"]
    assert [m["ts"] for m in messages] == [root, reply]
    assert messages[0]["reply_count"] == 1
    assert [m["ts"] for m in client.conversations_history(channel=WEB)["messages"]] == [root]


def test_history_comes_in_pages_newest_first(client: WebClient) -> None:
    sent = [post(client, text=str(n)) for n in range(5)]
    first = client.conversations_history(channel=WEB, limit=2)
    assert first["has_more"]
    found = [m["ts"] for page in client.conversations_history(channel=WEB, limit=2) for m in page["messages"]]
    assert found == sent[::-1]


def test_a_free_plan_hides_old_messages(start_slack: StartSlack) -> None:
    clock = [1_795_000_000.0]
    slack = start_slack(conduct=Conduct(history_days=90), now=lambda: clock[0])
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    post(client)
    clock[0] += 91 * 86_400
    assert client.conversations_history(channel=WEB)["messages"] == []


def test_people_and_groups_are_known(slack: PlaygroundServer, client: WebClient) -> None:
    gus = client.users_info(user=GUS)["user"]
    assert (gus["is_restricted"], gus["is_bot"], gus["profile"]["email"]) == (True, False, "gus@partner.example")
    slack.run(lambda: slack.world.set_deactivated(GUS))
    assert client.users_info(user=GUS)["user"]["deleted"]
    assert refused(lambda: client.conversations_open(users=GUS)) == "user_disabled"
    assert refused(lambda: client.users_info(user="U0NOBODY1")) == "user_not_found"
    assert client.users_lookupByEmail(email="bo@acme.example")["user"]["id"] == BO
    assert client.usergroups_list(include_users=True)["usergroups"][0]["users"] == [BO]


def test_a_channel_says_whether_it_is_shared_archived_or_ours(slack: PlaygroundServer, client: WebClient) -> None:
    slack.run(lambda: slack.world.set_external("prod"))
    slack.run(lambda: slack.world.remove_bot("prod"))
    info = client.conversations_info(channel="C0PROD001")["channel"]
    assert (info["is_ext_shared"], info["is_member"], info["is_archived"]) == (True, False, False)
    client.conversations_join(channel="C0PROD001")
    assert client.conversations_info(channel="C0PROD001")["channel"]["is_member"]
    assert ANA in client.conversations_members(channel="C0PROD001")["members"]


def test_a_trigger_opens_one_view_within_three_seconds(start_slack: StartSlack) -> None:
    clock = [1_795_000_000.0]
    slack = start_slack(now=lambda: clock[0])
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    trigger = slack.run(lambda: slack.slack.triggers.issue(ANA))
    client.views_open(trigger_id=trigger, view=MODAL)
    assert refused(lambda: client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    assert refused(lambda: client.views_open(trigger_id="1.2.3", view=MODAL)) == "invalid_trigger_id"
    late = slack.run(lambda: slack.slack.triggers.issue(ANA))
    clock[0] += 3.1
    assert refused(lambda: client.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"


def test_views_stack_three_deep_and_hashes_guard_them(slack: PlaygroundServer, client: WebClient) -> None:
    def trigger() -> str:
        return slack.run(lambda: slack.slack.triggers.issue(ANA))

    first = client.views_open(trigger_id=trigger(), view=MODAL)["view"]
    for _ in range(2):
        client.views_push(trigger_id=trigger(), view=MODAL)
    assert refused(lambda: client.views_push(trigger_id=trigger(), view=MODAL)) == "push_limit_reached"
    client.views_update(view_id=first["id"], hash=first["hash"], view=MODAL)
    assert refused(lambda: client.views_update(view_id=first["id"], hash=first["hash"], view=MODAL)) == "hash_conflict"
    assert refused(lambda: client.views_update(view_id="V0GONE", view=MODAL)) == "not_found"
    with pytest.raises(SlackApiError) as caught:
        client.views_update(view_id=first["id"], view={**MODAL, "title": {**PLAIN, "text": "x" * 25}})
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    huge = {**MODAL, "blocks": [{"type": "section", "text": {**PLAIN, "text": "x" * 2999}}] * 90}
    assert refused(lambda: client.views_update(view_id=first["id"], view=huge)) == "view_too_large"


def test_what_was_typed_stays_when_a_form_is_updated(slack: PlaygroundServer, client: WebClient) -> None:
    field = {
        "type": "input",
        "block_id": "a",
        "label": PLAIN,
        "element": {"type": "plain_text_input", "action_id": "a"},
    }
    form = {**MODAL, "submit": PLAIN, "blocks": [field]}
    client.views_open(trigger_id=slack.run(lambda: slack.slack.triggers.issue(ANA)), view=form)
    view = slack.modal(ANA)
    assert view is not None
    slack.run(
        lambda: slack.slack.workspace.stack(ANA)[0].values.update(
            a={"a": {"type": "plain_text_input", "value": "typed"}}
        )
    )
    client.views_update(view_id=view["id"], view={**form, "blocks": [DIVIDER, field]})
    updated = slack.modal(ANA)
    assert updated is not None
    assert updated["state"]["values"]["a"]["a"]["value"] == "typed"


def test_a_response_url_serves_five_times_in_thirty_minutes(start_slack: StartSlack) -> None:
    clock = [1_795_000_000.0]
    slack = start_slack(now=lambda: clock[0])

    def fresh() -> str:
        return slack.run(lambda: slack._urls.issue(ANA, WEB))

    url = fresh()
    bad = httpx.post(url, json={"blocks": [{"type": "section"}]}, trust_env=False)
    assert (bad.status_code, bad.json()["error"]) == (400, "invalid_blocks")
    answers = [httpx.post(url, json={"text": str(n)}, trust_env=False) for n in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [404]
    assert answers[5].json()["error"] == "used_url"
    assert len(slack.ephemerals(ANA)) == 5
    late = fresh()
    clock[0] += 1801
    assert httpx.post(late, json={"text": "x"}, trust_env=False).json()["error"] == "expired_url"


def test_a_response_url_works_where_the_bot_is_no_member(slack: PlaygroundServer) -> None:
    slack.run(lambda: slack.world.remove_bot(WEB))
    url = slack.run(lambda: slack._urls.issue(ANA, WEB))
    assert httpx.post(url, json={"text": "here", "response_type": "in_channel"}, trust_env=False).status_code == 200
    assert slack.messages(WEB)[-1]["text"] == "here"


def test_an_uploaded_file_is_unusable_in_an_image_for_a_while(start_slack: StartSlack) -> None:
    clock = [1_795_000_000.0]
    slack = start_slack(conduct=Conduct(file_ready_seconds=0.05), now=lambda: clock[0])
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    ticket = client.files_getUploadURLExternal(filename="chart.png", length=4, alt_txt="A chart")
    sent = httpx.post(ticket["upload_url"], content=b"\x89PNG", trust_env=False)
    assert sent.text == "OK - 4"
    client.files_completeUploadExternal(files=[{"id": ticket["file_id"], "title": "Chart"}])
    image = [{"type": "image", "slack_file": {"id": ticket["file_id"]}, "alt_text": "A chart"}]
    assert refused(lambda: post(client, blocks=image)) == "invalid_blocks"
    assert client.files_info(file=ticket["file_id"])["file"]["mimetype"] == ""
    clock[0] += 1
    post(client, blocks=image)
    again = [{"id": ticket["file_id"]}]
    assert refused(lambda: client.files_completeUploadExternal(files=again)) == "file_not_found"


def test_the_public_validator_needs_no_token(slack: PlaygroundServer) -> None:
    url = f"{slack.api_url}blocks.validate"
    answer = httpx.post(
        url, json={"blocks": [{"type": "header", "text": {**PLAIN, "text": "x" * 151}}]}, trust_env=False
    ).json()
    assert answer["errors"] == [
        {"pointer": "/blocks/0/text/text", "code": "too_long", "message": "must be less than 151 characters"}
    ]
    assert httpx.post(url, json={"blocks": [DIVIDER]}, trust_env=False).json() == {"ok": True}


def test_an_uninstalled_app_has_no_way_in(slack: PlaygroundServer, client: WebClient) -> None:
    slack.run(slack.world.uninstall)
    assert refused(client.auth_test) == "account_inactive"


def test_one_mode_at_a_time(slack: PlaygroundServer, client: WebClient) -> None:
    slack.deliver_to("http://127.0.0.1:9/slack/events")
    assert refused(lambda: client.apps_connections_open(app_token=slack.app_token)) == "socket_mode_not_enabled"
