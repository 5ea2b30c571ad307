"""The card of an alert group, drawn from its stored state and the operations of its app: what fires, the likely cause, and
one click back from it. Knows no Slack; its buttons are command lines that take the road.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.operation import Operation
from bot.domain.refs import Principal, quoted
from bot.domain.reply import (
    Block,
    Button,
    Buttons,
    Confirm,
    Link,
    Note,
    Opens,
    Paragraph,
    Quote,
    Reply,
    Style,
    Text,
    text,
)
from bot.ports.store import AlertThread
from bot.steps.codec import load_face
from bot.steps.suspects import Versions, can_go_back, can_stop, deeds, how_long, silenced, versions, was_answered


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
    needs_votes: bool = False
    """Others have to agree to a rollback."""
    acked_by: str = ""
    acked_at: str = ""
    """Who looks after it, and since when; forgotten when it ends."""
    runbook: str = ""
    """An https address, as the alert's rule gives it."""
    owner: str = ""
    """The tenant."""


def read(thread: AlertThread) -> AlertState:
    return AlertState(**json.loads(thread.state))


def draw(thread: AlertThread, operations: Sequence[Operation] = ()) -> Reply:
    """`operations`: the app's recent ones, as they are now."""
    state = read(thread)
    about = (
        text("{app} on {env}", app=state.app, env=state.env)
        if state.app
        else text("{ns}", ns=state.namespace or "no app")
    )
    word = text("Firing") if thread.is_firing else text("Resolved")
    title = text("{word} · {name} · {about}", word=word, name=state.name, about=about)
    since = datetime.fromisoformat(state.started) if state.started else thread.updated
    blocks = (
        _firing(thread, state, operations, since) if thread.is_firing else _resolved(thread, state, operations, since)
    )
    return Reply(title, tuple(blocks))


def _said(state: AlertState) -> list[Block]:
    blocks: list[Block] = []
    if state.summary:
        blocks.append(Quote(text("{severity}", severity=state.severity.capitalize() or "Alert"), state.summary))
    if state.description:
        blocks.append(Quote(text("More"), state.description))
    return blocks


def _firing(thread: AlertThread, state: AlertState, operations: Sequence[Operation], since: datetime) -> list[Block]:
    blocks = _said(state)
    if state.suspect:
        blocks.append(Paragraph(text("*Likely cause:* {words} ({op}).", words=state.suspect_words, op=state.suspect)))
    if (quiet := silenced(operations, state.name)) is not None and quiet[1] > since:
        blocks.append(Paragraph(text("*Silenced* by {who} until {until}.", who=quiet[0].requester, until=quiet[1])))
    count = text("")
    if state.total > 1:
        count = text(" · {n} of {all} still fire", n=state.firing, all=state.total)
    done = _joined([*_acknowledged(state), *deeds(operations, since)])
    blocks.append(
        Note(
            text(
                "Since {at}{count}{done}{owner} · al-{number}{runbook} · chart, changes and logs are in the thread",
                at=since,
                owner=text(" · owner {owner}", owner=state.owner) if state.owner else text(""),
                count=count,
                done=done,
                runbook=text(" · {link}", link=Link(state.runbook, "Runbook")) if state.runbook else text(""),
                number=thread.number,
            )
        )
    )
    if state.app:
        blamed = next((op for op in operations if op.id == state.suspect), None)
        is_answered = blamed is not None and was_answered(operations, blamed)
        blocks.append(_buttons(thread, state, None if is_answered else blamed))
    return blocks


def _resolved(thread: AlertThread, state: AlertState, operations: Sequence[Operation], since: datetime) -> list[Block]:
    ended = datetime.fromisoformat(state.ended) if state.ended else thread.updated
    lasted = Paragraph(text("Lasted *{took}*.", took=how_long(since, ended)))
    # What began after its end was known has nothing to do with it.
    during = [op for op in operations if op.started is not None and op.started <= thread.updated]
    done = _joined([*_acknowledged(state), *deeds(during, since)])
    note = text("From {at} to {end}{done} · al-{number}", at=since, end=ended, done=done, number=thread.number)
    return [*_said(state), lasted, Note(note)]


def _acknowledged(state: AlertState) -> tuple[Text, ...]:
    if not state.acked_by:
        return ()
    at = datetime.fromisoformat(state.acked_at)
    return (text("acknowledged by {who} {at}", who=Principal(state.acked_by), at=at),)


def _joined(parts: Sequence[Text]) -> Text:
    """Each with a point before it."""
    return text("".join(f" · {{p{n}}}" for n in range(len(parts))), **{f"p{n}": part for n, part in enumerate(parts)})


def _buttons(thread: AlertThread, state: AlertState, blamed: Operation | None) -> Buttons:
    """To acknowledge it comes first while nobody has; then what leads back."""
    where = f"{state.app} in {state.env}"
    logs = Button(text("Logs"), f"logs {where} since=15m level=error")
    silence = Button(text("Silence"), f"silence {quoted(state.name)} {where}", opens=Opens.FORM)
    scale = Button(text("Scale {app}", app=state.app), f"scale {state.app} to {state.env}", opens=Opens.FORM)
    why = Button(text("Why?"), f"why {where}", spoken=text("Why {name} fires", name=state.name))
    looks = (Button(text("Status"), f"status {where}"), Button(text("Metrics"), f"metrics {where}"))
    row = [] if state.acked_by else [_acknowledge(thread, state)]
    if blamed is not None and can_stop(blamed):
        row.append(_stop(state, blamed))
    elif blamed is not None and can_go_back(blamed) and (found := versions(blamed)):
        row.append(_back(state, found))
    has_way = any(each.style is Style.DANGER for each in row)
    row += [silence, logs] if has_way else [logs, silence]
    return Buttons(tuple(row[:3]), more=(why, scale, *row[3:], *looks))


def _acknowledge(thread: AlertThread, state: AlertState) -> Button:
    spoken = text("Acknowledge {name} of {app} on {env}", name=state.name, app=state.app, env=state.env)
    line = f"ack al-{thread.number} {state.app} in {state.env}"
    return Button(text("Acknowledge"), line, Style.PRIMARY, spoken=spoken)


def _stop(state: AlertState, blamed: Operation) -> Button:
    """While the change runs, stopping it leads back, and was approved with it."""
    label = text("Abort the canary") if blamed.kind == "canary" else text("Stop and roll back")
    spoken = text("Stop {id} of {app} on {env}", id=blamed.id, app=state.app, env=state.env)
    confirm = load_face(blamed.face).stop
    return Button(label, f"abort {blamed.id}", Style.DANGER, confirm=confirm, spoken=spoken)


def _back(state: AlertState, found: Versions) -> Button:
    args = {"app": state.app, "env": state.env, "old": found.old, "new": found.new}
    label = text("Ask to roll back") if state.needs_votes else text("Roll back to {old}", old=found.old)
    how = text("Runs as you, without a second approval (policy: rollback).")
    if state.needs_votes:
        how = text("Others have to agree first (policy: rollback).")
    return Button(
        label,
        f"rollback {state.app}@{found.old} to {state.env} --now",
        Style.DANGER,
        confirm=Confirm(
            text("Roll back {app} on {env}?", **args),
            text("From {new} to {old}, with its config. {how} {new} is locked out of {env}.", how=how, **args),
            text("Ask for it") if state.needs_votes else text("Roll back"),
        ),
        spoken=text("Roll back {app} on {env} to {old}", **args),
    )
