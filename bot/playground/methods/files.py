"""files.*: the three-step upload, and what became of a file."""

import mimetypes
from typing import Any

from bot.playground.errors import SlackError
from bot.playground.methods.call import Call
from bot.playground.methods.chat import thread_of
from bot.playground.shapes import file_json
from bot.playground.slack import Slack
from bot.playground.workspace import Change, ChangeKind, Channel, Message, StoredFile

Json = dict[str, Any]


def get_upload_url(call: Call) -> Json:
    name = call.args.need("filename")
    length = call.args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments", messages=("must be more than 0 [json-pointer:/length]",))
    stored = StoredFile(
        call.ws.new_id("F"),
        name,
        length,
        alt_text=call.args.text("alt_txt") or "",
        owner=call.ws.app.bot_user,
        created=int(call.ws.now()),
        mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream",
    )
    call.ws.files[stored.id] = stored
    return {"upload_url": f"{call.slack.base_url}/upload/v1/{stored.id}", "file_id": stored.id}


def receive(slack: Slack, file_id: str, content: bytes) -> tuple[int, str]:
    """The upload itself: raw bytes, no token. Answers an HTTP status and text."""
    stored = slack.workspace.files.get(file_id)
    if stored is None or stored.completed:
        return 404, "not found"
    if len(content) != stored.length:
        return 400, "length mismatch"
    stored.content = content
    return 200, f"OK - {len(content)}"


def _named(call: Call) -> list[tuple[StoredFile, Json]]:
    given = call.args.data("files")
    if not isinstance(given, list) or not given or not all(isinstance(f, dict) and f.get("id") for f in given):
        raise SlackError("invalid_arguments", messages=("missing required field: files",))
    named = []
    for item in given:
        stored = call.ws.files.get(str(item["id"]))
        if stored is None or stored.content is None or stored.completed:
            raise SlackError("file_not_found")
        named.append((stored, item))
    return named


def complete_upload(call: Call) -> Json:
    named = _named(call)
    wanted = [name for name in (call.args.text("channel_id") or call.args.text("channels") or "").split(",") if name]
    channels = [_shareable(call, name) for name in wanted]
    thread_ts = thread_of(call, channels[0]) if channels else None
    delay = call.slack.conduct.file_ready_seconds
    for stored, item in named:
        stored.completed = True
        stored.ready_at = call.ws.now() + delay
        stored.title = str(item.get("title") or stored.name)
        stored.alt_text = str(item.get("alt_txt") or stored.alt_text)
    comment = call.args.text("initial_comment") or ""

    def share() -> None:
        # Slack shares a file only once it has looked at it, some time after it answered.
        for channel in channels:
            _share(call, channel, [stored for stored, _ in named], comment, thread_ts)
        for stored, _ in named:
            call.ws.tell(Change(ChangeKind.FILE, ts=stored.id))

    if delay:
        call.slack.schedule(delay, share)
    else:
        share()
    return {"files": [file_json(call.ws, stored) for stored, _ in named]}


def _shareable(call: Call, name: str) -> Channel:
    channel = call.ws.channels.get(name)
    if channel is None or (channel.seed.is_private and call.ws.app.bot_user not in channel.members):
        raise SlackError("channel_not_found")
    if channel.is_archived:
        raise SlackError("is_archived")
    if call.ws.app.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _share(call: Call, channel: Channel, files: list[StoredFile], comment: str, thread_ts: str | None) -> None:
    for stored in files:
        stored.channels.append(channel.id)
    call.ws.post(
        channel,
        Message(
            ts=call.ws.new_ts(),
            channel=channel.id,
            user=call.ws.app.bot_user,
            text=comment,
            is_bot=True,
            thread_ts=thread_ts,
            files=[stored.id for stored in files],
        ),
    )


def info(call: Call) -> Json:
    stored = call.ws.files.get(call.args.need("file"))
    if stored is None or not stored.completed:
        raise SlackError("file_not_found")
    return {"file": file_json(call.ws, stored), "comments": [], "response_metadata": {"next_cursor": ""}}
