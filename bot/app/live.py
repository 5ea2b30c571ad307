"""A bot with its edges: Slack in either mode, the sender, webhooks, what a restart left over."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import structlog

from bot.app.bot import Bot
from bot.app.front import Front
from bot.audit.records import record
from bot.domain.errors import BadArguments, PolicyBroken
from bot.domain.refs import Secret
from bot.ports.observing import AlertGroup
from bot.ports.store import Arrival, Stored, Tx
from bot.settings import Mode
from bot.slack.connect import Account, Edge, Line, Product, Socket
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Names
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
        self.line: Line | None = None
        self.edge: Edge | None = None
        self._socket: Socket | None = None

    def connect(self) -> None:
        slack = self.bot.settings.slack
        if slack.mode is Mode.OFF:
            return
        account = Account(bot_token=slack.bot_token, api_url=slack.api_url, team=slack.team_id, app_id=slack.app_id)
        self.line = Line(account, self.bot.clock)
        self.bot.people.slack = self.line.people
        self.bot.doctor.add(("slack", self.line.ping))
        front = Front(
            self.bot.core,
            audit_channel=self.bot.settings.audit.channel,
            alarm_channel=self.bot.settings.alertmanager.default_channel,
            wake=self._wake,
        )
        product = Product(
            front=front,
            forms=front,
            views=front,
            names=self._names,
            macs=Macs(mac_key(slack.bot_token)),
            slash=tuple(command.name for command in CATALOGUE if command.slash),
            prefix=slack.prefix,
            audit_channel=self.bot.settings.audit.channel,
        )
        self.edge = Edge(self.line, product, self.bot.clock)

    def start(self) -> None:
        if self.line is None:
            self.connect()
        slack = self.bot.settings.slack
        if self.edge is not None and slack.mode is Mode.SOCKET:
            self._socket = self.edge.socket(slack.app_token)
            self._socket.connect()
        self.bot.ticker.every(LEFTOVERS_EVERY, "requests that a restart left over", self._finish_leftovers)
        self.bot.start()

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.stop()
        if self.edge is not None:
            self.edge.close()
        self.bot.stop()
        if self.line is not None:
            self.line.close()

    def _wake(self) -> None:
        """The outbox has something."""

    def _names(self) -> Names:
        try:
            policy = self.bot.core.judge().policy
        except PolicyBroken:
            return Names()
        users = {str(who): person.slack[0].rpartition("/")[2] for who, person in policy.people.items() if person.slack}
        groups = {name: group.slack for name, group in policy.groups.items() if group.slack}
        return Names(users=users, groups=groups)

    # --- alerts -------------------------------------------------------------------------------

    def take_alert(self, body: bytes) -> int | None:
        """Stores a verified delivery before it is answered. Raises Unavailable: Alertmanager then sends again."""
        arrival = Arrival(
            nonce=hashlib.sha256(body).hexdigest(),
            delivery=f"{ALERTS}-{hashlib.sha256(body).hexdigest()}",
            source=ALERTS,
            kind="alert",
            actor=ALERTS,
            channel="",
            body=body.decode("utf-8", "replace"),
        )
        return self.bot.store.accept(arrival)

    def work_alert(self, body: bytes, inbox: int | None) -> None:
        group = self._decode(body)
        if group is not None:
            self.bot.core.alerts.receive(group, inbox=inbox)
            self._wake()

    def _decode(self, body: bytes) -> AlertGroup | None:
        if self._webhook is None:
            return None
        try:
            return self._webhook.decode(body)
        except BadArguments as error:
            log.warning("a delivery of Alertmanager cannot be understood", error=str(error))
            return None

    # --- after a restart ----------------------------------------------------------------------

    def _finish_leftovers(self) -> None:
        found = self.bot.store.transact(
            lambda tx: tx.inbox.leftovers(owner=self.bot.owner, lease=LEFT_AFTER, older=LEFT_AFTER, limit=20)
        )
        for stored in found:
            self._finish(stored)

    def _finish(self, stored: Stored) -> None:
        """Alerts always run; a change that is a minute old is only recorded as not done: its asker has moved on."""
        if stored.arrival.source == ALERTS:
            self.work_alert(stored.arrival.body.encode(), stored.id)
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


def mac_key(token: Secret) -> Secret:
    """One for all replicas of one Slack app, and nothing that has to be configured."""
    return Secret(hashlib.sha256(f"pilothouse-buttons:{token.reveal()}".encode()).hexdigest())
