"""Alert groups become threads: one message a group, updated in place; its thread is filled by read commands.

Alerts fail open: a group that cannot be understood is shown as it is rather than lost. Nothing here changes a target;
buttons are command lines that take the road.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from bot.audit.records import record
from bot.domain.errors import IntegrationError
from bot.domain.operation import Operation
from bot.domain.reply import Block, Button, Buttons, Confirm, Note, Opens, Paragraph, Quote, Reply, Style, text
from bot.ports.apps import App, Apps
from bot.ports.observing import AlertGroup
from bot.ports.store import AlertThread, MessageClass, OperationFilter, Record, Store, Tx
from bot.steps.codec import dump

log = structlog.get_logger(__name__)

SUSPECT_WITHIN = timedelta(hours=2)
CHANGES = ("deploy", "canary", "rollback", "scale", "restart", "autoscale")


@dataclass(frozen=True, slots=True)
class AlertState:
    """What an alert's card is drawn from; times are ISO 8601, empty where unknown."""

    name: str
    severity: str
    namespace: str
    workload: str
    app: str
    env: str
    summary: str
    description: str
    started: str
    ended: str
    firing: int
    total: int
    link: str
    suspect: str = ""
    """Operation id of the change that is the likely cause."""
    suspect_words: str = ""


def thread_key(group: AlertGroup) -> str:
    return hashlib.sha256(f"{group.receiver}\n{group.key}".encode()).hexdigest()[:20]


def card_key(key: str) -> str:
    return f"alert/{key}"


class AlertDesk:
    def __init__(
        self,
        *,
        store: Store,
        apps: Apps,
        ask: Callable[[str], Reply | None],
        default_channel: str,
    ) -> None:
        """`ask` runs a read command on the road as the service principal and gives what it says."""
        self._store = store
        self._apps = apps
        self._ask = ask
        self._default_channel = default_channel

    def receive(self, group: AlertGroup, *, inbox: int | None) -> AlertThread:
        """Stores the group's state and asks for its card; fills the thread when it is new."""
        app = self._owner(group)
        state = self._with_suspect(_state(group, app), app)
        key = thread_key(group)
        channel = (app.channel if app else "") or self._default_channel

        def work(tx: Tx) -> tuple[AlertThread, bool]:
            known = tx.alerts.get(key)
            is_new = known is None or (not known.is_firing and group.is_firing)
            number = 0 if known is None else known.number
            thread = AlertThread(
                key=key,
                number=number,
                channel=known.channel if known else channel,
                state=json.dumps(asdict(state), sort_keys=True),
                is_firing=group.is_firing,
                updated=tx.now,
            )
            stored = tx.alerts.put(thread)
            tx.outbox.want(
                card_key(key), channel=stored.channel, kind=MessageClass.ALERT, body=f'{{"subject":"{card_key(key)}"}}'
            )
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

    def _with_suspect(self, state: AlertState, app: App | None) -> AlertState:
        if app is None or not state.started:
            return state
        began = datetime.fromisoformat(state.started)
        recent = self._store.read(
            lambda tx: tx.operations.find(OperationFilter(app=str(app.name), env=str(app.env), kinds=CHANGES))
        )
        for op in recent:
            if op.started is not None and timedelta(0) <= began - op.started <= SUSPECT_WITHIN:
                return _blame(state, op, began)
        return state

    def _fill(self, thread: AlertThread, app: App) -> None:
        """What a person would look at first; each part stands alone, and one that fails says so."""
        lines = (
            f"status {app.name} in {app.env}",
            f"history {app.name} in {app.env} limit=5",
            f"logs {app.name} in {app.env} since=15m level=error",
        )
        for n, line in enumerate(lines, 1):
            reply = self._ask(line)
            if reply is not None:
                self._store.transact(lambda tx, n=n, reply=reply: self._say(tx, thread, n, reply))  # type: ignore[misc]

    @staticmethod
    def _say(tx: Tx, thread: AlertThread, n: int, reply: Reply) -> None:
        blocks = tuple(block for block in reply.blocks if not isinstance(block, Buttons))
        tx.outbox.want(
            f"{card_key(thread.key)}/{n}",
            channel=thread.channel,
            kind=MessageClass.ALERT,
            body=f'{{"reply":{dump(Reply(reply.title, blocks))}}}',
            parent=card_key(thread.key),
        )


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
        summary=annotations.get("summary", ""),
        description=annotations.get("description", ""),
        started=starts.isoformat() if starts else "",
        ended=ends.isoformat() if ends and not group.is_firing else "",
        firing=sum(1 for alert in group.alerts if alert.is_firing) + group.truncated,
        total=len(group.alerts) + group.truncated,
        link=group.link,
    )


def _blame(state: AlertState, op: Operation, began: datetime) -> AlertState:
    assert op.started is not None
    minutes = int((began - op.started).total_seconds() // 60)
    before = f"{minutes} min" if minutes else "less than a minute"
    values = asdict(state)
    values.update(suspect=op.id, suspect_words=f"{op.line}, by {op.requester}, {before} before it began")
    return AlertState(**values)


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


# --- the card -----------------------------------------------------------------------------------


def draw(thread: AlertThread) -> Reply:
    state = AlertState(**json.loads(thread.state))
    about = (
        text("{app} on {env}", app=state.app, env=state.env)
        if state.app
        else text("{ns}", ns=state.namespace or "no app")
    )
    word = text("Firing") if thread.is_firing else text("Resolved")
    title = text("{word} · {name} · {about}", word=word, name=state.name, about=about)
    blocks: list[Block] = []
    if state.summary:
        blocks.append(Quote(text("{severity}", severity=state.severity.capitalize() or "Alert"), state.summary))
    if state.description:
        blocks.append(Quote(text("More"), state.description))
    if thread.is_firing and state.suspect:
        blocks.append(Paragraph(text("*Likely cause:* {words} ({op}).", words=state.suspect_words, op=state.suspect)))
    since = datetime.fromisoformat(state.started) if state.started else thread.updated
    if thread.is_firing:
        blocks.append(
            Note(
                text(
                    "Since {at}{count} · al-{number} · state, releases and logs are in the thread",
                    at=since,
                    count=text(" · {n} of {all} still fire", n=state.firing, all=state.total)
                    if state.total > 1
                    else text(""),
                    number=thread.number,
                )
            )
        )
        if state.app:
            blocks.append(_buttons(state))
    else:
        ended = datetime.fromisoformat(state.ended) if state.ended else thread.updated
        blocks.append(
            Note(
                text(
                    "From {at} to {end} · {took} · al-{number}",
                    at=since,
                    end=ended,
                    took=ended - since,
                    number=thread.number,
                )
            )
        )
    return Reply(title, tuple(blocks))


def _buttons(state: AlertState) -> Buttons:
    where = f"{state.app} in {state.env}"
    logs = Button(text("Logs"), f"logs {where} since=15m level=error")
    silence = Button(text("Silence"), f"silence {state.name} {where}", opens=Opens.FORM)
    status = Button(text("Status"), f"status {where}")
    if not state.suspect:
        return Buttons((logs, status, silence))
    args = {"app": state.app, "env": state.env}
    back = Button(
        text("Roll back"),
        f"rollback {state.app} to {state.env}",
        Style.DANGER,
        confirm=Confirm(
            text("Roll back {app} on {env}?", **args),
            text("You are shown the plan first; nothing changes before you start it."),
            text("Show the plan"),
        ),
    )
    return Buttons((logs, back, silence), more=(status,))
