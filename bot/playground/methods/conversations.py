"""conversations.*: channels as the bot sees them, their members, and their history."""

from typing import Any

from bot.playground import constants as c
from bot.playground.errors import SlackError
from bot.playground.methods.call import Call, cursor_page
from bot.playground.shapes import channel_json, message_json
from bot.playground.workspace import Channel, Message

Json = dict[str, Any]
_DAY = 86_400.0
_FAMILY = {"channel": "channels", "group": "groups", "im": "im"}


def _readable(call: Call) -> Channel:
    """A channel whose messages the bot may read: a member, with the history scope of the channel's kind."""
    channel = call.channel()
    call.need_scope(f"{_FAMILY[channel.kind]}:history")
    if call.ws.app.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _is_within(call: Call, message: Message) -> bool:
    days = call.slack.conduct.history_days
    if days is not None and float(message.ts) < call.ws.now() - days * _DAY:
        return False
    oldest, latest = call.args.text("oldest") or "0", call.args.text("latest") or "9999999999.999999"
    if call.args.flag("inclusive"):
        return float(oldest) <= float(message.ts) <= float(latest)
    return float(oldest) < float(message.ts) < float(latest)


def _page(call: Call, rows: list[Message]) -> Json:
    page, more = cursor_page(call, rows, default=c.HISTORY_PAGE, high=c.HISTORY_PAGE_MAX)
    wanted = call.args.flag("include_all_metadata")
    answer: Json = {
        "messages": [message_json(call.ws, message, metadata=wanted) for message in page],
        "has_more": bool(more["next_cursor"]),
    }
    return answer | ({"response_metadata": more} if more["next_cursor"] else {})


def history(call: Call) -> Json:
    channel = _readable(call)
    rows = [m for m in channel.messages.values() if (not m.is_reply or m.is_broadcast) and _is_within(call, m)]
    return _page(call, rows[::-1]) | {"pin_count": 0}


def replies(call: Call) -> Json:
    channel = _readable(call)
    root = channel.messages.get(call.args.need("ts"))
    if root is None:
        raise SlackError("thread_not_found")
    if root.is_reply:
        return _page(call, [root])
    return _page(call, [root, *(m for m in channel.replies(root.ts) if _is_within(call, m))])


def info(call: Call) -> Json:
    channel = call.channel()
    call.need_scope(f"{_FAMILY[channel.kind]}:read")
    return {"channel": channel_json(call.ws, channel)}


def members(call: Call) -> Json:
    channel = call.channel()
    call.need_scope(f"{_FAMILY[channel.kind]}:read")
    page, more = cursor_page(call, list(channel.members), default=100, high=999)
    return {"members": page, "response_metadata": more}


def listing(call: Call) -> Json:
    wanted = set((call.args.text("types") or "public_channel").split(","))
    scopes = {"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read"}
    for kind in wanted & scopes.keys():
        call.need_scope(scopes[kind])
    bot = call.ws.app.bot_user
    rows = [
        channel
        for channel in call.ws.channels.values()
        if _type(channel) in wanted
        and (not channel.seed.is_private or bot in channel.members)
        and not (channel.is_archived and call.args.flag("exclude_archived"))
    ]
    page, more = cursor_page(call, rows, default=100, high=999)
    return {"channels": [channel_json(call.ws, channel) for channel in page], "response_metadata": more}


def _type(channel: Channel) -> str:
    return {"im": "im", "group": "private_channel", "channel": "public_channel"}[channel.kind]


def open_im(call: Call) -> Json:
    """The direct message with one person; group messages are not offered here."""
    if "channel" in call.args:
        return {"channel": {"id": call.channel().id}}
    users = [user for user in call.args.need("users").split(",") if user]
    if len(users) != 1:
        raise SlackError("not_enough_users" if not users else "too_many_users")
    person = call.ws.people.get(users[0])
    if person is None or person.is_bot:
        raise SlackError("user_not_found")
    if person.deleted:
        raise SlackError("user_disabled")
    channel = call.ws.open_im(person.id)
    shown = channel_json(call.ws, channel) if call.args.flag("return_im") else {"id": channel.id}
    return {"channel": shown, "no_op": False, "already_open": True}


def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    call.ws.join(channel, call.ws.app.bot_user)
    return {"channel": channel_json(call.ws, channel)}


def leave(call: Call) -> Json:
    channel = call.channel()
    if call.ws.app.bot_user not in channel.members:
        return {"not_in_channel": True}
    call.ws.leave(channel, call.ws.app.bot_user)
    return {}
