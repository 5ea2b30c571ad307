"""Slack's payloads as neutral requests, with the ways in which they can be answered. Pure: no call, no decision.

A payload's parts are taken only where they have the shape that they should have; what is missing is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.domain.codec import Json, canonical
from bot.domain.operation import Place
from bot.domain.reply import Opens
from bot.ports.people import Identity
from bot.ports.store import Arrival
from bot.slack.context import Context, unseal
from bot.slack.controls import ACTION
from bot.slack.forms import values_of
from bot.slack.front import SYSTEM, Origin, Request, dump
from bot.slack.macs import Macs
from bot.slack.typed import Verbs, line, without_mention


@dataclass(frozen=True, slots=True)
class Way:
    """How to answer: kept in memory only."""

    user: str
    place: Place
    response_url: str = field(default="", repr=False)
    trigger: str = field(default="", repr=False)
    view: str = ""
    """The dialog that was clicked in or submitted."""
    awaited: str = ""
    """external_id of the dialog that the acknowledgement puts in its place; empty: none."""
    is_home: bool = False
    is_private: bool = False
    """Clicked in a message that only this person sees: the answer takes its place."""
    is_direct: bool = False
    """In the direct message with the bot: everything there is private."""
    opens: Opens = Opens.NOTHING
    title: str = ""
    """Of the dialog that opens."""


@dataclass(frozen=True, slots=True)
class Incoming:
    request: Request
    way: Way
    delivery: str
    kind: str
    hidden: frozenset[str] = frozenset()
    """Fields of a form that are not stored."""

    def arrival(self, nonce: str) -> Arrival:
        request = self.request
        return Arrival(
            nonce=nonce,
            delivery=self.delivery,
            source=SYSTEM,
            kind=self.kind,
            actor=request.identity.user,
            channel=request.place.channel,
            body=dump(request, hidden=self.hidden),
        )


def part(value: Json, *path: str) -> str:
    """The text at this path; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def inner(value: Json, *path: str) -> dict[str, Json]:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _opening(incoming: Incoming) -> Incoming:
    """A button that opens a form asks for the form."""
    is_form = incoming.way.opens is Opens.FORM
    return replace(incoming, request=replace(incoming.request, wants_form=is_form))


def nonce_of(payload: Mapping[str, Json]) -> str:
    """For Socket Mode, which has no signature: of the payload itself."""
    return hashlib.sha256(canonical({**payload}).encode()).hexdigest()


def identity_of(payload: dict[str, Json], *, home: str) -> Identity:
    """`home` is our workspace. Where the envelope and the person name different ones, the foreign one counts."""
    teams = [
        part(payload, "team_id"),
        part(payload, "team", "id"),
        part(payload, "user", "team_id"),
        part(payload, "event", "user_team"),
        part(payload, "event", "source_team"),
    ]
    foreign = [team for team in teams if team and team != home]
    team = foreign[0] if foreign else next((team for team in teams if team), "")
    user = part(payload, "user_id") or part(payload, "user", "id") or part(payload, "event", "user")
    return Identity(SYSTEM, team, user, part(payload, "enterprise_id") or part(payload, "enterprise", "id"))


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows what is needed to read a payload."""

    macs: Macs
    verbs: Verbs
    team: str
    bot_user: str

    def command(self, payload: dict[str, Json]) -> Incoming | None:
        """None: not a command of ours."""
        words = self.verbs.line(part(payload, "command"), part(payload, "text"))
        if words is None:
            return None
        place = Place(part(payload, "channel_id"))
        return self._incoming(
            payload,
            Origin.TYPED,
            words,
            place,
            kind="command",
            is_direct=part(payload, "channel_name") == "directmessage",
        )

    def click(self, payload: dict[str, Json]) -> tuple[Incoming, bool]:
        """Whether the button is (still) ours comes second."""
        actions = payload.get("actions")
        action = actions[0] if isinstance(actions, list) and actions else {}
        value = part(action, "value") or part(action, "selected_option", "value")
        pressed = self.macs.pressed(value) if part(action, "action_id").startswith(ACTION) else None
        words, opens = pressed or ("", Opens.NOTHING)
        container = inner(payload, "container")
        view = inner(payload, "view")
        if view:
            context = unseal(self.macs, part(view, "private_metadata")) or Context(Place(part(payload, "user", "id")))
            found = self._incoming(payload, Origin.CLICKED, words, context.place, kind="click", view=part(view, "id"))
            way = replace(found.way, opens=opens, is_home=part(view, "type") == "home", title=_label(action))
            return _opening(replace(found, way=way)), pressed is not None
        root = part(container, "thread_ts") or part(payload, "message", "thread_ts")
        thread = "" if root == part(container, "message_ts") else root
        place = Place(part(container, "channel_id") or part(payload, "channel", "id"), thread)
        found = self._incoming(payload, Origin.CLICKED, words, place, kind="click")
        is_direct = part(payload, "channel", "name") == "directmessage" or place.channel.startswith("D")
        way = replace(
            found.way,
            opens=opens,
            is_private=container.get("is_ephemeral") is True,
            is_direct=is_direct,
            title=_label(action),
        )
        return _opening(replace(found, way=way)), pressed is not None

    def submission(self, payload: dict[str, Json]) -> Incoming | None:
        """None: the dialog is not (or no longer) ours."""
        view = inner(payload, "view")
        context = unseal(self.macs, part(view, "private_metadata"))
        if context is None or not context.line:
            return None
        values, hidden = values_of(inner(view, "state", "values")) if context.is_form else ({}, frozenset[str]())
        found = self._incoming(
            payload, Origin.SUBMITTED, context.line, context.place, kind="submission", view=part(view, "id")
        )
        request = replace(found.request, values=values)
        delivery = f"view:{part(view, 'id')}:{part(view, 'hash')}"
        way = replace(found.way, title=part(view, "title", "text"), awaited=delivery)
        return replace(found, request=request, way=way, delivery=delivery, hidden=hidden)

    def shortcut(self, payload: dict[str, Json]) -> Incoming:
        words = part(payload, "callback_id").removeprefix(ACTION).replace("_", " ")
        channel = part(payload, "channel", "id")
        ts = part(payload, "message", "thread_ts") or part(payload, "message_ts")
        place = Place(channel, ts) if channel else Place(part(payload, "user", "id"))
        found = self._incoming(payload, Origin.SHORTCUT, words, place, kind="shortcut")
        return replace(found, way=replace(found.way, opens=Opens.VIEW, title=words.capitalize()))

    def mention(self, payload: dict[str, Json]) -> Incoming:
        event = inner(payload, "event")
        words = line(without_mention(part(event, "text"), self.bot_user))
        place = Place(part(event, "channel"), part(event, "thread_ts"))
        found = self._incoming(payload, Origin.MENTIONED, words, place, kind="mention")
        return replace(found, delivery=f"event:{part(payload, 'event_id')}")

    def direct(self, payload: dict[str, Json]) -> Incoming:
        """A message to the bot alone."""
        found = self.mention(payload)
        return replace(found, kind="message", way=replace(found.way, is_direct=True))

    def _incoming(
        self,
        payload: dict[str, Json],
        origin: Origin,
        words: str,
        place: Place,
        *,
        kind: str,
        view: str = "",
        is_direct: bool = False,
    ) -> Incoming:
        identity = identity_of(payload, home=self.team)
        trigger = part(payload, "trigger_id")
        return Incoming(
            request=Request(origin=origin, identity=identity, line=words, place=place, private=Place(identity.user)),
            way=Way(
                user=identity.user,
                place=place,
                response_url=part(payload, "response_url"),
                trigger=trigger,
                view=view,
                is_direct=is_direct,
            ),
            delivery=f"trigger:{trigger}" if trigger else "",
            kind=kind,
        )


def _label(action: Json) -> str:
    return part(action, "text", "text") or part(action, "selected_option", "text", "text")
