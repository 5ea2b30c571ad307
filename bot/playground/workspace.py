"""The state of a Slack workspace in memory, and the rules by which it changes.

No network, no waiting: time comes in as a function, and every change is told to the listeners as a `Change`, from which
the page, the Events API and waiting tests live. Only one thread may touch a workspace (the server's loop).
"""

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.playground.seed import AppSeed, ChannelSeed, GroupSeed, PersonSeed, Seed
from bot.playground.validate_blocks import elements_of

Json = dict[str, Any]
_EPHEMERALS_KEPT = 2_000
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


class ChangeKind(StrEnum):
    MESSAGE = "message"
    MESSAGE_CHANGED = "message_changed"
    MESSAGE_DELETED = "message_deleted"
    THREAD = "thread"  # a parent's reply figures moved
    EPHEMERAL = "ephemeral"
    EPHEMERAL_CHANGED = "ephemeral_changed"
    EPHEMERAL_GONE = "ephemeral_gone"
    CHANNEL = "channel"
    READ = "read"
    JOINED = "joined"
    LEFT = "left"
    ARCHIVED = "archived"
    PERSON = "person"
    HOME = "home"
    MODAL = "modal"
    APP = "app"
    UNINSTALLED = "uninstalled"
    FILE = "file"


@dataclass(slots=True)
class Person:
    seed: PersonSeed
    deleted: bool = False
    is_bot: bool = False

    @property
    def id(self) -> str:
        return self.seed.id


@dataclass(slots=True)
class StoredFile:
    id: str
    name: str
    length: int
    alt_text: str = ""
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    ready_at: float = 0.0
    owner: str = ""
    created: int = 0
    mimetype: str = "application/octet-stream"
    channels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    is_bot: bool = False
    thread_ts: str | None = None
    subtype: str | None = None
    edited: str | None = None
    metadata: Json | None = None
    files: list[str] = field(default_factory=list)
    is_broadcast: bool = False
    ephemeral_to: str | None = None
    is_shown: bool = True  # an ephemeral one in a thread without replies is not
    client_msg_id: str | None = None

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass(slots=True)
class Channel:
    seed: ChannelSeed
    members: list[str]
    is_archived: bool = False
    is_ext_shared: bool = False
    im_user: str | None = None
    messages: dict[str, Message] = field(default_factory=dict)  # by ts, in order of time
    deleted: set[str] = field(default_factory=set)
    last_read: dict[str, str] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)  # timestamps of the replies, by their parent's

    @property
    def id(self) -> str:
        return self.seed.id

    @property
    def kind(self) -> str:
        return "im" if self.im_user else "group" if self.seed.is_private else "channel"

    def replies(self, ts: str) -> list[Message]:
        return [self.messages[reply] for reply in self.threads.get(ts, ())]

    def add(self, message: Message) -> None:
        self.messages[message.ts] = message
        if message.is_reply and message.thread_ts:
            self.threads.setdefault(message.thread_ts, []).append(message.ts)

    def remove(self, ts: str) -> None:
        message = self.messages.pop(ts, None)
        if message is not None and message.is_reply and message.thread_ts:
            self.threads[message.thread_ts].remove(ts)


@dataclass(slots=True)
class View:
    id: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None
    values: Json = field(default_factory=dict)
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    kind: ChangeKind
    channel: str | None = None
    ts: str | None = None
    user: str | None = None
    message: Message | None = None
    before: Json | None = None


class Workspace:
    """People, channels, messages, files and views of one team with one app."""

    def __init__(self, seed: Seed, now: Callable[[], float]) -> None:
        self.seed = seed
        self.app: AppSeed = seed.app
        self.now = now
        self.is_installed = True
        self.people: dict[str, Person] = {p.id: Person(p, p.deleted) for p in seed.people}
        bot = PersonSeed(self.app.bot_user, self.app.bot_name, self.app.name)
        self.people[bot.id] = Person(bot, is_bot=True)
        self.groups: dict[str, GroupSeed] = {g.id: g for g in seed.groups}
        self.channels: dict[str, Channel] = {
            s.id: Channel(s, list(s.members), is_ext_shared=s.is_ext_shared) for s in seed.channels
        }
        self.files: dict[str, StoredFile] = {}
        self.ephemerals: dict[str, Message] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._last_micro = 0
        self._numbers = itertools.count(1)
        for person in seed.people:
            self.open_im(person.id)

    # Identity and time ------------------------------------------------------------------------------------------------
    def new_ts(self) -> str:
        """A timestamp no other message of the workspace has, later than all before."""
        self._last_micro = max(int(self.now() * 1_000_000), self._last_micro + 1)
        seconds, micro = divmod(self._last_micro, 1_000_000)
        return f"{seconds}.{micro:06d}"

    def new_id(self, prefix: str) -> str:
        """Unlike Slack's, sortable: a counter in base 34 behind the letter, and a few random letters."""
        number, text = next(self._numbers), ""
        while number or len(text) < 5:
            number, digit = divmod(number, len(_ALPHABET))
            text = _ALPHABET[digit] + text
        return prefix + "0" + text + "".join(secrets.choice(_ALPHABET) for _ in range(4))

    def new_hash(self) -> str:
        return f"{int(self.now())}.{secrets.token_hex(4)}"

    def tell(self, change: Change) -> None:
        for listener in tuple(self.listeners):
            listener(change)

    # Channels and members ---------------------------------------------------------------------------------------------
    def open_im(self, user: str) -> Channel:
        """The direct message between a person and the bot."""
        identifier = "D" + hashlib.sha256(user.encode()).hexdigest()[:8].upper()
        if identifier not in self.channels:
            seed = ChannelSeed(identifier, "directmessage", (user, self.app.bot_user), is_private=True)
            self.channels[identifier] = Channel(seed, list(seed.members), im_user=user)
        return self.channels[identifier]

    def join(self, channel: Channel, user: str) -> None:
        if user in channel.members:
            return
        channel.members.append(user)
        self.tell(Change(ChangeKind.CHANNEL, channel.id))
        self.tell(Change(ChangeKind.JOINED, channel.id, user=user))

    def leave(self, channel: Channel, user: str) -> None:
        if user not in channel.members:
            return
        channel.members.remove(user)
        self.tell(Change(ChangeKind.CHANNEL, channel.id))
        self.tell(Change(ChangeKind.LEFT, channel.id, user=user))

    def archive(self, channel: Channel, user: str) -> None:
        channel.is_archived = True
        self.tell(Change(ChangeKind.CHANNEL, channel.id))
        self.tell(Change(ChangeKind.ARCHIVED, channel.id, user=user))

    def mark_read(self, channel: Channel, user: str, ts: str) -> None:
        channel.last_read[user] = max(ts, channel.last_read.get(user, ""))
        self.tell(Change(ChangeKind.READ, channel.id, user=user))

    def unread(self, channel: Channel, user: str) -> tuple[int, int]:
        """Unread messages of the channel itself (not of its threads), and among them those that mention the person."""
        since = channel.last_read.get(user, "")
        news = [
            m
            for m in channel.messages.values()
            if m.ts > since and m.user != user and (not m.is_reply or m.is_broadcast) and m.subtype != "tombstone"
        ]
        mine = [f"<@{user}", *(f"<!subteam^{g.id}" for g in self.groups.values() if user in g.users)]
        mentions = sum(
            1 for m in news if channel.im_user or any(name in m.text or name in str(m.blocks) for name in mine)
        )
        return len(news), mentions

    # Messages ---------------------------------------------------------------------------------------------------------
    def with_block_ids(self, blocks: Iterable[Mapping[str, Any]]) -> list[Json]:
        """Copies of the blocks, each with a block_id and each element with an action_id, as Slack fills them in."""
        filled: list[Json] = []
        for block in blocks:
            made = dict(block)
            made["block_id"] = block.get("block_id") or self.new_id("b")[2:]
            for where, element in elements_of(made):
                if not element.get("action_id") and element.get("type") != "image":
                    named = {**element, "action_id": secrets.token_urlsafe(4)}
                    if where.startswith("/elements/"):
                        made["elements"] = [named if e is element else e for e in made["elements"]]
                    else:
                        made[where[1:]] = named
            filled.append(made)
        return filled

    def post(self, channel: Channel, message: Message) -> Message:
        """Store a message and tell; its replies' parent is told too."""
        if message.is_reply and message.thread_ts:
            self._ensure_parent(channel, message.thread_ts)
        channel.add(message)
        self.tell(Change(ChangeKind.MESSAGE, channel.id, message.ts, message=message))
        if message.is_reply:
            self.tell(Change(ChangeKind.THREAD, channel.id, message.thread_ts))
        return message

    def _ensure_parent(self, channel: Channel, ts: str) -> None:
        if ts not in channel.messages:
            channel.messages[ts] = Message(
                ts, channel.id, "USLACKBOT", "This message was deleted.", subtype="tombstone", thread_ts=ts
            )
            channel.messages = dict(sorted(channel.messages.items()))

    def change(self, channel: Channel, message: Message, *, before: Json) -> None:
        self.tell(Change(ChangeKind.MESSAGE_CHANGED, channel.id, message.ts, message=message, before=before))

    def delete(self, channel: Channel, message: Message, *, before: Json) -> None:
        """Take a message away; a parent with replies leaves a placeholder."""
        channel.deleted.add(message.ts)
        if message.ts in channel.messages and channel.replies(message.ts):
            channel.messages[message.ts] = Message(
                message.ts,
                channel.id,
                "USLACKBOT",
                "This message was deleted.",
                subtype="tombstone",
                thread_ts=message.ts,
            )
        else:
            channel.remove(message.ts)
        self.tell(Change(ChangeKind.MESSAGE_DELETED, channel.id, message.ts, message=message, before=before))
        parent = channel.messages.get(message.thread_ts or "")
        if message.is_reply and parent is not None:
            if parent.subtype == "tombstone" and not channel.replies(parent.ts):
                channel.remove(parent.ts)
                self.tell(Change(ChangeKind.MESSAGE_DELETED, channel.id, parent.ts, message=parent))
            else:
                self.tell(Change(ChangeKind.THREAD, channel.id, parent.ts))

    def post_ephemeral(self, message: Message) -> Message:
        self.ephemerals[message.ts] = message
        if len(self.ephemerals) > _EPHEMERALS_KEPT:
            del self.ephemerals[next(iter(self.ephemerals))]
        if message.is_shown:
            self.tell(Change(ChangeKind.EPHEMERAL, message.channel, message.ts, message.ephemeral_to, message))
        return message

    def change_ephemeral(self, message: Message) -> None:
        self.tell(Change(ChangeKind.EPHEMERAL_CHANGED, message.channel, message.ts, message.ephemeral_to, message))

    def drop_ephemeral(self, ts: str) -> None:
        message = self.ephemerals.pop(ts)
        self.tell(Change(ChangeKind.EPHEMERAL_GONE, message.channel, ts, message.ephemeral_to, message))

    def forget_ephemerals(self, user: str) -> None:
        """What reloading the page does."""
        self.ephemerals = {ts: m for ts, m in self.ephemerals.items() if m.ephemeral_to != user}

    # Views ------------------------------------------------------------------------------------------------------------
    def stack(self, user: str) -> list[View]:
        return self.modals.setdefault(user, [])

    def find_view(self, *, view_id: str | None = None, external_id: str | None = None) -> View | None:
        """An open modal or a published Home by either identity."""
        every = itertools.chain(self.homes.values(), *self.modals.values())
        return next(
            (
                v
                for v in every
                if (view_id and v.id == view_id) or (external_id and v.body.get("external_id") == external_id)
            ),
            None,
        )

    def add_view(self, user: str, body: Json) -> View:
        """Open a view on top of the person's stack."""
        stack = self.stack(user)
        identifier = self.new_id("V")
        view = View(
            identifier,
            user,
            self._filled(body),
            self.new_hash(),
            root=stack[0].id if stack else identifier,
            previous=stack[-1].id if stack else None,
        )
        stack.append(view)
        self.tell(Change(ChangeKind.MODAL, user=user))
        return view

    def replace_view(self, view: View, body: Json) -> None:
        """New content in place: what was typed into fields that stay is kept."""
        view.body = self._filled(body)
        view.hash = self.new_hash()
        kept: Json = {}
        for block in view.body["blocks"]:
            for _, element in elements_of(block):
                value = view.values.get(block["block_id"], {}).get(element.get("action_id"))
                if value is not None:
                    kept.setdefault(block["block_id"], {})[element["action_id"]] = value
        view.values = kept
        kind = ChangeKind.HOME if view.body["type"] == "home" else ChangeKind.MODAL
        self.tell(Change(kind, user=view.user))

    def close_views(self, user: str, views: Iterable[View]) -> None:
        gone = {view.id for view in views}
        self.modals[user] = [view for view in self.stack(user) if view.id not in gone]
        self.tell(Change(ChangeKind.MODAL, user=user))

    def publish_home(self, user: str, body: Json) -> View:
        view = self.homes.get(user)
        if view is None:
            identifier = self.new_id("V")
            view = self.homes[user] = View(identifier, user, self._filled(body), self.new_hash(), root=identifier)
            self.tell(Change(ChangeKind.HOME, user=user))
        else:
            self.replace_view(view, body)
        return view

    def _filled(self, body: Json) -> Json:
        return {**body, "blocks": self.with_block_ids(body.get("blocks") or [])}

    # Files ------------------------------------------------------------------------------------------------------------
    def file_is_ready(self, wanted: Mapping[str, Any]) -> bool:
        """Whether an image block may show the file, named by id or by url."""
        stored = self.files.get(str(wanted.get("id", "")))
        if stored is None and wanted.get("url"):
            stored = next((f for f in self.files.values() if f"/{f.id}/" in str(wanted["url"])), None)
        return stored is not None and stored.completed and self.now() >= stored.ready_at
