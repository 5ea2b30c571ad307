"""The audit channel as a place of checkpoints: each of its messages carries one in its metadata (bot.audit.feed)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.audit.checkpoint import load
from bot.domain.codec import Json
from bot.ports.store import Checkpoint
from bot.slack.api import Api, NoReply, NotOk, integration_error

PAGE = 200
PAGES = 5
"""The newest thousand messages: older checkpoints are covered by newer ones."""


@dataclass(frozen=True, slots=True)
class SlackSink:
    """bot.audit.sinks.Sink. `me` is our own bot id: what anybody else posts there is no checkpoint."""

    api: Api
    channel: str
    me: str

    @property
    def name(self) -> str:
        return f"slack:{self.channel}"

    def put(self, checkpoint: Checkpoint) -> None:
        """Nothing of its own: the feed's next message carries the newest."""

    def read(self) -> tuple[Checkpoint, ...]:
        found: list[Checkpoint] = []
        cursor = ""
        for _ in range(PAGES):
            page = self._page(cursor)
            messages = page.get("messages")
            for message in messages if isinstance(messages, list) else []:
                found += self._in(message)
            more = page.get("response_metadata")
            cursor = str(more.get("next_cursor", "")) if isinstance(more, dict) else ""
            if not cursor:
                break
        return tuple(found)

    def _page(self, cursor: str) -> dict[str, Json]:
        asked: dict[str, Json] = {
            "channel": self.channel,
            "limit": PAGE,
            "include_all_metadata": True,
            "cursor": cursor,
        }
        try:
            return self.api.call("conversations.history", asked)
        except (NotOk, NoReply) as trouble:
            raise integration_error(trouble) from trouble

    def _in(self, message: Json) -> list[Checkpoint]:
        if not isinstance(message, dict) or message.get("bot_id") != self.me:
            return []
        metadata = message.get("metadata")
        payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
        stored = payload.get("checkpoint") if isinstance(payload, dict) else None
        if not isinstance(stored, str):
            return []
        try:
            return [load(stored)]
        except ValueError:
            return []
