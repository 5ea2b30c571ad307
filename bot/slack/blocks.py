"""Slack's blocks as plain values: the shapes that render.py and forms.py put together. Pure; knows no Reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from bot.domain.codec import Json
from bot.slack import limits
from bot.slack.mrkdwn import clipped, size

Block: TypeAlias = dict[str, Json]


def plain_text(words: str, room: int) -> Block:
    return {"type": "plain_text", "text": clipped(words, room) or "–", "emoji": False}


def marked(markup: str) -> Block:
    return {"type": "mrkdwn", "text": markup, "verbatim": True}


def header(words: str) -> Block:
    return {"type": "header", "text": plain_text(words, limits.HEADER)}


def section(markup: str) -> Block:
    return {"type": "section", "text": marked(markup)}


def quoted(words: str) -> Block:
    """Words of others: plain text, which cannot mention, link or format."""
    return {"type": "section", "text": plain_text(words, limits.SECTION)}


def fields(markups: Iterable[str]) -> Block:
    return {"type": "section", "fields": [marked(markup) for markup in markups]}


def context(markup: str) -> Block:
    return {"type": "context", "elements": [marked(markup)]}


def preformatted(words: str) -> Block:
    text: Block = {"type": "text", "text": words or " "}
    part: Block = {"type": "rich_text_preformatted", "elements": [text]}
    return {"type": "rich_text", "elements": [part]}


def actions(elements: Iterable[Block]) -> Block:
    return {"type": "actions", "elements": [*elements]}


def option(label: str, value: str) -> Block:
    return {"text": plain_text(label, limits.OPTION_TEXT), "value": value}


def image(file_id: str, *, title: str, alt: str) -> Block:
    return {
        "type": "image",
        "slack_file": {"id": file_id},
        "title": plain_text(title, limits.IMAGE_TITLE),
        "alt_text": clipped(alt, limits.ALT_TEXT),
    }


_UNSEEN = frozenset({"confirm", "options", "placeholder"})


def weight(value: Json) -> int:
    """Visible characters, as Slack measures a message."""
    total = 0
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += item
        elif isinstance(item, dict):
            if item.get("type") == "header":
                total += limits.HEADER_WEIGHT
            for name, inner in item.items():
                if isinstance(inner, str):
                    if name == "text":
                        total += size(inner)
                elif isinstance(inner, list | dict) and name not in _UNSEEN:
                    left.append(inner)
    return total


def texts(value: Json, kind: str) -> Iterator[str]:
    """Every text of this kind (`mrkdwn`, `plain_text`, `text`, `raw_text`) in blocks."""
    match value:
        case list():
            for item in value:
                yield from texts(item, kind)
        case dict():
            if value.get("type") == kind and isinstance(words := value.get("text"), str):
                yield words
            for item in value.values():
                yield from texts(item, kind)
