"""What a message may consist of: text, blocks and metadata, checked as Slack checks them. Used by chat.* and response_urls."""

import json
from dataclasses import dataclass
from typing import Any

from bot.playground import constants as c
from bot.playground.errors import SlackError
from bot.playground.methods.call import Args
from bot.playground.schema import Problem
from bot.playground.validate_blocks import is_too_long, validate_message
from bot.playground.workspace import Workspace

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """`blocks` None: not given. The blocks are filled in with their ids."""

    text: str | None
    blocks: list[Json] | None
    attachments: list[Json]


def refuse(problems: list[Problem], code: str) -> SlackError:
    sentences = tuple(problem.sentence() for problem in problems)
    return SlackError(code, messages=sentences, errors=list(sentences))


def read_content(ws: Workspace, args: Args) -> Content:
    """Raises SlackError: no_text, msg_too_long, invalid_blocks_format, invalid_blocks, msg_blocks_too_long."""
    text = args.text("text")
    blocks = _objects(args, "blocks", "invalid_blocks_format")
    attachments = _objects(args, "attachments", "invalid_attachments") or []
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if text and len(text) > c.POST_TEXT_CHARACTERS:
        raise SlackError("msg_too_long")
    if blocks:
        problems = validate_message(blocks, files_ready=ws.file_is_ready)
        if problems:
            raise refuse(problems, "invalid_blocks")
        if is_too_long(blocks):
            raise SlackError("msg_blocks_too_long")
        blocks = ws.with_block_ids(blocks)
    return Content(text, blocks, attachments)


def _objects(args: Args, name: str, error: str) -> list[Json] | None:
    if name not in args:
        return None
    given = args.data(name, error)
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise SlackError(error)
    return given


def read_metadata(args: Args) -> Json | None:
    """Message metadata. Raises SlackError: invalid_metadata_format, metadata_too_large."""
    if "metadata" not in args:
        return None
    given = args.data("metadata", "invalid_metadata_format")
    if given == {}:
        return {}
    if (
        not isinstance(given, dict)
        or not isinstance(given.get("event_type"), str)
        or not given["event_type"]
        or not isinstance(given.get("event_payload"), dict)
    ):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(given["event_payload"]).encode()) > c.METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return {"event_type": given["event_type"], "event_payload": given["event_payload"]}
