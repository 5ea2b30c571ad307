"""The Slack edge, put together: one Bolt app for both ways of being reached, and Socket Mode's connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.socket_mode.internals import build_headers, send_response
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientNotConnectedError
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.domain.clock import Clock
from bot.domain.errors import Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import text
from bot.slack.answer import RESPONSE_HOST, Answers, Ways
from bot.slack.api import Api, NoReply, NotOk, integration_error, web_client
from bot.slack.channels import Channels
from bot.slack.door import AFTER, Door
from bot.slack.front import Forms, Front, Views
from bot.slack.home import Home
from bot.slack.intake import Intake
from bot.slack.listeners import Desk, Listeners
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Names
from bot.slack.payloads import Reader, part
from bot.slack.people import SlackPeople
from bot.slack.refresher import Refresher
from bot.slack.runner import Runner
from bot.slack.shape import shaped
from bot.slack.typed import Verbs
from bot.slack.uploads import SLACK_FILES, Pinned, Uploads
from bot.slack.verify import Verifier

log = structlog.get_logger(__name__)

CLOSE_PAUSE = 0.1
"""Seconds between two looks at whether Socket Mode's threads have ended."""
CLOSE_TRIES = 80
"""Then they are left to themselves: one may wait for Slack, and keeps nothing from ending."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the edge is told of its Slack app; `app_id` and `team` pin it."""

    bot_token: Secret
    api_url: str
    team: str
    app_id: str = ""
    """Empty: what Slack says at the start."""
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Me:
    """Who Slack says that we are."""

    app_id: str
    team: str
    bot_user: str
    bot_id: str


class Line:
    """The connection to Slack's Web API, before anything is listened to: sender and doctor need no more."""

    def __init__(self, account: Account, clock: Clock) -> None:
        """Calls Slack to learn who we are. Raises Unavailable, Refused."""
        self.account = account
        self.client = web_client(account.bot_token, base_url=account.api_url, timeout=account.timeout)
        self.api = Api(self.client)
        self.http = httpx.Client(timeout=account.timeout.total_seconds())
        hosts = frozenset({RESPONSE_HOST, SLACK_FILES})
        self.pinned = Pinned(self.http, base_url=account.api_url, hosts=hosts)
        self.uploads = Uploads(self.api, self.pinned, clock)
        self.channels = Channels(self.api, clock)
        self.me = self._who()
        self.people = SlackPeople(self.api, clock, team=account.team)

    def _who(self) -> Me:
        try:
            found = self.api.call("auth.test", {})
            bot = self.api.call("bots.info", {"bot": part(found, "bot_id")})
        except (NotOk, NoReply) as trouble:
            raise integration_error(trouble) from trouble
        me = Me(
            app_id=part(bot, "bot", "app_id"),
            team=part(found, "team_id"),
            bot_user=part(found, "user_id"),
            bot_id=part(found, "bot_id"),
        )
        wanted = (self.account.app_id or me.app_id, self.account.team)
        if (me.app_id, me.team) != wanted:
            what = text(
                "The token belongs to app {app} in workspace {team}, the settings say {wanted}.",
                app=me.app_id,
                team=me.team,
                wanted=" in ".join(wanted),
            )
            raise Refused("slack", what)
        return me

    def close(self) -> None:
        self.http.close()


@dataclass(frozen=True, slots=True)
class Product:
    """What the app gives the edge."""

    front: Front
    forms: Forms
    views: Views
    names: Callable[[], Names]
    macs: Macs
    slash: tuple[str, ...]
    """Commands with a slash command of their own."""
    prefix: str = ""
    audit_channel: str = ""


class Edge:
    """Listens to Slack in either way; `bolt` is the one app for both."""

    def __init__(self, line: Line, product: Product, clock: Clock, *, threads: int = 8, waiting: int = 64) -> None:
        self.line = line
        ways = Ways(
            api=line.api,
            pinned=line.pinned,
            uploads=line.uploads,
            channels=line.channels,
            names=product.names,
            macs=product.macs,
            clock=clock,
            forms=product.forms,
        )
        self.answers = Answers(ways)
        self.home = Home(ways)
        self.refresher = Refresher(self.home, product.views)
        self.runner = Runner(name="slack", threads=threads, waiting=waiting)
        self.intake = Intake(product.front.accept)
        self.notices = Runner(name="slack-notice", threads=1, waiting=waiting)
        desk = Desk(
            front=product.front,
            intake=self.intake,
            forms=product.forms,
            views=product.views,
            answers=self.answers,
            home=self.home,
            people=line.people,
            runner=self.runner,
            notices=self.notices,
        )
        verbs = Verbs(product.slash, prefix=product.prefix)
        reader = Reader(macs=product.macs, verbs=verbs, team=line.account.team, bot_user=line.me.bot_user)
        self.bolt = bolt_app(line.client)
        Listeners(desk, reader, app_id=line.me.app_id, audit_channel=product.audit_channel).attach(self.bolt)

    def door(self, secrets: tuple[Secret, ...], clock: Clock) -> Door:
        """For HTTP. Raises ValueError where a secret is missing or short."""
        return Door(self.bolt, Verifier(secrets), clock)

    def socket(self, app_token: Secret, *, ping_interval: float = 10) -> Socket:
        """For Socket Mode; connects when told to."""
        return Socket(self.bolt, app_token.reveal(), ping_interval=ping_interval)

    def close(self, timeout: float = 5.0) -> None:
        """Ends once what has been acknowledged has been worked on."""
        self.refresher.stop(timeout)
        self.intake.stop()
        self.runner.stop(timeout)
        self.notices.stop(timeout)


def bolt_app(client: WebClient) -> App:
    """Verification is ours (verify.py); Bolt's own would parse first, and let everything through without a secret."""
    return App(
        name="pilothouse",  # else it walks the stack and every module to find one: 0.1 s of CPU
        client=client,
        process_before_response=True,
        request_verification_enabled=False,
        ignoring_self_events_enabled=False,
        ssl_check_enabled=False,
        attaching_function_token_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )


class Socket(SocketModeHandler):
    """Bolt's handler, but what follows an acknowledgement follows it."""

    def handle(self, client: BaseSocketModeClient, req: SocketModeRequest) -> None:
        started = time.time()
        after: list[Callable[[], None]] = []
        body = shaped(req.payload)
        if body is None:
            log.warning("a payload of no known shape", kind=req.type)
            return
        request = BoltRequest(mode="socket_mode", body=body, headers=build_headers(req), context={AFTER: after})
        answer = self.app.dispatch(request)
        try:
            send_response(client, req, answer, started)
        except SlackClientNotConnectedError as gone:
            log.info("an acknowledgement was lost with its connection", trouble=str(gone))
        finally:
            # What was stored is worked on even when Slack did not hear of it: it may not send it again.
            for work in after:
                work()

    def ping(self) -> str:
        """Raises Unavailable."""
        if not self.client.is_connected():
            raise Unavailable("slack", text("Socket Mode is not connected."))
        return "connected"

    def stop(self) -> None:
        """Takes nothing more, and waits for what is being acknowledged.

        Not the client's own `close`: while that waits to shut the connection, the thread that receives, or one that
        connects anew, may begin once more and forget that all is over; then it is waited for for ever. Here no thread
        begins again, and is told until it has ended.
        """
        client = self.client
        client.closed = True
        runners = (client.current_session_runner, client.current_app_monitor, client.message_processor)
        for each in runners:
            each.event.set()
        for _ in range(CLOSE_TRIES):
            # Looked at before: who ended after it may have left a new connection.
            running = [each.thread for each in runners if each.is_alive()]
            client.auto_reconnect_enabled = False
            client.current_session_state.terminated = True
            client.disconnect()
            if not running:
                break
            running[0].join(CLOSE_PAUSE)
        client.message_workers.shutdown()
