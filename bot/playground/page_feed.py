"""What an open page is told: a snapshot, then every change that its person may see.

Shapes for the page only (its contract is in the README); never the metadata of a message, never a token.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.playground import constants as c
from bot.playground.call_log import Entry
from bot.playground.delivery import Delivery
from bot.playground.shapes import message_json, view_json
from bot.playground.slack import Slack
from bot.playground.workspace import Change, ChangeKind, Channel, Message, Person, StoredFile

Json = dict[str, Any]
_BACKLOG = 5_000
_PREVIEW = 2_000


@dataclass(eq=False, slots=True)
class Viewer:
    """One open page. A page that reads too slowly is cut off and comes back with a snapshot."""

    user: str
    queue: asyncio.Queue[Json | None]
    wants_payloads: bool
    seq: int = 0

    def tell(self, event: Json) -> None:
        self.seq += 1
        if self.queue.qsize() >= _BACKLOG:
            self.end()
        else:
            self.queue.put_nowait({**event, "seq": self.seq})

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class PageFeed:
    def __init__(self, slack: Slack, delivery: Delivery) -> None:
        self._slack = slack
        self._ws = slack.workspace
        self._delivery = delivery
        self._viewers: list[Viewer] = []
        self._ws.listeners.append(self._on_change)
        slack.log.listeners.append(self._on_entry)

    def open(self, user: str, *, wants_payloads: bool) -> Viewer:
        viewer = Viewer(user, asyncio.Queue(), wants_payloads)
        self._viewers.append(viewer)
        return viewer

    def close(self, viewer: Viewer) -> None:
        self._viewers.remove(viewer)

    def end(self) -> None:
        """Close every page's feed."""
        for viewer in tuple(self._viewers):
            viewer.end()

    def tell_all(self, event: Json) -> None:
        for viewer in self._viewers:
            viewer.tell(event)

    # Changes ------------------------------------------------------------------------------------------------------------
    def _on_entry(self, entry: Entry) -> None:
        for viewer in self._viewers:
            if viewer.wants_payloads:
                viewer.tell({"type": "payload", "entry": entry.to_json()})

    def _on_change(self, change: Change) -> None:
        for viewer in self._viewers:
            for event in self._events(change, viewer.user):
                viewer.tell(event)

    def _events(self, change: Change, user: str) -> Iterator[Json]:
        match change.kind:
            case ChangeKind.PERSON if change.user:
                yield {"type": "person", "person": self.person(self._ws.people[change.user])}
            case ChangeKind.APP | ChangeKind.UNINSTALLED:
                yield {"type": "app", "app": self._app()}
            case ChangeKind.HOME if change.user == user:
                yield {"type": "home", "view": self._home(user)}
            case ChangeKind.MODAL if change.user == user:
                yield {"type": "modal", "stack": self._stack(user)}
            case ChangeKind.FILE:
                yield from self._file_events(change, user)
            case _ if change.channel and self._sees(user, self._ws.channels[change.channel]):
                yield from self._channel_events(change, user, self._ws.channels[change.channel])

    def _channel_events(self, change: Change, user: str, channel: Channel) -> Iterator[Json]:
        where: Json = {"channel": channel.id}
        match change.kind:
            case ChangeKind.MESSAGE if change.message:
                yield {"type": "message", **where, "message": self.message(change.message)}
                yield {"type": "channel", "channel": self.channel(channel, user)}
            case ChangeKind.EPHEMERAL if change.user == user and change.message:
                yield {"type": "message", **where, "message": self.message(change.message)}
            case ChangeKind.EPHEMERAL_CHANGED if change.user == user and change.message:
                yield {"type": "message_changed", **where, "message": self.message(change.message)}
            case ChangeKind.EPHEMERAL_GONE if change.user == user:
                yield {"type": "message_deleted", **where, "ts": change.ts}
            case ChangeKind.MESSAGE_CHANGED | ChangeKind.THREAD if message := channel.messages.get(change.ts or ""):
                yield {"type": "message_changed", **where, "message": self.message(message)}
            case ChangeKind.MESSAGE_DELETED:
                if tombstone := channel.messages.get(change.ts or ""):
                    yield {"type": "message_changed", **where, "message": self.message(tombstone)}
                else:
                    yield {"type": "message_deleted", **where, "ts": change.ts}
                yield {"type": "channel", "channel": self.channel(channel, user)}
            case ChangeKind.CHANNEL:
                yield {"type": "channel", "channel": self.channel(channel, user)}
            case ChangeKind.READ if change.user == user:
                yield {"type": "channel", "channel": self.channel(channel, user)}

    def _file_events(self, change: Change, user: str) -> Iterator[Json]:
        for channel in self._ws.channels.values():
            for message in channel.messages.values() if self._sees(user, channel) else ():
                if change.ts in message.files:
                    yield {"type": "message_changed", "channel": channel.id, "message": self.message(message)}

    # Shapes -------------------------------------------------------------------------------------------------------------
    def snapshot(self, user: str) -> Json:
        ws = self._ws
        visible = [channel for channel in ws.channels.values() if self._sees(user, channel)]
        return {
            "type": "snapshot",
            "seq": 0,
            "workspace": {"id": ws.seed.team_id, "name": ws.seed.team_name, "domain": ws.seed.team_domain},
            "app": self._app(),
            "me": self.person(ws.people[user]),
            "people": [self.person(person) for person in ws.people.values()],
            "groups": [
                {"id": g.id, "handle": g.handle, "name": g.name, "users": list(g.users)} for g in ws.groups.values()
            ],
            "channels": [self.channel(channel, user) for channel in visible],
            "messages": {channel.id: [self.message(m) for m in channel.messages.values()] for channel in visible},
            "home": self._home(user),
            "modal": {"stack": self._stack(user)},
            "commands": [
                {"command": command.command, "description": command.description, "usage_hint": command.usage_hint}
                for command in self._slack.manifest.commands.values()
            ],
            "shortcuts": [
                {"name": s.name, "type": s.kind, "callback_id": s.callback_id, "description": s.description}
                for s in self._slack.manifest.shortcuts
            ],
            "faults": self._slack.faults.to_json(),
            "limits": {"composer": c.POST_TEXT_CHARACTERS},
        }

    def _sees(self, user: str, channel: Channel) -> bool:
        if user in channel.members:
            return True
        seed = self._ws.people[user].seed
        return not (channel.seed.is_private or seed.is_restricted or seed.is_ultra_restricted)

    def _app(self) -> Json:
        app = self._ws.app
        return {
            "id": app.id,
            "name": app.name,
            "bot_user": app.bot_user,
            "bot_id": app.bot_id,
            "connected": self._ws.is_installed and self._delivery.is_connected,
            "mode": "socket" if self._slack.is_socket_mode else "http",
        }

    def person(self, person: Person) -> Json:
        seed = person.seed
        return {
            "id": seed.id,
            "name": seed.name,
            "real_name": seed.real_name,
            "title": seed.title,
            "is_bot": person.is_bot,
            "is_restricted": seed.is_restricted or seed.is_ultra_restricted,
            "deleted": person.deleted,
            "tz": seed.tz,
            "tz_offset": seed.tz_offset,
        }

    def channel(self, channel: Channel, user: str) -> Json:
        unread, mentions = self._ws.unread(channel, user)
        shown: Json = {
            "id": channel.id,
            "name": channel.seed.name,
            "is_private": channel.seed.is_private,
            "is_im": channel.im_user is not None,
            "is_archived": channel.is_archived,
            "is_ext_shared": channel.is_ext_shared,
            "is_member": user in channel.members,
            "bot_is_member": self._ws.app.bot_user in channel.members,
            "members": list(channel.members),
            "topic": channel.seed.topic,
            "purpose": "",
            "unread": unread,
            "mentions": mentions,
            "last_read": channel.last_read.get(user, "0000000000.000000"),
        }
        return shown | ({"user": self._ws.app.bot_user} if channel.im_user else {})

    def message(self, message: Message) -> Json:
        shown = message_json(self._ws, message)
        shown |= {
            "channel": message.channel,
            "is_ephemeral": message.ephemeral_to is not None,
            "has_metadata": message.metadata is not None,
        }
        if message.is_broadcast:
            shown["reply_broadcast"] = True
        if message.blocks:
            shown["blocks"] = [self._with_image(block) for block in message.blocks]
        if message.files:
            shown["files"] = [self.file(self._ws.files[name]) for name in message.files]
        return shown

    def _with_image(self, block: Json) -> Json:
        """A block in which an uploaded picture has an address that the page may load."""
        parts: Json = {
            name: self._with_image(block[name]) for name in ("accessory",) if isinstance(block.get(name), dict)
        }
        if isinstance(block.get("elements"), list) and block.get("type") == "context":
            parts["elements"] = [self._with_image(element) for element in block["elements"]]
        wanted: Mapping[str, Any] = block.get("slack_file") or {}
        for stored in self._ws.files.values() if wanted else ():
            if stored.id == wanted.get("id") or f"/{stored.id}/" in str(wanted.get("url")):
                parts["image_url"] = _address(stored)
        return {**block, **parts}

    def file(self, stored: StoredFile) -> Json:
        is_text = stored.mimetype.startswith("text/") or stored.mimetype == "application/json"
        shown: Json = {
            "id": stored.id,
            "name": stored.name,
            "title": stored.title or stored.name,
            "mimetype": stored.mimetype,
            "filetype": stored.name.rpartition(".")[2],
            "size": stored.length,
            "url": _address(stored),
            "is_image": stored.mimetype.startswith("image/"),
        }
        if stored.alt_text:
            shown["alt_txt"] = stored.alt_text
        if is_text and stored.content is not None:
            shown["preview"] = stored.content.decode("utf-8", "replace")[:_PREVIEW]
        return shown

    def _home(self, user: str) -> Json | None:
        view = self._ws.homes.get(user)
        return self._view(view_json(self._ws, view)) if view else None

    def _stack(self, user: str) -> list[Json]:
        return [self._view(view_json(self._ws, view)) for view in self._ws.stack(user)]

    def _view(self, view: Json) -> Json:
        return {**view, "blocks": [self._with_image(block) for block in view["blocks"]]}


def _address(stored: StoredFile) -> str:
    return f"/page/file/{stored.id}/{stored.name}"
