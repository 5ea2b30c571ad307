"""A local Slack with a real, unmodified Bolt app beside it, over Socket Mode or signed HTTP."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import ThreadingHTTPServer

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.app.app import SlackAppDevelopmentServer
from slack_sdk import WebClient

from bot.playground.seed import Conduct, default_manifest
from bot.playground.server import Json, PlaygroundServer


def manifest() -> Json:
    made = default_manifest()
    made["features"]["slash_commands"].append(
        {"command": "/deploy", "description": "Deploy", "usage_hint": "APP to ENV", "should_escape": False}
    )
    made["features"]["shortcuts"] = [
        {"name": "Deploy", "type": "global", "callback_id": "deploy", "description": "Open the form"},
        {"name": "Why?", "type": "message", "callback_id": "why", "description": "Diagnose"},
    ]
    return made


StartSlack = Callable[..., PlaygroundServer]
"""Starts a Slack with the arguments of PlaygroundServer; stopped after the test."""
RunApp = Callable[[PlaygroundServer, App], None]


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_slack(cleanup: ExitStack) -> StartSlack:
    def start(**options: object) -> PlaygroundServer:
        options.setdefault("manifest", manifest())
        server = PlaygroundServer(**options)  # type: ignore[arg-type]
        return cleanup.enter_context(server)

    return start


@pytest.fixture
def slack(start_slack: StartSlack) -> PlaygroundServer:
    return start_slack(conduct=Conduct(ack_seconds=1.0))


@pytest.fixture
def client(slack: PlaygroundServer) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url)


def new_app(slack: PlaygroundServer) -> App:
    return App(
        client=WebClient(slack.bot_token, base_url=slack.api_url),
        signing_secret=slack.signing_secret,
        process_before_response=True,
    )


@pytest.fixture
def run_socket(cleanup: ExitStack) -> RunApp:
    """Connects the app over Socket Mode and waits for it."""

    def run(slack: PlaygroundServer, app: App) -> None:
        handler = SocketModeHandler(app, slack.app_token, ping_interval=0.2)

        def close() -> None:
            handler.client.auto_reconnect_enabled = False
            slack.hang_up()
            # slack_sdk's own thread must be done with the socket, else both close it.
            slack.wait_for(lambda: not handler.client.is_connected())
            handler.close()  # type: ignore[no-untyped-call]

        cleanup.callback(close)
        handler.connect()  # type: ignore[no-untyped-call]
        slack.wait_for_app()

    return run


@pytest.fixture
def run_http(cleanup: ExitStack) -> RunApp:
    """Serves the app over HTTP on a free port and tells Slack of it."""

    def run(slack: PlaygroundServer, app: App) -> None:
        server = SlackAppDevelopmentServer(0, "/slack/events", app, http_server_logger_enabled=False)
        http: ThreadingHTTPServer = server._server  # type: ignore[assignment]
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        cleanup.callback(thread.join)
        cleanup.callback(http.server_close)
        cleanup.callback(http.shutdown)
        slack.deliver_to(f"http://127.0.0.1:{http.server_address[1]}/slack/events")

    return run
