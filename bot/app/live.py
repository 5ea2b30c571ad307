"""A bot with its edges: Slack in either mode, the sender, webhooks, what a restart left over."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog

from bot.app.bot import Bot
from bot.app.front import Front
from bot.app.slack_sink import SlackSink
from bot.audit.records import record
from bot.domain.errors import BadArguments, PilothouseError, PolicyBroken
from bot.domain.refs import Secret
from bot.ports.observing import AlertGroup
from bot.ports.store import Arrival, OperationFilter, Store, Stored, Tx
from bot.ports.webhooks import HttpDoor
from bot.settings import Mode
from bot.slack.checks import Checks
from bot.slack.connect import Account, Edge, Line, Product, Socket
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Names
from bot.slack.sender import Sender
from bot.steps.codec import load_reply
from bot.web.application import Doors, application
from bot.web.hooks import Hook
from bot.web.server import WebServer
from commands.catalogue import CATALOGUE
from integrations.alertmanager.webhook import AlertmanagerWebhook

log = structlog.get_logger(__name__)

LEFT_AFTER = timedelta(seconds=60)
"""A request that nobody finished by then was lost in a restart."""
LEFTOVERS_EVERY = timedelta(seconds=10)
ALERTS = "alertmanager"


class Live:
    """Slack's edge of a Bot. `connect` reaches Slack and raises where it cannot; `start` begins to listen."""

    def __init__(self, bot: Bot, *, webhook: AlertmanagerWebhook | None = None) -> None:
        self.bot = bot
        self._webhook = webhook
        self._alerts = ThreadPoolExecutor(2, thread_name_prefix="alerts")
        self.line: Line | None = None
        self.edge: Edge | None = None
        self.sender: Sender | None = None
        self.web: WebServer | None = None
        self._socket: Socket | None = None

    def connect(self) -> None:
        slack = self.bot.settings.slack
        if slack.mode is Mode.OFF:
            return
        account = Account(bot_token=slack.bot_token, api_url=slack.api_url, team=slack.team_id, app_id=slack.app_id)
        self.line = Line(account, self.bot.clock)
        self.bot.people.slack = self.line.people
        for ping in Checks(self.line.api, self.bot.clock, self.bot.settings.audit.channel).all():
            self.bot.doctor.add(ping)
        if self.bot.settings.audit.channel:
            self.bot.sinks.append(SlackSink(self.line.api, self.bot.settings.audit.channel, self.line.me.bot_id))
        front = Front(
            self.bot.core,
            audit_channel=self.bot.settings.audit.channel,
            alarm_channel=self.bot.settings.alertmanager.default_channel,
            wake=self._wake,
        )
        macs = Macs(mac_key(slack.bot_token))
        product = Product(
            front=front,
            forms=front,
            views=front,
            names=self._names,
            macs=macs,
            slash=tuple(command.name for command in CATALOGUE if command.slash),
            prefix=slack.prefix,
            audit_channel=self.bot.settings.audit.channel,
        )
        self.edge = Edge(self.line, product, self.bot.clock)
        self.sender = Sender(
            store=self.bot.store,
            line=self.line,
            clock=self.bot.clock,
            names=self._names,
            macs=macs,
            draw=self.bot.core.draw,
            load=load_reply,
            owner=self.bot.owner,
            fallback=self.bot.settings.alertmanager.default_channel,
            messages=slack.messages_per_minute,
            updates=slack.updates_per_minute,
        )

    def serve_web(self) -> None:
        """Webhooks, health and, in HTTP mode, Slack. Raises OSError where the port is taken."""
        settings = self.bot.settings
        slack = None
        if self.edge is not None and settings.slack.mode is Mode.HTTP:
            slack = self.edge.door(settings.slack.signing_secrets, self.bot.clock)
        hooks: dict[str, HttpDoor] = {}
        if self._webhook is not None:
            hooks[ALERTS] = Hook(ALERTS, self._webhook, self._take_alert)
        doors = Doors(slack=slack, hooks=hooks, ready=self._not_ready, metrics=self._metrics)
        self.web = WebServer(application(doors), host=settings.web.host, port=settings.web.port)
        self.web.start()

    def _metrics(self) -> str:
        return metrics(self.bot.store, is_clock_off=self.bot.core.engine.timekeeper.why_off is not None)

    def _not_ready(self) -> str:
        why = self.bot.store.why_closed
        return why.plain() if why is not None else ""

    def start(self) -> None:
        if self.line is None:
            self.connect()
        slack = self.bot.settings.slack
        if self.edge is not None and slack.mode is Mode.SOCKET:
            self._socket = self.edge.socket(slack.app_token)
            self._socket.connect()  # type: ignore[no-untyped-call]
            self.bot.doctor.add(("Socket Mode", self._socket.ping))
        if self.sender is not None:
            self.sender.start()
        if self.edge is not None:
            self.edge.refresher.start()
        self.bot.on_commit = self._wake
        self.bot.on_rung = self._wake_sender
        self.bot.core.worker.on_tick = self._wake
        self.bot.ticker.every(LEFTOVERS_EVERY, "requests that a restart left over", self._finish_leftovers)
        self.bot.start()

    def stop(self) -> bool:
        """The sender goes last: what the engine brought to its end meanwhile is still shown. False: a step hangs."""
        self.bot.core.worker.halt()
        if self._socket is not None:
            self._socket.stop()
        if self.web is not None:
            self.web.stop()
        if self.edge is not None:
            self.edge.close()
        is_idle = self.bot.halt()
        self._alerts.shutdown(wait=is_idle)
        if self.sender is not None:
            self.sender.stop()
        self.bot.close()
        if self.line is not None:
            self.line.close()
        return is_idle

    def _wake(self) -> None:
        """The outbox has something; another replica's sender may be the one."""
        self._wake_sender()
        self.bot.store.bell.ring()

    def _wake_sender(self) -> None:
        if self.sender is not None:
            self.sender.wake()

    def _names(self) -> Names:
        try:
            policy = self.bot.core.judge().policy
        except PolicyBroken:
            return Names()
        users = {str(who): person.slack[0].rpartition("/")[2] for who, person in policy.people.items() if person.slack}
        groups = {name: group.slack for name, group in policy.groups.items() if group.slack}
        return Names(users=users, groups=groups)

    # --- alerts -------------------------------------------------------------------------------

    def _take_alert(self, group: AlertGroup, body: bytes) -> None:
        """Stores a verified delivery before it is answered; Alertmanager sends again what could not be stored."""
        digest = hashlib.sha256(body).hexdigest()
        arrival = Arrival(
            nonce=digest,
            delivery=f"{ALERTS}-{digest}",
            source=ALERTS,
            kind="alert",
            actor=ALERTS,
            channel="",
            body=body.decode("utf-8", "replace"),
        )
        (inbox,) = self.bot.store.accept((arrival,))
        if inbox is not None:
            self._alerts.submit(self._work_alert, group, inbox)

    def _work_alert(self, group: AlertGroup, inbox: int | None) -> None:
        try:
            self.bot.core.alerts.receive(group, inbox=inbox)
        except PilothouseError as error:
            # It is stored: it is tried again as what a restart would leave over.
            log.warning("an alert could not be worked on now", error=str(error))
        self._wake()

    # --- after a restart ----------------------------------------------------------------------

    def _finish_leftovers(self) -> None:
        found = self.bot.store.transact(
            lambda tx: tx.inbox.leftovers(owner=self.bot.owner, lease=LEFT_AFTER, older=LEFT_AFTER, limit=20)
        )
        for stored in found:
            self._finish(stored)

    def _again(self, stored: Stored) -> None:
        if self._webhook is None:
            return
        try:
            group = self._webhook.decode(stored.arrival.body.encode())
        except BadArguments as error:
            log.warning("a stored delivery cannot be understood", error=str(error))
            self.bot.store.transact(lambda tx: tx.inbox.done(stored.id))
            return
        self._work_alert(group, stored.id)

    def _finish(self, stored: Stored) -> None:
        """Alerts always run; a change that is a minute old is only recorded as not done: its asker has moved on."""
        if stored.arrival.source == ALERTS:
            self._again(stored)
            return

        def work(tx: Tx) -> None:
            tx.inbox.done(stored.id)
            tx.records.append(
                record(
                    at=tx.now,
                    actor=f"{stored.arrival.source}:{stored.arrival.actor}",
                    action="requests:lost",
                    target="",
                    op="",
                    kind="denied",
                    outcome="restarted",
                    details={"kind": stored.arrival.kind, "channel": stored.arrival.channel},
                )
            )

        self.bot.store.transact(work)


def metrics(store: Store, *, is_clock_off: bool = False) -> str:
    """In Prometheus' text format."""
    open_ones = store.read(lambda tx: tx.operations.find(OperationFilter(is_final=False, limit=1000)))
    size, _ = store.read(lambda tx: tx.records.head())
    phases = Counter(op.phase.value for op in open_ones)
    lines = ["# TYPE pilothouse_operations_open gauge"]
    lines += [f'pilothouse_operations_open{{phase="{phase}"}} {count}' for phase, count in sorted(phases.items())]
    lines += ["# TYPE pilothouse_clock_off gauge", f"pilothouse_clock_off {int(is_clock_off)}"]
    lines += ["# TYPE pilothouse_audit_records_total counter", f"pilothouse_audit_records_total {size}"]
    return "\n".join(lines) + "\n"


def mac_key(token: Secret) -> Secret:
    """One for all replicas of one Slack app, and nothing that has to be configured."""
    return Secret(hashlib.sha256(f"pilothouse-buttons:{token.reveal()}".encode()).hexdigest())
