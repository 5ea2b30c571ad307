"""A headless browser, a local Slack server, and a small app on it that shows the golden cards and the samples."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.playground.seed import Conduct
from bot.playground.server import PlaygroundServer

Json = dict[str, Any]

HERE = Path(__file__).parent
CARD_FOLDERS = (HERE.parent / "playground" / "cards", HERE / "samples")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURE = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff\xff\x7f\x00\t\xfb\x03\xfd\x05CE\xca\x00\x00\x00\x00IEND\xaeB`\x82"
)
ANA, BO, GUS = "U0ANA0001", "U0BOB0002", "U0GUS0004"


def all_cards() -> dict[str, Json]:
    return {
        path.stem: json.loads(path.read_text()) for folder in CARD_FOLDERS for path in sorted(folder.glob("*.json"))
    }


def is_view(card: Json) -> bool:
    return card.get("type") in {"modal", "home"}


class SampleApp:
    """An app with no product in it: `/paas NAME` opens the modal of that name, clicks and forms are written down."""

    def __init__(self, slack: PlaygroundServer) -> None:
        self.slack = slack
        self.cards = all_cards()
        self.clicks: list[Json] = []
        self.forms: list[Json] = []
        self.client = WebClient(slack.bot_token, base_url=slack.api_url)
        app = App(client=self.client, signing_secret=slack.signing_secret)
        app.command("/paas")(self.command)
        app.options("app")(self.options)
        app.view("sample.inputs")(self.form)
        app.action("ph.deny")(self.deny)
        app.action(re.compile(".*"))(self.click)
        app.event("app_home_opened")(self.ignore)
        app.event("message")(self.ignore)
        self.handler = SocketModeHandler(app, slack.app_token)

    def command(self, ack: Ack, body: Json) -> None:
        ack()
        name = body["text"].strip()
        if name == "hello":
            self.client.chat_postEphemeral(channel=body["channel_id"], user=body["user_id"], text="Hello, only you.")
            return
        self.client.views_open(trigger_id=body["trigger_id"], view=self.cards[name])

    def options(self, ack: Ack, payload: Json) -> None:
        names = [name for name in ("cart", "search", "web") if payload["value"] in name]
        ack(options=[{"text": {"type": "plain_text", "text": name}, "value": name} for name in names])

    def form(self, ack: Ack, view: Json) -> None:
        values = view["state"]["values"]
        self.forms.append(values)
        match values["reason"]["reason"]["value"]:
            case "because":
                ack(response_action="errors", errors={"reason": "“because” is no reason."})
            case "show":
                ack(response_action="update", view=self.cards["loading-modal"])
            case "deeper":
                ack(response_action="push", view=self.cards["deny-modal"])
            case _:
                ack()

    def click(self, ack: Ack, body: Json) -> None:
        ack()
        self.clicks.append(body)

    def deny(self, ack: Ack, body: Json) -> None:
        ack()
        self.clicks.append(body)
        where = body["container"]
        self.client.chat_update(channel=where["channel_id"], ts=where["message_ts"], text="Denied by you.")

    def ignore(self) -> None:
        return None

    def show(self, name: str, channel: str = "C0WEB0001") -> str:
        """Post a card as the app; answers its timestamp."""
        card = self.cards[name]
        blocks = card.get("blocks")
        if name == "canary-thread-picture":
            upload = self.client.files_upload_v2(content=PICTURE, filename="chart of errors.png", title="Errors")
            blocks = json.loads(json.dumps(blocks).replace("F0CHART0001", str(upload["files"][0]["id"])))
        if card.get("response_type") == "ephemeral":
            answer = self.client.chat_postEphemeral(channel=channel, user=ANA, text=card["text"], blocks=blocks)
            return str(answer["message_ts"])
        answer = self.client.chat_postMessage(channel=channel, text=card["text"], blocks=blocks)
        return str(answer["ts"])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def slack() -> Iterator[PlaygroundServer]:
    with PlaygroundServer(conduct=Conduct(rate_limits=False)) as server:
        yield server


@pytest.fixture
def sample_app(slack: PlaygroundServer) -> Iterator[SampleApp]:
    app = SampleApp(slack)
    app.handler.connect()  # type: ignore[no-untyped-call]
    slack.wait_for_app()
    yield app
    app.handler.close()  # type: ignore[no-untyped-call]


class Window:
    """One browser window on the playground. Anything on its console fails the test."""

    def __init__(self, context: BrowserContext, slack: PlaygroundServer) -> None:
        self.slack = slack
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.route(re.compile("^https:"), self._picture)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _picture(self, route: Route) -> None:
        route.fulfill(body=PICTURE, content_type="image/png")

    def open(self, where: str = "c/C0WEB0001", *, user: str = ANA) -> Page:
        self.page.goto(f"{self.slack.url}/?user={user}#/{where}")
        self.page.wait_for_selector("#main .view")
        return self.page


@pytest.fixture
def desktop(chromium: Browser, slack: PlaygroundServer) -> Iterator[Window]:
    yield from _window(chromium, slack, 1280, 800)


@pytest.fixture
def phone(chromium: Browser, slack: PlaygroundServer) -> Iterator[Window]:
    yield from _window(chromium, slack, 390, 844)


def _window(chromium: Browser, slack: PlaygroundServer, width: int, height: int) -> Iterator[Window]:
    context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="Europe/Berlin")
    context.set_default_timeout(8_000)
    window = Window(context, slack)
    yield window
    context.close()
    assert window.problems == []
