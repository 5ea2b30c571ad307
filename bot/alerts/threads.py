"""Alert groups become threads: one message a group, updated in place; its thread is filled by read commands.

Alerts fail open: a group that cannot be understood is shown as it is rather than lost. Nothing here changes a target;
buttons are command lines that take the road.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

import structlog

from bot.alerts.card import AlertState, read
from bot.audit.records import record
from bot.domain.errors import IntegrationError
from bot.domain.operation import Operation
from bot.domain.redact import redact
from bot.domain.reply import Buttons, Note, Paragraph, Reply, text
from bot.ports.apps import App, Apps
from bot.ports.observing import AlertGroup
from bot.ports.store import AlertThread, MessageClass, OperationFilter, Record, Store, Tx
from bot.steps.codec import dump
from bot.steps.suspects import CHANGES, SHOWN, described, suspect

log = structlog.get_logger(__name__)

LONGEST_RUNBOOK = 500
_ACTIONS = Note(text("Actions are on the first message of this thread."))


def thread_key(group: AlertGroup) -> str:
    return hashlib.sha256(f"{group.receiver}\n{group.key}".encode()).hexdigest()[:20]


class AlertDesk:
    def __init__(
        self,
        *,
        store: Store,
        apps: Apps,
        ask: Callable[[str], Reply | None],
        needs_votes: Callable[[App], bool],
        default_channel: str,
    ) -> None:
        """`ask` runs a read command on the road as the service principal and gives what it says. `needs_votes`: others
        have to agree to a rollback of this app."""
        self._store = store
        self._apps = apps
        self._ask = ask
        self._needs_votes = needs_votes
        self._default_channel = default_channel

    def receive(self, group: AlertGroup, *, inbox: int | None) -> AlertThread:
        """Stores the group's state and asks for its card; fills the thread when it is new."""
        app = self._owner(group)
        state = _state(group, app)
        blamed = self._suspect(state, app)
        if app is not None and blamed is not None:
            began = datetime.fromisoformat(state.started)
            state = replace(
                state, suspect=blamed.id, suspect_words=described(blamed, began), needs_votes=self._needs_votes(app)
            )
        key = thread_key(group)
        channel = (app.channel if app else "") or self._default_channel

        def work(tx: Tx) -> tuple[AlertThread, bool]:
            known = tx.alerts.get(key)
            is_new = known is None or (not known.is_firing and group.is_firing)
            number = 0 if known is None else known.number
            kept = state if known is None or is_new else _still_acknowledged(state, read(known))
            thread = AlertThread(
                key=key,
                number=number,
                channel=known.channel if known else channel,
                state=json.dumps(asdict(kept), sort_keys=True),
                is_firing=group.is_firing,
                updated=tx.now,
            )
            stored = tx.alerts.put(thread)
            _announce(tx, stored)
            if is_new and group.is_firing and blamed is not None:
                _tell_followers(tx, blamed, state, stored)
            if is_new or not group.is_firing:
                tx.records.append(_record(tx, state, group))
            if inbox is not None:
                tx.inbox.done(inbox)
            return stored, is_new

        stored, is_new = self._store.transact(work)
        if is_new and group.is_firing and app is not None:
            self._fill(stored, app)
        return stored

    def _owner(self, group: AlertGroup) -> App | None:
        labels = {**(group.alerts[0].labels if group.alerts else {}), **group.labels}
        name = labels.get("app") or labels.get("deployment") or labels.get("workload") or ""
        try:
            return self._apps.owner(labels.get("namespace", ""), name)
        except IntegrationError as error:
            log.warning("the owner of an alert cannot be known", error=str(error))
            return None

    def _suspect(self, state: AlertState, app: App | None) -> Operation | None:
        if app is None or not state.started:
            return None
        recent = OperationFilter(app=str(app.name), env=str(app.env), kinds=CHANGES)
        return suspect(self._store.read(lambda tx: tx.operations.find(recent)), datetime.fromisoformat(state.started))

    def _fill(self, thread: AlertThread, app: App) -> None:
        """What a person would look at first; each part stands alone, and one that fails says so."""
        lines = (
            f"why {app.name} in {app.env}",
            f"metrics {app.name} in {app.env}",
            f"status {app.name} in {app.env}",
            f"logs {app.name} in {app.env} since=15m level=error",
        )
        for n, line in enumerate(lines, 1):
            reply = self._ask(line)
            if reply is not None:
                if n == 1:
                    reply = replace(reply, blocks=(*reply.blocks, _ACTIONS))
                self._store.transact(lambda tx, n=n, reply=reply: self._say(tx, thread, n, reply))  # type: ignore[misc]

    @staticmethod
    def _say(tx: Tx, thread: AlertThread, n: int, reply: Reply) -> None:
        blocks = tuple(block for block in reply.blocks if not isinstance(block, Buttons))
        tx.outbox.want(
            f"{thread.subject}/{n}",
            channel=thread.channel,
            kind=MessageClass.ALERT,
            body=f'{{"reply":{dump(Reply(reply.title, blocks))}}}',
            parent=thread.subject,
        )


def _still_acknowledged(state: AlertState, before: AlertState) -> AlertState:
    return replace(state, acked_by=before.acked_by, acked_at=before.acked_at)


def redraw(tx: Tx, op: Operation) -> None:
    """An operation ended: the cards of what fires for its app have another way back now, or none any more, or are silenced; and the cards
    of what ended while it ran (a rollback is watched for longer than its alert fires) say of it."""
    if op.kind not in SHOWN or op.started is None:
        return
    for thread in tx.alerts.firing_since(op.started):
        state = read(thread)
        if (state.app, state.env) == (op.app, op.env):
            _announce(tx, thread)


def _announce(tx: Tx, thread: AlertThread) -> None:
    key = thread.subject
    tx.outbox.want(key, channel=thread.channel, kind=MessageClass.ALERT, body=f'{{"subject":"{key}"}}')


def _state(group: AlertGroup, app: App | None) -> AlertState:
    first = group.alerts[0] if group.alerts else None
    labels = {**(first.labels if first else {}), **group.labels}
    annotations = first.annotations if first else {}
    starts = min((alert.starts for alert in group.alerts), default=None)
    ends = max((alert.ends for alert in group.alerts if alert.ends), default=None)
    return AlertState(
        name=labels.get("alertname", "Alert"),
        severity=labels.get("severity", ""),
        namespace=labels.get("namespace", ""),
        workload=labels.get("app", ""),
        app=str(app.name) if app else "",
        env=str(app.env) if app else "",
        summary=redact(annotations.get("summary", "")),
        description=redact(annotations.get("description", "")),
        started=starts.isoformat() if starts else "",
        ended=ends.isoformat() if ends and not group.is_firing else "",
        firing=sum(1 for alert in group.alerts if alert.is_firing) + group.truncated,
        total=len(group.alerts) + group.truncated,
        link=group.link,
        owner=app.tenant if app else "",
        runbook=_runbook(annotations.get("runbook_url", "")),
    )


def _runbook(url: str) -> str:
    """Programs wrote it: what is no https address of a sensible length is left out."""
    return url if url.startswith("https://") and len(url) <= LONGEST_RUNBOOK else ""


def _tell_followers(tx: Tx, op: Operation, state: AlertState, thread: AlertThread) -> None:
    """In the thread of the change that is the likely cause: who follows it learns of the alert there."""
    words = text(
        "{who} *{name}* fires for {app} on {env} since {at} (al-{number}). This change is the likely cause.",
        who=op.requester,
        name=state.name,
        app=state.app,
        env=state.env,
        at=datetime.fromisoformat(state.started),
        number=thread.number,
    )
    tx.outbox.want(
        f"operation/{op.id}/al-{thread.number}",
        channel=op.place.channel,
        thread=op.place.thread,
        kind=MessageClass.ALERT,
        body=f'{{"reply":{dump(Reply(None, (Paragraph(words),)))}}}',
        parent=f"operation/{op.id}",
    )


def _record(tx: Tx, state: AlertState, group: AlertGroup) -> Record:
    return record(
        at=tx.now,
        actor="alertmanager",
        action="alerts:receive",
        target=f"{state.app}/{state.env}" if state.app else state.namespace,
        op="",
        kind="alert",
        outcome="firing" if group.is_firing else "resolved",
        details={"alert": state.name, "severity": state.severity, "count": str(state.firing)},
    )
