"""From a row of the outbox to the arguments of chat.postMessage and chat.update. Draws; sends nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.codec import Json, canonical
from bot.domain.reply import Reply
from bot.ports.store import Message
from bot.slack.blocks import Block
from bot.slack.charts import Picture
from bot.slack.code import File
from bot.slack.mrkdwn import shorten
from bot.slack.render import Surface

CARD_EVENT = "pilothouse_card"
_TEXT_BYTES = 3_950
_OTHER_TOKENS = re.compile(r"<(?!!date\^)")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`is_fixed`: never edited once it stands. `stays`: posted where it belongs, or not at all."""

    text: str
    blocks: tuple[Block, ...] = ()
    event: str = CARD_EVENT
    payload: Block = field(default_factory=dict)
    files: tuple[File, ...] = ()
    pictures: tuple[Picture, ...] = ()
    is_fixed: bool = False
    stays: bool = False

    def metadata(self, key: str) -> Block:
        """Opaque ids only: every app and member can read it."""
        return {"event_type": self.event, "event_payload": {**self.payload, "key": key}}

    def simpler(self) -> Outgoing | None:
        """What is left when Slack does not take the blocks: without charts, then without any."""
        plain = tuple(block for block in self.blocks if block["type"] not in {"data_visualization", "image", "table"})
        if plain and (len(plain) < len(self.blocks) or self.pictures):
            return replace(self, blocks=plain, pictures=())
        return replace(self, blocks=(), pictures=()) if self.blocks else None


Rendering = Callable[[Reply, Surface], "Outgoing"]


class Drawing:
    def __init__(
        self,
        *,
        draw: Callable[[str], Reply | None],
        load: Callable[[str], Reply],
        render: Rendering,
    ) -> None:
        """`draw`: a card by its subject, None where it is gone; `load`: a stored Reply."""
        self._draw = draw
        self._load = load
        self._render = render

    def outgoing(self, row: Message) -> Outgoing | None:
        """None: there is nothing to show any more. Raises ValueError for a body that is none of the three."""
        body = json.loads(row.body)
        match body:
            case {"subject": str(subject)}:
                reply = self._draw(subject)
                return None if reply is None else self._render(reply, Surface.CARD)
            case {"reply": dict() as stored}:
                return self._render(self._load(canonical(stored)), Surface.THREAD)
            case {"text": str(words)}:
                return _line(words, body.get("metadata"))
            case _:
                raise ValueError(f"the message {row.key} has a body that nobody can read")


def _line(words: str, metadata: Json) -> Outgoing:
    """Text alone, as the audit feed writes it: escaped there already; of Slack's notation only dates pass."""
    safe = shorten(_OTHER_TOKENS.sub("&lt;", words), _TEXT_BYTES, is_bytes=True)
    match metadata:
        case {"event_type": str(event), "event_payload": dict(payload)}:
            return Outgoing(safe, event=event, payload=payload, is_fixed=True)
        case _:
            return Outgoing(safe, is_fixed=True)
