"""Our edge and bare Bolt, side by side: signed requests in, acknowledgements out, no network between.

What follows an acknowledgement is left undone here: it is measured for itself.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from slack_bolt import Ack, App
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient

from bot.app.clock import SystemClock
from bot.domain.refs import Secret
from bot.domain.reply import Opens
from bot.playground.server import PlaygroundServer
from bot.slack.connect import Edge, Line, Product
from bot.slack.controls import ACTION
from bot.slack.door import Door
from integrations.database.sqlite import connect
from integrations.database.store import DatabaseStore, open_store
from tests.slack.stage import MACS, NAMES, Scripted, account, our_manifest

NO_END = 1_000_000_000
TEAM, APP, USER, CHANNEL = "T0PAAS001", "A0PILOT01", "U0ANA0001", "C0WEB0001"
COLUMNS = (
    "(id INTEGER PRIMARY KEY, nonce TEXT, delivery TEXT, source TEXT, kind TEXT, actor TEXT, body TEXT, at INTEGER)"
)
INSERT = "INSERT INTO plain (nonce, delivery, source, kind, actor, body, at) VALUES (?, ?, ?, ?, ?, ?, ?)"

Signed = tuple[list[tuple[bytes, bytes]], bytes]


@dataclass
class Durable(Scripted):
    """A product that stores as ours does, and does nothing else."""

    store: DatabaseStore | None = None

    def __post_init__(self) -> None:
        assert self.store is not None
        self.accept = self.store.accept  # type: ignore[method-assign]


class Post:
    """Makes signed requests that differ: none is a repetition."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._numbers = itertools.count()

    def command(self) -> Signed:
        number = next(self._numbers)
        return self._signed(
            {
                "token": "t",
                "team_id": TEAM,
                "team_domain": "acme",
                "channel_id": CHANNEL,
                "channel_name": "web",
                "user_id": USER,
                "user_name": "ana",
                "command": "/deploy",
                "text": "web@1.8.2 to prod",
                "api_app_id": APP,
                "response_url": f"https://hooks.slack.com/commands/{number}",
                "trigger_id": f"1.{number}.{time.time_ns()}",
            }
        )

    def click(self) -> Signed:
        number = next(self._numbers)
        payload = {
            "type": "block_actions",
            "user": {"id": USER, "username": "ana", "team_id": TEAM},
            "api_app_id": APP,
            "token": "t",
            "team": {"id": TEAM, "domain": "acme"},
            "container": {"type": "message", "message_ts": "1700000000.000100", "channel_id": CHANNEL},
            "channel": {"id": CHANNEL, "name": "web"},
            "message": {"ts": "1700000000.000100", "text": "a card"},
            "response_url": f"https://hooks.slack.com/actions/{number}",
            "trigger_id": f"2.{number}.{time.time_ns()}",
            "actions": [
                {
                    "type": "button",
                    "action_id": f"{ACTION}0",
                    "block_id": "b",
                    "value": MACS.button("ask op-1", Opens.NOTHING),
                    "text": {"type": "plain_text", "text": "Start"},
                    "action_ts": "1700000001.0",
                }
            ],
        }
        return self._signed({"payload": json.dumps(payload)})

    def _signed(self, form: dict[str, str]) -> Signed:
        body = urlencode(form).encode()
        stamp = str(int(time.time())).encode()
        digest = hmac.new(self._secret, b"v0:" + stamp + b":" + body, hashlib.sha256).hexdigest()
        headers = [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"x-slack-request-timestamp", stamp),
            (b"x-slack-signature", b"v0=" + digest.encode()),
        ]
        return headers, body


@dataclass(frozen=True, slots=True)
class Sides:
    """`ours` stores before it acknowledges; `bare` does not, `synced` inserts one row as any program would."""

    post: Post
    door: Door
    app: App
    store: DatabaseStore
    insert: Callable[[], None]

    def ours(self, make: Callable[[], Signed]) -> None:
        headers, body = make()
        answer = self.door(headers, body)
        assert answer.status == 200, answer

    def bare(self, make: Callable[[], Signed]) -> None:
        dispatched(self.app, make)

    def synced(self, make: Callable[[], Signed]) -> None:
        self.bare(make)
        self.insert()


def dispatched(app: App, make: Callable[[], Signed]) -> None:
    headers, body = make()
    named: dict[str, str | Sequence[str]] = {name.decode(): value.decode() for name, value in headers}
    answer = app.dispatch(BoltRequest(body=body.decode(), headers=named))
    assert answer.status == 200, answer


def acknowledging(slack: PlaygroundServer) -> App:
    """Bolt as its documentation begins, but for the acknowledgement, which is polled for otherwise."""
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    app = App(client=client, signing_secret=slack.signing_secret, process_before_response=True)

    def acknowledge(ack: Ack) -> None:
        ack()

    app.command("/deploy")(acknowledge)
    app.action(f"{ACTION}0")(acknowledge)
    return app


@contextmanager
def bare_app() -> Iterator[tuple[App, str]]:
    """With its signing secret."""
    with PlaygroundServer(manifest=our_manifest()) as slack:
        yield acknowledging(slack), slack.signing_secret


def plain_insert(folder: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """The same settings, one connection, one INSERT and one sync at a time."""
    connection = connect(folder / "plain.db")
    connection.execute(f"CREATE TABLE plain {COLUMNS} STRICT")
    guard = threading.Lock()
    numbers = itertools.count()
    body = '{"line":"deploy web@1.8.2 to prod"}' * 6

    def insert() -> None:
        number = next(numbers)
        row = (f"{number:064}", f"trigger:{number}", "slack", "command", USER, body, number)
        with guard:
            connection.execute(INSERT, row)

    return connection, insert


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    clock = SystemClock()
    with ExitStack() as stack:
        store = open_store(f"sqlite:///{folder}/pilothouse.db", clock=clock)
        stack.callback(store.close)
        slack = stack.enter_context(PlaygroundServer(manifest=our_manifest()))
        line = Line(account(slack), clock)
        stack.callback(line.close)
        durable = Durable(store=store)
        product = Product(durable, durable, durable, lambda: NAMES, MACS, ("deploy",))
        edge = Edge(line, product, clock, waiting=NO_END)
        stack.callback(edge.close)
        door = edge.door((Secret(slack.signing_secret),), clock)
        connection, insert = plain_insert(folder)
        stack.callback(connection.close)
        yield Sides(Post(slack.signing_secret), door, acknowledging(slack), store, insert)
