"""Preformatted words of programs: log lines, diffs. Shown as far as there is room, whole in a file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.domain.reply import Code, text
from bot.slack import blocks, limits
from bot.slack.blocks import Block
from bot.slack.mrkdwn import Ink, clipped, mrkdwn, size, visible

_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: str


@dataclass(slots=True)
class Room:
    """What is left of a message for preformatted text, charts and tables, of which Slack takes only so much."""

    is_view: bool
    characters: int = field(init=False)
    chunks: int = field(init=False)
    files: list[File] = field(default_factory=list)
    is_cut: bool = False
    _charts: int = limits.CHARTS
    _tables: int = 1

    def __post_init__(self) -> None:
        self.characters = limits.CODE_IN_VIEW if self.is_view else limits.CODE_IN_MESSAGE
        self.chunks = limits.CODE_BLOCKS_IN_VIEW if self.is_view else 8

    def take_chart(self) -> bool:
        self._charts -= 1
        return self._charts >= 0

    def take_table(self) -> bool:
        self._tables -= 1
        return self._tables >= 0


def code(found: Code, room: Room, *, is_rich: bool) -> list[Block]:
    """Preformatted blocks, or plain text where those may not stand. What is cut is said, and the whole is a file."""
    lines = visible(found.words.rstrip("\n"), keep="\n\t").split("\n")
    most = len(lines) if room.is_view else limits.CODE_LINES
    shown: list[str] = []
    for line in lines[:most]:
        fitting = clipped(line, limits.CODE_CHUNK)
        # A view is limited in bytes of JSON, in which what is not ASCII is written as an escape.
        cost = len(fitting.encode("unicode_escape")) if room.is_view else size(fitting)
        if cost + 1 > room.characters:
            break
        room.characters -= cost + 1
        shown.append(fitting)
    chunks = list(_chunks(shown))
    if len(chunks) > room.chunks:
        chunks = chunks[: room.chunks]
    room.chunks -= len(chunks)
    count = sum(len(chunk) for chunk in chunks)
    draw = blocks.preformatted if is_rich else blocks.quoted
    drawn = [draw("\n".join(chunk)) for chunk in chunks]
    is_whole = count == len(lines) and shown == lines
    if is_whole:
        return drawn
    room.is_cut = True
    name = _NAME.sub("-", found.name)[:80] or "output.txt"
    room.files.append(File(name, found.words))
    what = text(
        "Shown: {shown} of {all} lines, long lines cut. All of it is in the file {name}.",
        shown=count,
        all=len(lines),
        name=name,
    )
    return [*drawn, blocks.context(mrkdwn(what, Ink()))]


def _chunks(lines: list[str]) -> list[list[str]]:
    chunks: list[list[str]] = []
    left = 0
    for line in lines:
        cost = size(line) + 1
        if not chunks or cost > left:
            chunks.append([])
            left = limits.CODE_CHUNK + 1
        chunks[-1].append(line)
        left -= cost
    return chunks
