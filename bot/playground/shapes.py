"""The JSON shapes in which Slack shows its objects to an app: users, channels, messages, files, views.

Pure functions of the workspace. What the page gets is made in `page_feed.py`.
"""

from typing import Any

from bot.playground.validate_blocks import elements_of
from bot.playground.workspace import Channel, Message, Person, StoredFile, View, Workspace

Json = dict[str, Any]

INPUT_VALUE = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "file_input": ("files", ""),
}
"""Element type -> the key of its value in `state.values`, and the field that holds its first value."""


def user_json(ws: Workspace, person: Person, *, with_email: bool) -> Json:
    seed = person.seed
    profile: Json = {
        "real_name": seed.real_name,
        "display_name": seed.name,
        "title": seed.title,
        "team": seed.team_id or ws.seed.team_id,
    }
    if with_email and seed.email:
        profile["email"] = seed.email
    shown: Json = {
        "id": seed.id,
        "team_id": seed.team_id or ws.seed.team_id,
        "name": seed.name,
        "deleted": person.deleted,
        "profile": profile,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 1_700_000_000,
    }
    if person.is_bot:
        profile |= {"bot_id": ws.app.bot_id, "api_app_id": ws.app.id}
    if not person.deleted:
        shown |= {
            "real_name": seed.real_name,
            "tz": seed.tz,
            "tz_label": seed.tz,
            "tz_offset": seed.tz_offset,
            "is_admin": seed.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": seed.is_restricted or seed.is_ultra_restricted,
            "is_ultra_restricted": seed.is_ultra_restricted,
            "is_email_confirmed": True,
        }
    if seed.team_id and seed.team_id != ws.seed.team_id:
        shown["is_stranger"] = False
    return shown


def channel_json(ws: Workspace, channel: Channel) -> Json:
    if channel.im_user:
        return {
            "id": channel.id,
            "created": 1_700_000_000,
            "is_im": True,
            "is_org_shared": False,
            "is_archived": channel.is_archived,
            "user": channel.im_user,
            "is_user_deleted": ws.people[channel.im_user].deleted,
            "context_team_id": ws.seed.team_id,
        }
    return {
        "id": channel.id,
        "name": channel.seed.name,
        "name_normalized": channel.seed.name,
        "created": 1_700_000_000,
        "creator": channel.seed.members[0] if channel.seed.members else "",
        "is_channel": not channel.seed.is_private,
        "is_group": channel.seed.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.seed.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": False,
        "is_member": ws.app.bot_user in channel.members,
        "num_members": len(channel.members),
        "context_team_id": ws.seed.team_id,
        "topic": {"value": channel.seed.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def message_json(ws: Workspace, message: Message, *, metadata: bool = False) -> Json:
    """A message as `conversations.history` and events show it; its metadata only where asked for."""
    shown: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    if message.is_bot:
        shown |= {
            "bot_id": ws.app.bot_id,
            "app_id": ws.app.id,
            "team": ws.seed.team_id,
            "bot_profile": {
                "id": ws.app.bot_id,
                "app_id": ws.app.id,
                "name": ws.app.name,
                "deleted": False,
                "team_id": ws.seed.team_id,
            },
        }
    if message.client_msg_id:
        shown |= {"client_msg_id": message.client_msg_id, "team": ws.seed.team_id}
    if message.subtype:
        shown["subtype"] = message.subtype
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.attachments:
        shown["attachments"] = message.attachments
    if message.edited:
        shown["edited"] = {"user": message.user, "ts": message.edited}
    if message.files:
        shown["files"] = [file_json(ws, ws.files[name]) for name in message.files if name in ws.files]
    if metadata and message.metadata is not None:
        shown["metadata"] = message.metadata
    channel = ws.channels.get(message.channel)
    if message.ephemeral_to is None and channel is not None:
        shown |= thread_figures(channel, message)
    elif message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    return shown


def thread_figures(channel: Channel, message: Message) -> Json:
    """`thread_ts` and, on a parent, how many replied."""
    if message.is_reply:
        parent = channel.messages.get(message.thread_ts or "")
        return {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else ""}
    replies = channel.replies(message.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "reply_users": people[:5],
        "latest_reply": replies[-1].ts,
        "is_locked": False,
    }


def file_json(ws: Workspace, stored: StoredFile) -> Json:
    is_ready = stored.completed and ws.now() >= stored.ready_at
    shown: Json = {
        "id": stored.id,
        "created": stored.created,
        "timestamp": stored.created,
        "name": stored.name,
        "title": stored.title or stored.name,
        "mimetype": stored.mimetype if is_ready else "",
        "filetype": stored.name.rpartition(".")[2] if is_ready else "",
        "user": stored.owner,
        "size": stored.length,
        "mode": "hosted",
        "is_external": False,
        "url_private": f"https://files.slack.com/files-pri/{ws.seed.team_id}-{stored.id}/{stored.name}",
        "permalink": f"https://{ws.seed.team_domain}.slack.com/files/{stored.owner}/{stored.id}/{stored.name}",
        "channels": list(stored.channels),
        "file_access": "visible",
    }
    if stored.alt_text:
        shown["alt_txt"] = stored.alt_text
    return shown


def view_values(view: View, given: Json | None = None) -> Json:
    """`state.values`: every input's first value, over it what was typed before, over it what is given now."""
    values: Json = {}
    for block in view.body.get("blocks") or []:
        for _, element in elements_of(block):
            kind = element.get("type", "")
            if kind not in INPUT_VALUE or kind == "overflow":
                continue
            key, initial = INPUT_VALUE[kind]
            first = element.get(initial)
            if first is None and key.endswith("s") and key != "files":
                first = []
            shown = {"type": kind, key: first}
            for source in (view.values, given or {}):
                typed = source.get(block["block_id"], {}).get(element["action_id"])
                if typed is not None:
                    shown = {"type": kind, key: typed.get(key, first)}
            values.setdefault(block["block_id"], {})[element["action_id"]] = shown
    return values


def view_json(ws: Workspace, view: View) -> Json:
    body = view.body
    return {
        "id": view.id,
        "team_id": ws.seed.team_id,
        "app_id": ws.app.id,
        "bot_id": ws.app.bot_id,
        "app_installed_team_id": ws.seed.team_id,
        "type": body["type"],
        "title": body.get("title"),
        "submit": body.get("submit"),
        "close": body.get("close"),
        "blocks": body["blocks"],
        "private_metadata": body.get("private_metadata") or "",
        "callback_id": body.get("callback_id") or "",
        "external_id": body.get("external_id") or "",
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "submit_disabled": bool(body.get("submit_disabled")),
        "state": {"values": view_values(view)},
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous,
    }


def person_ref(ws: Workspace, user: str) -> Json:
    """The short form of a person in interaction payloads."""
    seed = ws.people[user].seed
    return {"id": user, "username": seed.name, "name": seed.name, "team_id": seed.team_id or ws.seed.team_id}
