"""The page's side: its snapshot and events, its actions, and that nobody else may use them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from bot.playground.server import PlaygroundServer
from tests.playground.conftest import RunApp, new_app

Json = dict[str, Any]
WEB, ANA, BO, GUS = "C0WEB0001", "U0ANA0001", "U0BOB0002", "U0GUS0004"
PLAIN = {"type": "plain_text", "text": "x"}
BUTTON = {"type": "button", "text": PLAIN, "action_id": "go", "value": "v"}
CARD = [{"type": "actions", "block_id": "b", "elements": [BUTTON]}]


class Page:
    """An open page of one person, reading its feed."""

    def __init__(self, slack: PlaygroundServer, socket: ClientConnection, user: str) -> None:
        self._slack = slack
        self._socket = socket
        self.user = user
        self.snapshot = self.read()

    def read(self) -> Json:
        data = json.loads(self._socket.recv(timeout=5))
        assert isinstance(data, dict)
        return data

    def until(self, kind: str, wanted: Callable[[Json], bool] = lambda _: True) -> Json:
        while True:
            event = self.read()
            if event["type"] == kind and wanted(event):
                return event

    def do(self, action: str, **given: Any) -> Json:
        answer = httpx.post(
            f"{self._slack.url}/page/{action}", json={"user": self.user, **given}, trust_env=False, timeout=5
        )
        assert answer.status_code == 200, answer.text
        data = answer.json()
        assert isinstance(data, dict)
        return data


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(slack: PlaygroundServer) -> Iterator[OpenPage]:
    with ExitStack() as stack:

        def open_as(user: str, *, payloads: bool = False) -> Page:
            address = slack.url.replace("http", "ws") + f"/page/ws?user={user}" + ("&payloads=1" if payloads else "")
            return Page(slack, stack.enter_context(connect(address, proxy=None)), user)

        yield open_as


def app_with_button(slack: PlaygroundServer) -> App:
    app = new_app(slack)

    @app.action("go")
    def go(ack: Ack, body: Json, client: WebClient) -> None:
        ack()
        client.views_open(
            trigger_id=body["trigger_id"],
            view={
                "type": "modal",
                "title": PLAIN,
                "submit": PLAIN,
                "blocks": [
                    {
                        "type": "input",
                        "block_id": "why",
                        "label": PLAIN,
                        "element": {"type": "plain_text_input", "action_id": "why"},
                    }
                ],
            },
        )

    @app.view("")
    def form(ack: Ack) -> None:
        ack()

    @app.event("message")
    def message() -> None:
        return

    return app


def test_the_snapshot_holds_what_this_person_may_see(slack: PlaygroundServer, open_page: OpenPage) -> None:
    snapshot = open_page(ANA).snapshot
    assert snapshot["me"]["name"] == "ana"
    assert {c["name"] for c in snapshot["channels"] if not c["is_im"]} == {
        "team-web",
        "prod",
        "staging",
        "alerts",
        "paas-audit",
    }
    assert [c["user"] for c in snapshot["channels"] if c["is_im"]] == ["U0BOT00001"]
    assert snapshot["commands"][0] == {"command": "/paas", "description": "Everything", "usage_hint": "VERB APP to ENV"}
    assert (snapshot["app"]["connected"], snapshot["app"]["mode"]) == (False, "socket")
    assert {c["name"] for c in open_page(GUS).snapshot["channels"] if not c["is_im"]} == {"team-web"}


def test_messages_unread_counts_and_threads_arrive_as_events(slack: PlaygroundServer, open_page: OpenPage) -> None:
    page = open_page(BO)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    metadata = {"event_type": "card", "event_payload": {"secret": "op"}}
    root = client.chat_postMessage(channel=WEB, text="<@U0BOB0002> look", blocks=CARD, metadata=metadata)["ts"]
    message = page.until("message")["message"]
    assert (message["ts"], message["has_metadata"], message["is_ephemeral"]) == (root, True, False)
    assert "metadata" not in message
    channel = page.until("channel")["channel"]
    assert (channel["unread"], channel["mentions"]) == (1, 1)
    client.chat_postMessage(channel=WEB, text="step 1", thread_ts=root)
    assert page.until("message_changed")["message"]["reply_count"] == 1
    assert page.do("read", channel=WEB, ts=root) == {"ok": True}
    assert page.until("channel")["channel"]["unread"] == 0
    client.chat_delete(channel=WEB, ts=root)
    assert page.until("message_changed")["message"]["subtype"] == "tombstone"


def test_an_ephemeral_message_is_for_one_open_page_and_gone_on_reload(
    slack: PlaygroundServer, open_page: OpenPage
) -> None:
    ana, bo = open_page(ANA), open_page(BO)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.chat_postEphemeral(channel=WEB, user=ANA, text="only you")
    client.chat_postMessage(channel=WEB, text="all")
    assert ana.until("message")["message"]["is_ephemeral"]
    assert bo.until("message")["message"]["text"] == "all"
    assert [m["text"] for m in open_page(ANA).snapshot["messages"][WEB]] == ["all"]


def test_a_click_a_form_and_its_errors(slack: PlaygroundServer, open_page: OpenPage, run_socket: RunApp) -> None:
    run_socket(slack, app_with_button(slack))
    page = open_page(ANA, payloads=True)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    ts = client.chat_postMessage(channel=WEB, text="card", blocks=CARD)["ts"]
    source = {"type": "message", "channel": WEB, "ts": ts}
    assert page.do("click", source=source, block_id="b", action_id="go") == {"ok": True}
    view = page.until("modal")["stack"][-1]
    assert page.do("submit", view_id=view["id"], state={"values": {}})["errors"] == {
        "why": "Please complete this required field."
    }
    typed = {"why": {"why": {"type": "plain_text_input", "value": "because"}}}
    assert page.do("submit", view_id=view["id"], state={"values": typed}) == {"ok": True}
    entry = page.until("payload", lambda e: e["entry"]["name"] == "view_submission")["entry"]
    assert entry["status"] == "acked"
    assert page.until("modal")["stack"] == []
    assert page.do("click", source=source, block_id="b", action_id="gone")["error"] == "element_not_found"


def test_a_person_writes_edits_and_deletes(slack: PlaygroundServer, open_page: OpenPage) -> None:
    page = open_page(ANA)
    ts = page.do("message", channel=WEB, text="hi @bo & all")["ts"]
    assert page.until("message")["message"]["text"] == "hi <@U0BOB0002> &amp; all"
    page.do("edit", channel=WEB, ts=ts, text="hello")
    assert "edited" in page.until("message_changed")["message"]
    page.do("delete", channel=WEB, ts=ts)
    assert page.until("message_deleted")["ts"] == ts
    assert page.do("slash", channel=WEB, text="/paas help")["error"] == "dispatch_failed"


def test_faults_and_mishaps_are_switched_from_the_page(slack: PlaygroundServer, open_page: OpenPage) -> None:
    page = open_page(ANA)
    page.do("faults", rate_limited={"chat.update": {"times": 2, "retry_after": 3}}, lost_ack=1)
    assert page.until("faults")["faults"]["lost_ack"] == 1
    assert page.do("world", do="archive", channel="prod") == {"ok": True}
    assert page.until("channel")["channel"]["is_archived"]
    assert page.do("world", do="explode")["error"] == "unknown_deed"
    page.do("faults", clear=True)
    assert httpx.get(f"{slack.url}/page/faults", trust_env=False).json()["rate_limited"] == {}


def test_uploaded_pictures_are_shown_and_other_files_only_downloaded(
    slack: PlaygroundServer, open_page: OpenPage
) -> None:
    page = open_page(ANA)
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.files_upload_v2(filename="a.html", content="<script>alert(1)</script>", channel=WEB)
    shown = page.until("message")["message"]["files"][0]
    answer = httpx.get(slack.url + shown["url"], trust_env=False)
    assert answer.headers["content-disposition"] == "attachment"
    assert shown["preview"].startswith("<script>")
    png = client.files_upload_v2(filename="a.png", content=b"\x89PNG", channel=WEB)["file"]["id"]
    assert page.until("message")["message"]["files"][0]["is_image"]
    client.chat_postMessage(
        channel=WEB, text="chart", blocks=[{"type": "image", "slack_file": {"id": png}, "alt_text": "chart"}]
    )
    block = page.until("message")["message"]["blocks"][0]
    assert httpx.get(slack.url + block["image_url"], trust_env=False).content == b"\x89PNG"


def test_no_other_site_may_act_in_the_playground(slack: PlaygroundServer) -> None:
    body = {"user": ANA, "channel": WEB, "text": "x"}
    url = f"{slack.url}/page/message"
    assert httpx.post(url, json=body, headers={"Origin": "https://evil.example"}, trust_env=False).status_code == 403
    assert httpx.post(url, json=body, headers={"Host": "evil.example"}, trust_env=False).status_code == 403
    assert httpx.post(url, content=json.dumps(body), trust_env=False).status_code == 403
    assert httpx.post(url, json=body, headers={"Origin": slack.url}, trust_env=False).status_code == 200
    address = slack.url.replace("http", "ws") + f"/page/ws?user={ANA}"
    with pytest.raises(InvalidStatus):
        connect(address, origin=Origin("https://evil.example"), proxy=None)
    with connect(address + "x", proxy=None) as socket, pytest.raises(ConnectionClosed) as caught:
        socket.recv(timeout=5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4404


def test_nothing_outside_the_page_folder_is_served(slack: PlaygroundServer) -> None:
    for path in ("..%2fserver.py", "%2e%2e/server.py", "/etc/passwd", "nothing.js"):
        assert httpx.get(f"{slack.url}/page/{path}", trust_env=False).status_code == 404


def test_malformed_requests_are_told_so(slack: PlaygroundServer) -> None:
    answer = httpx.post(f"{slack.url}/page/message", json={"user": ANA}, trust_env=False)
    assert (answer.status_code, answer.text) == (400, "malformed: KeyError 'channel'")
    assert httpx.post(f"{slack.url}/page/nothing", json={}, trust_env=False).status_code == 404
    headers = {"content-type": "application/json"}
    deep = httpx.post(f"{slack.url}/page/message", content="[" * 100_000, headers=headers, trust_env=False)
    assert deep.status_code == 400
