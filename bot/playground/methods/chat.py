"""chat.*: posting, editing, deleting and linking messages, by the bot."""

import re
from typing import Any

from bot.playground import constants as c
from bot.playground.content import Content, read_content, read_metadata
from bot.playground.errors import SlackError
from bot.playground.methods.call import Call
from bot.playground.shapes import message_json
from bot.playground.workspace import Channel, Message

Json = dict[str, Any]
_TS = re.compile(r"\d{9,10}\.\d{6}")


def _destination(call: Call) -> Channel:
    """Where a message goes: a channel, or a person's direct message by the person's id. Checks that the bot may post."""
    wanted = call.args.need("channel")
    if wanted in call.ws.people:
        if call.ws.people[wanted].is_bot:
            raise SlackError("channel_not_found")
        return call.ws.open_im(wanted)
    channel = call.channel()
    if channel.is_archived:
        raise SlackError("is_archived")
    if call.ws.app.bot_user not in channel.members and not call.has_scope("chat:write.public"):
        raise SlackError("not_in_channel")
    return channel


def thread_of(call: Call, channel: Channel) -> str | None:
    """The parent to reply to. A deleted parent is allowed, as in Slack; a reply is no parent, and an unknown one is a mistake."""
    ts = call.args.text("thread_ts")
    if not ts:
        return None
    if not _TS.fullmatch(ts):
        raise SlackError("invalid_thread_ts")
    if ts in channel.deleted:
        return ts
    parent = channel.messages.get(ts)
    if parent is None:
        raise SlackError("thread_not_found")
    if parent.is_reply:
        raise SlackError("cannot_reply_to_message")
    return ts


def bot_message(call: Call, channel: Channel, content: Content, *, thread_ts: str | None) -> Message:
    return Message(
        ts=call.ws.new_ts(),
        channel=channel.id,
        user=call.ws.app.bot_user,
        text=content.text or "",
        blocks=content.blocks or [],
        attachments=content.attachments,
        is_bot=True,
        thread_ts=thread_ts,
    )


def post_message(call: Call) -> Json:
    channel = _destination(call)
    content = read_content(call.ws, call.args)
    metadata = read_metadata(call.args)
    thread_ts = thread_of(call, channel)
    message = bot_message(call, channel, content, thread_ts=thread_ts)
    message.metadata = metadata or None
    if thread_ts and call.args.flag("reply_broadcast"):
        message.is_broadcast, message.subtype = True, "thread_broadcast"
    call.ws.post(channel, message)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(call.ws, message, metadata=True)}


def post_ephemeral(call: Call) -> Json:
    channel = _destination(call)
    user = call.args.need("user")
    if user not in call.ws.people or call.ws.people[user].deleted:
        raise SlackError("user_not_in_channel")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = read_content(call.ws, call.args)
    message = bot_message(call, channel, content, thread_ts=thread_of(call, channel))
    message.ephemeral_to = user
    # Slack takes an ephemeral message for a thread without replies and then shows it nowhere.
    message.is_shown = message.thread_ts is None or bool(channel.replies(message.thread_ts))
    call.ws.post_ephemeral(message)
    return {"message_ts": message.ts}


def _own_message(call: Call, channel: Channel, refusal: str) -> Message:
    ts = call.args.need("ts")
    message = channel.messages.get(ts)
    if message is None or message.subtype == "tombstone":
        raise SlackError(refusal if ts in call.ws.ephemerals else "message_not_found")
    if not message.is_bot:
        raise SlackError(refusal)
    return message


def update(call: Call) -> Json:
    channel = call.channel()
    message = _own_message(call, channel, "cant_update_message")
    window = call.slack.conduct.edit_window_seconds
    if window is not None and call.ws.now() - float(message.ts) > window:
        raise SlackError("edit_window_closed")
    if channel.is_archived:
        raise SlackError("is_archived")
    if len((call.args.text("text") or "").encode()) > c.UPDATE_TEXT_BYTES:
        raise SlackError("msg_too_long")
    content = read_content(call.ws, call.args)
    metadata = read_metadata(call.args)
    held = sum(block["type"] == "rich_text" for block in message.blocks)
    if content.blocks and sum(block["type"] == "rich_text" for block in content.blocks) < held:
        raise SlackError("block_mismatch")
    before = message_json(call.ws, message)
    if content.text is not None or not content.blocks:
        message.text = content.text or ""
    if content.blocks is not None or content.text is not None:
        message.blocks = content.blocks or []
    message.attachments = content.attachments
    # Slack marks an edited text, not an edited block message; omitted metadata stays, an empty object removes it.
    message.edited = call.ws.new_ts() if not message.blocks else None
    if metadata is not None:
        message.metadata = metadata or None
    if message.is_reply and call.args.flag("reply_broadcast"):
        message.is_broadcast, message.subtype = True, "thread_broadcast"
    call.ws.change(channel, message, before=before)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message_json(call.ws, message, metadata=True),
    }


def delete(call: Call) -> Json:
    channel = call.channel()
    message = _own_message(call, channel, "cant_delete_message")
    call.ws.delete(channel, message, before=message_json(call.ws, message))
    return {"channel": channel.id, "ts": message.ts}


def permalink(call: Call, channel: Channel, ts: str) -> str:
    message = channel.messages.get(ts)
    if message is None:
        raise SlackError("message_not_found")
    link = f"https://{call.ws.seed.team_domain}.slack.com/archives/{channel.id}/p{ts.replace('.', '')}"
    return f"{link}?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else link


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    return {"channel": channel.id, "permalink": permalink(call, channel, call.args.need("message_ts"))}
