"""One row of the outbox to Slack: post it once, find it again when the reply was lost, keep it as it should be.

A post is committed as tried before it is sent, and carries the row's key in its metadata: after a lost reply the key is
looked up, a second copy deleted. Called in the sender's threads; raises nothing that Slack or the network can cause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.domain.codec import Json
from bot.domain.failpoints import failpoint
from bot.domain.reply import Channel, text
from bot.ports.store import Message, Store
from bot.slack import blocks
from bot.slack.api import Api, NoReply, NotOk, Object
from bot.slack.blocks import Block
from bot.slack.budgets import LOOK, POST, UPDATE, Budgets
from bot.slack.channels import Channels
from bot.slack.mrkdwn import Ink, Names, mrkdwn
from bot.slack.outgoing import Outgoing
from bot.slack.pictures import png
from bot.slack.uploads import Uploads

log = structlog.get_logger(__name__)

DEADLINE = timedelta(seconds=15)
"""After which a reply that did not come is taken as lost: longer than any call's own."""
AGAIN = timedelta(seconds=3)
PAGES = 3
EXTERNAL = "shared_with_another_company"
_UNREACHABLE = frozenset(
    {
        EXTERNAL,
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "user_not_found",
        "no_permission",
    }
)
_UNHEARD = frozenset(
    {
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "access_denied",
        "missing_scope",
        "org_login_required",
        "ekm_access_denied",
        "team_access_not_granted",
    }
)
"""It is about us, not about the message: it is kept until somebody has mended our token."""
MENDED = timedelta(seconds=60)
_UNEDITABLE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "block_mismatch"})
_TOO_MUCH = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message of ours stands."""

    channel: str
    ts: str


class Delivery:
    def __init__(
        self,
        *,
        store: Store,
        api: Api,
        uploads: Uploads,
        channels: Channels,
        budgets: Budgets,
        bot_id: str,
        fallback: str = "",
    ) -> None:
        """`fallback`: the channel that gets what cannot be said where it belongs."""
        self._store = store
        self._api = api
        self._uploads = uploads
        self._channels = channels
        self._budgets = budgets
        self._bot_id = bot_id
        self._fallback = fallback

    def send(self, row: Message, message: Outgoing) -> None:
        """Its budget has been taken."""
        try:
            if row.ts:
                self._edit(row, message)
            else:
                self._post(row, message)
        except NoReply as lost:
            log.warning("Slack did not answer", key=row.key, trouble=str(lost))
            if row.ts:
                self._later(row, AGAIN)

    # --- posting ----------------------------------------------------------------------------------

    def _post(self, row: Message, message: Outgoing) -> None:
        channel, thread = self._place(row)
        if row.tries and self._is_there(row, message, channel, thread):
            return
        self._store.transact(lambda tx: tx.outbox.trying(row.key, again_after=DEADLINE))
        if self._channels.is_external(channel):
            self._refused(row, message, NotOk(POST, EXTERNAL))
            return
        body: Block = {"channel": channel, **_QUIET, "metadata": message.metadata(row.key)}
        if thread:
            body |= {"thread_ts": thread, "reply_broadcast": row.is_broadcast}
        try:
            posted = self._say(POST, body, message)
        except NotOk as refusal:
            self._refused(row, message, refusal)
            return
        failpoint("CP5")
        self._sent(row, Standing(_text(posted, "channel") or channel, _text(posted, "ts")), is_latest=True)
        failpoint("CP6")
        self._share_files(row, message, channel, thread or _text(posted, "ts"))

    def _place(self, row: Message) -> tuple[str, str]:
        """Where it goes, and in which thread: that of its parent, wherever that stands."""
        parent = self._store.read(lambda tx: tx.outbox.get(row.parent)) if row.parent else None
        if parent is None:
            return row.channel, row.thread
        # A parent that is in a thread itself cannot have one of its own.
        return parent.posted_in or row.channel, parent.thread or parent.ts

    def _say(self, method: str, body: Block, message: Outgoing) -> Object:
        """With fewer blocks where Slack does not take them. Raises NotOk, NoReply."""
        shown: Outgoing | None = self._with_pictures(message)
        while shown is not None:
            try:
                return self._api.call(method, {**body, "text": shown.text, "blocks": [*shown.blocks]})
            except NotOk as refusal:
                if refusal.code not in _TOO_MUCH or (simpler := shown.simpler()) is None:
                    raise
                log.warning("Slack does not take these blocks", code=refusal.code, details=refusal.details)
                shown = simpler
        raise AssertionError("unreachable")

    def _with_pictures(self, message: Outgoing) -> Outgoing:
        """Charts that are pictures are drawn, uploaded and put in their place; what fails is left out."""
        if not message.pictures:
            return message
        shown = [*message.blocks]
        for picture in reversed(message.pictures):
            try:
                id = self._uploads.picture("chart.png", png(picture.chart), alt=picture.alt)
            except (NotOk, NoReply) as trouble:
                log.warning("a chart was not uploaded", trouble=str(trouble))
                continue
            if id is not None:
                shown.insert(picture.at, blocks.image(id, title=picture.title, alt=picture.alt))
        return replace(message, blocks=tuple(shown), pictures=())

    def _share_files(self, row: Message, message: Outgoing, channel: str, thread: str) -> None:
        for file in message.files:
            try:
                self._uploads.share(file, channel=channel, thread=thread)
            except (NotOk, NoReply) as trouble:
                log.warning("a file was not shared", key=row.key, trouble=str(trouble))

    # --- editing ----------------------------------------------------------------------------------

    def _edit(self, row: Message, message: Outgoing) -> None:
        if message.is_fixed:
            self._sent(row, Standing(row.posted_in, row.ts), is_latest=True)
            return
        if message.stays and row.posted_in == self._fallback != row.channel:
            self._store.transact(lambda tx: tx.outbox.failed(row.key, again_after=None))
            return
        if self._channels.is_external(row.posted_in):
            # It has become one since: what was said there stays, what follows is not told there.
            self._refused(row, message, NotOk(UPDATE, EXTERNAL))
            return
        try:
            self._say(UPDATE, {"channel": row.posted_in, "ts": row.ts}, message)
        except NotOk as refusal:
            if refusal.code in _UNEDITABLE:
                log.info("a message is posted anew", key=row.key, code=refusal.code)
                self._store.transact(lambda tx: tx.outbox.gone(row.key))
            else:
                self._refused(row, message, refusal)
            return
        failpoint("CP15")
        self._sent(row, Standing(row.posted_in, row.ts), is_latest=True)

    # --- what did not work --------------------------------------------------------------------------

    def _refused(self, row: Message, message: Outgoing, refusal: NotOk) -> None:
        if refusal.code == "ratelimited":
            self._budgets.pause(UPDATE if row.ts else POST, row.channel, refusal.retry_after)
            self._later(row, timedelta(seconds=refusal.retry_after))
            return
        if refusal.code in _UNHEARD:
            log.error("Slack does not let us in", key=row.key, code=refusal.code)
            self._later(row, MENDED)
            return
        has_other = bool(self._fallback) and row.channel != self._fallback and not message.stays
        if refusal.code in _UNREACHABLE and has_other:
            self._elsewhere(row, message, refusal.code)
            return
        log.error("a message was given up", key=row.key, code=refusal.code, details=refusal.details)
        self._store.transact(lambda tx: tx.outbox.failed(row.key, again_after=None))

    def _elsewhere(self, row: Message, message: Outgoing, code: str) -> None:
        """In the channel for what has no place of its own, saying where it belongs."""
        said = text(
            "This belongs to {channel}, where I cannot write ({code}).", channel=Channel(row.channel), code=code
        )
        note = mrkdwn(said, Ink(Names()))
        moved = replace(
            message,
            text=f"{note}\n{message.text}" if not message.blocks else message.text,
            blocks=(blocks.context(note), *message.blocks) if message.blocks else (),
        )
        body: Block = {"channel": self._fallback, **_QUIET, "metadata": message.metadata(row.key)}
        try:
            posted = self._say(POST, body, moved)
        except NotOk as refusal:
            log.warning("a message was given up", key=row.key, code=refusal.code, first=code)
            self._store.transact(lambda tx: tx.outbox.failed(row.key, again_after=None))
            return
        log.warning("a message was posted elsewhere", key=row.key, code=code)
        self._sent(row, Standing(self._fallback, _text(posted, "ts")), is_latest=True)

    # --- looking up ---------------------------------------------------------------------------------

    def _is_there(self, row: Message, message: Outgoing, channel: str, thread: str) -> bool:
        """An earlier post arrived after all (or nobody can tell yet): nothing is to be posted now."""
        try:
            found = self._find(row, channel, thread)
        except NoReply as lost:
            log.info("a message is looked up again later", key=row.key, trouble=str(lost))
            self._later(row, AGAIN)
            return True
        if found is None:
            return False
        log.info("a message was there already", key=row.key)
        # Which revision it shows nobody knows: a card is drawn once more over it.
        self._sent(row, found, is_latest=message.is_fixed)
        return True

    def _find(self, row: Message, channel: str, thread: str) -> Standing | None:
        """The message with this key, if the lost post arrived; of several the first stays."""
        found = [_text(each, "ts") for each in self._history(channel, thread) if self._is(each, row.key)]
        if not found:
            return None
        first, *others = sorted(found)
        for ts in others:
            try:
                self._api.call("chat.delete", {"channel": channel, "ts": ts})
            except NotOk as refusal:
                log.warning("a second copy could not be deleted", key=row.key, code=refusal.code)
        return Standing(channel, first)

    def _is(self, message: Json, key: str) -> bool:
        """Ours: anybody can write metadata."""
        match message:
            case {"bot_id": str(bot), "metadata": {"event_payload": {"key": str(found)}}}:
                return bot == self._bot_id and found == key
            case _:
                return False

    def _history(self, channel: str, thread: str) -> list[Json]:
        """The newest messages; empty where we may not look. Raises NoReply."""
        method = "conversations.replies" if thread else "conversations.history"
        body: Block = {"channel": channel, "include_all_metadata": True, "limit": 100}
        if thread:
            body["ts"] = thread
        messages: list[Json] = []
        for _ in range(PAGES):
            while (wait := self._budgets.take(LOOK)) > 0:
                raise NoReply(method, f"no look-up for {wait:.0f} s")
            try:
                page = self._api.call(method, body)
            except NotOk as refusal:
                log.warning("a message could not be looked up", code=refusal.code)
                break
            given = page.get("messages")
            messages += given if isinstance(given, list) else []
            after = page.get("response_metadata")
            cursor = _text(after, "next_cursor") if isinstance(after, dict) else ""
            if not cursor:
                break
            body["cursor"] = cursor
        return messages

    # --- the row ------------------------------------------------------------------------------------

    def _sent(self, row: Message, where: Standing, *, is_latest: bool) -> None:
        rev = row.rev if is_latest else max(0, row.rev - 1)
        self._store.transact(lambda tx: tx.outbox.sent(row.key, rev=rev, ts=where.ts, posted_in=where.channel))

    def _later(self, row: Message, wait: timedelta) -> None:
        self._store.transact(lambda tx: tx.outbox.failed(row.key, again_after=wait))


_QUIET: Block = {"unfurl_links": False, "unfurl_media": False}


def _text(value: Json, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
