"""What the Slack edge needs of the product below it: three small Protocols that bot.app fills in.

The edge turns payloads into Requests and Answers into messages; it decides nothing about who may do what.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.forms import Form
from bot.domain.operation import Place
from bot.domain.reply import Reply, Text
from bot.ports.people import Identity
from bot.ports.store import Arrival
from bot.road.answers import Answer, Show
from bot.road.request import Origin, Request

__all__ = ["Answer", "Disturbed", "Forms", "Front", "Origin", "Request", "Show", "Views", "dump", "load"]

SYSTEM = "slack"


class Front(Protocol):
    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        """Durable when it returns; None: known already, nothing is to be done. Raises Unavailable."""
        ...

    def work(self, request: Request) -> Answer:
        """The whole road; never raises for what a command does. Takes as long as it takes."""
        ...


class Forms(Protocol):
    """Answered from memory, within the acknowledgement."""

    def wants_form(self, line: str) -> bool:
        """A verb without what it needs: a dialog is opened at once, while the road still works."""
        ...

    def mistakes(self, request: Request) -> Mapping[str, Text]:
        """What is wrong with the submitted values, by field, as far as it can be told without asking anybody."""
        ...

    def form(self, request: Request) -> Form | None:
        """The command's form, filled with the request's line and values."""
        ...

    def suggest(self, identity: Identity, field: str, typed: str) -> tuple[str, ...]:
        """Names for a field, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Disturbed:
    """Somebody deleted or edited one of our messages; `by` is a user id, empty where Slack does not say."""

    channel: str
    ts: str
    is_deleted: bool
    by: str


class Views(Protocol):
    def home(self, identity: Identity, *, is_open: bool) -> Reply:
        """`is_open`: the person has opened it; else it is drawn anew because `pulse` moved."""
        ...

    def pulse(self) -> str:
        """The same as long as nothing changed that a Home tab shows of our own records. Raises Unavailable."""
        ...

    def disturbed(self, what: Disturbed) -> None:
        """A card is wanted anew; in the audit channel it is also reported."""
        ...


def dump(request: Request, *, hidden: frozenset[str] = frozenset()) -> str:
    """What is stored before the acknowledgement: no token, no response_url, none of the fields in `hidden`."""
    identity, place = request.identity, request.place
    return json.dumps(
        {
            "origin": request.origin.value,
            "identity": [identity.team, identity.user, identity.enterprise],
            "line": request.line,
            "place": [place.channel, place.thread],
            "values": {name: value for name, value in request.values.items() if name not in hidden},
        },
        ensure_ascii=False,
    )


def load(body: str, *, inbox: int) -> Request:
    """The inverse, after a restart. Raises ValueError, KeyError."""
    raw = json.loads(body)
    team, user, enterprise = raw["identity"]
    channel, thread = raw["place"]
    return Request(
        origin=Origin(raw["origin"]),
        identity=Identity(SYSTEM, team, user, enterprise),
        line=raw["line"],
        place=Place(channel, thread),
        values=raw["values"],
        private=Place(user),
        inbox=inbox,
    )
