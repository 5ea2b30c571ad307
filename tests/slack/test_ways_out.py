"""An answer finds its way: response_url, else an ephemeral message, else a direct message; and only ever to Slack."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import httpx
import pytest

from bot.domain.codec import Json
from bot.domain.operation import Place
from bot.domain.refs import Secret
from bot.road.answers import Answer, Show
from bot.slack.api import Api, NoReply, NotOk, web_client
from bot.slack.payloads import Way
from bot.slack.uploads import Pinned
from tests.integrations.loopback import Sent, serving
from tests.slack.stage import FORM, PROD, WEB, Stage, says, staged

WAY = Way("U0ANA0001", Place(WEB))


def test_without_an_address_the_answer_is_an_ephemeral_message(http_stage: Stage) -> None:
    assert http_stage.edge.answers.tell(says("Hello."), WAY)
    (shown,) = http_stage.slack.person("ana").ephemerals(WEB)
    assert "Hello." in shown["text"]


def test_where_the_bot_is_no_member_the_answer_is_a_direct_message(http_stage: Stage) -> None:
    http_stage.slack.run(lambda: http_stage.slack.world.remove_bot(WEB))
    assert http_stage.edge.answers.tell(says("Hello."), WAY)
    assert any("Hello." in m["text"] for m in http_stage.slack.person("ana").direct_messages())


def test_an_address_that_is_used_up_is_not_the_end(http_stage: Stage) -> None:
    way = Way("U0ANA0001", Place(WEB), response_url=f"{http_stage.slack.slack.base_url}/actions/T0PAAS001/nothing")
    assert http_stage.edge.answers.tell(says("Hello."), way)
    assert http_stage.slack.person("ana").ephemerals(WEB)


def test_a_place_that_is_no_channel_is_answered_directly(http_stage: Stage) -> None:
    assert http_stage.edge.answers.tell(says("Hello."), Way("U0ANA0001", Place("U0ANA0001")))
    assert http_stage.slack.person("ana").direct_messages()


def test_blocks_that_slack_does_not_take_still_leave_the_words(http_stage: Stage) -> None:
    api = http_stage.edge.line.api
    broken: dict[str, Json] = {"channel": WEB, "user": "U0ANA0001", "text": "Hello.", "blocks": [{"type": "nonsense"}]}
    assert http_stage.edge.answers._call("chat.postEphemeral", broken)
    assert http_stage.slack.person("ana").ephemerals(WEB)[0]["text"] == "Hello."
    with pytest.raises(NotOk) as caught:
        api.call("chat.postEphemeral", broken)
    assert caught.value.details


def test_a_dialog_that_was_closed_meanwhile_leaves_the_answer_to_the_other_ways(http_stage: Stage) -> None:
    http_stage.product.script = lambda request: Answer(says("Late."))
    answers = http_stage.edge.answers
    http_stage.slack.person("ana").slash("/paas", "status", channel=WEB)
    http_stage.slack.wait_for(lambda: http_stage.product.worked)
    request = http_stage.product.worked[0]
    answers.give(Answer(says("Late.")), request, WAY, opened="V0GONE")
    assert any("Late." in m["text"] for m in http_stage.slack.person("ana").ephemerals(WEB))


def test_a_form_without_a_trigger_is_offered_as_a_button(http_stage: Stage) -> None:
    http_stage.product.script = lambda request: Answer(says(""), Show.FORM, form=FORM)
    ana = http_stage.slack.person("ana")
    ana.mention(WEB, "deploy")
    (shown,) = http_stage.slack.wait_for(lambda: ana.ephemerals(WEB))
    ana.click(shown, "Open the form")
    http_stage.slack.wait_for(lambda: "ph.form" in json.dumps(ana.modal()))


def test_a_shared_answer_finds_a_way_where_the_bot_is_no_member(http_stage: Stage) -> None:
    http_stage.product.script = lambda request: Answer(says("412 lines"), Show.SHARED)
    http_stage.slack.run(lambda: http_stage.slack.world.remove_bot(PROD))
    http_stage.slack.person("ana").slash("/logs", "web --share", channel=PROD)
    (shown,) = http_stage.slack.wait_for(lambda: http_stage.slack.messages(PROD))
    assert "412 lines" in shown["text"]


def test_nothing_is_shared_with_another_company(http_stage: Stage) -> None:
    http_stage.product.script = lambda request: Answer(says("412 lines"), Show.SHARED)
    http_stage.slack.run(lambda: http_stage.slack.world.set_external(PROD))
    ana = http_stage.slack.person("ana")
    ana.slash("/logs", "web --share", channel=PROD)
    http_stage.slack.wait_for(lambda: ana.ephemerals(PROD))
    assert http_stage.slack.messages(PROD) == []


@pytest.mark.parametrize("way", ["socket", "http"])
def test_when_there_is_no_room_the_person_is_told_and_nothing_is_stored(way: str) -> None:
    with staged(way, threads=1, waiting=0) as stage:
        stage.product.gate = threading.Event()
        ana = stage.slack.person("ana")
        ana.slash("/paas", "status", channel=WEB)
        ana.slash("/paas", "status again", channel=WEB)
        (shown,) = stage.slack.wait_for(lambda: ana.ephemerals(WEB))
        assert "I am busy" in shown["text"]
        assert len(stage.product.stored) == 1
        stage.product.gate.set()


ADDRESSES = [
    "http://hooks.slack.com/actions/1",
    "https://hooks.slack.com.evil.example/",
    "https://evil.example/hooks.slack.com",
    "https://hooks.slack.com@evil.example/",
    "https://user:pass@hooks.slack.com/",
    "https://hooks.slack.com:8443/",
    "https://hooks_slack.com/",
    "https://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:1/",
    "http://localhost/",
    "https://[::1]/",
    "file:///etc/passwd",
    "gopher://hooks.slack.com/",
    "//hooks.slack.com/",
    "https://hooks.slack.com\\@evil.example/",
    "https://hooks.slack.com:99999/",
    "",
    "https://",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_is_not_slacks_is_never_asked(url: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        pinned = Pinned(http, base_url="https://slack.com/api/", hosts=frozenset({"hooks.slack.com"}))
        assert not pinned.is_ours(url)
        with pytest.raises(NotOk):
            pinned.post(url, json={})


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://evil.example/"})

    with httpx.Client(transport=httpx.MockTransport(away)) as http:
        pinned = Pinned(http, base_url="https://slack.com/api/", hosts=frozenset({"hooks.slack.com"}))
        with pytest.raises(NotOk):
            pinned.post("https://hooks.slack.com/actions/1", json={})
    assert asked == ["hooks.slack.com"]


def test_a_page_where_slack_should_be_is_no_answer_of_slacks() -> None:
    """A refusal would be final: what was to be said would be given up."""
    page = Sent(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"})
    with serving(lambda _: page) as server:
        api = Api(web_client(Secret("xoxb-1"), base_url=f"{server.url}/api/", timeout=timedelta(seconds=3)))
        with pytest.raises(NoReply):
            api.call("chat.postMessage", {"channel": "C0WEB0001", "text": "hello"})
