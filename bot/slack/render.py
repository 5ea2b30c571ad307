"""A Reply as Slack's blocks: the only place, with its neighbours mrkdwn.py, controls.py and charts.py, that knows how.

Pure. What does not fit Slack's limits is cut, and that is said; long text becomes a file that the sender uploads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bot.domain import reply as words
from bot.domain.codec import Json
from bot.domain.reply import Reply, Text, text
from bot.slack import blocks, limits
from bot.slack.blocks import Block
from bot.slack.charts import Picture, described, native, thinned
from bot.slack.code import File, Room, code
from bot.slack.controls import Panel, controls
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Ink, Names, clipped, mrkdwn, pages, plain, shorten, size, visible
from bot.slack.spoken import spoken
from bot.slack.tables import table

CELLS = 12
"""Of a progress bar."""
BARS = 60
"""Of a histogram."""
_HEIGHTS = "▁▂▃▄▅▆▇█"


class Surface(StrEnum):
    CARD = "card"
    """A message that will be edited: no rich text in it, Slack refuses to replace that."""
    THREAD = "thread"
    """A message that is posted once; people in its `text` are mentioned."""
    PRIVATE = "private"
    """For one person."""
    MODAL = "modal"
    HOME = "home"


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    blocks: tuple[Block, ...]
    files: tuple[File, ...] = ()
    """What was too long to be shown whole."""
    pictures: tuple[Picture, ...] = ()
    is_cut: bool = False
    """Something is missing, and the message says so."""


@dataclass(slots=True)
class _Piece:
    """What one block of a Reply became."""

    blocks: list[Block]
    is_line: bool = False
    """A section of one line, which the next such line may join."""
    is_start: bool = False
    """A bar or a histogram: lines may follow it, but it joins none."""
    is_kept: bool = False
    """Never left out, however long the message."""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class _Sheet:
    panel: Panel
    surface: Surface
    room: Room

    @property
    def ink(self) -> Ink:
        return self.panel.ink


def render(
    reply: Reply, *, names: Names, macs: Macs, surface: Surface = Surface.PRIVATE, now: datetime | None = None
) -> Rendered:
    ink = Ink(names, now)
    about = plain(reply.title, ink).partition(" · ")[2] if reply.title is not None else ""
    sheet = _Sheet(Panel(ink, macs, about), surface, Room(surface is Surface.MODAL))
    pieces = [_Piece([_title(reply.title, sheet)], is_kept=True)] if reply.title is not None else []
    for block in _paired(reply.blocks, surface):
        pieces += _draw(block, sheet)
    pieces = list(_joined(pieces))
    if pieces and reply.title is None:
        pieces[0].is_kept = True
    is_cut = _fit(pieces, limits.VIEW_BLOCKS if surface in {Surface.MODAL, Surface.HOME} else limits.MESSAGE_BLOCKS)
    drawn: list[Block] = []
    pictures: list[Picture] = []
    for piece in pieces:
        if piece.picture is not None:
            pictures.append(replace(piece.picture, at=len(drawn)))
        drawn += piece.blocks
    speech = spoken(reply, ink, is_mentioning=surface is Surface.THREAD)
    return Rendered(speech, tuple(drawn), tuple(sheet.room.files), tuple(pictures), is_cut or sheet.room.is_cut)


def _title(title: Text, sheet: _Sheet) -> Block:
    return blocks.header(plain(title, sheet.ink))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line with one button beside it, as Home shows them."""

    line: words.Paragraph
    buttons: words.Buttons


def _paired(found: tuple[words.Block, ...], surface: Surface) -> Iterator[words.Block | _Entry]:
    waiting: words.Paragraph | None = None
    for block in found:
        if surface is not Surface.HOME:
            yield block
            continue
        is_single = isinstance(block, words.Buttons) and (len(block.row) + bool(block.more)) == 1
        if waiting is not None and isinstance(block, words.Buttons) and is_single:
            yield _Entry(waiting, block)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
            waiting = None
        if isinstance(block, words.Paragraph):
            waiting = block
        else:
            yield block
    if waiting is not None:
        yield waiting


def _draw(block: words.Block | _Entry, sheet: _Sheet) -> list[_Piece]:  # noqa: PLR0912 - one case for each kind of block
    ink = sheet.ink
    is_rich = sheet.surface is not Surface.CARD
    match block:
        case words.Paragraph(text=said):
            return _paragraph(mrkdwn(said, ink))
        case words.Note(text=said):
            return [_Piece([blocks.context(page)]) for page in pages(mrkdwn(said, ink), limits.SECTION)]
        case words.Heading(text=said):
            return [_Piece([blocks.header(plain(said, ink))])]
        case words.Quote(label=label, words=quoted):
            return [_Piece([blocks.quoted(_quote(plain(label, ink), quoted))])]
        case words.Risks():
            return _risks(block, sheet)
        case words.Facts(facts=facts):
            return list(_facts(facts, ink))
        case words.Bar(done=done, of=of, caption=caption):
            shown = f"`{bar(done, of)}` " if of > 0 else ""
            return _paragraph(shown + mrkdwn(caption, ink), is_start=True)
        case words.Histogram(counts=counts, caption=caption):
            shown = f"`{histogram(counts)}` " if counts else ""
            return _paragraph(shown + mrkdwn(caption, ink), is_start=True)
        case words.Table():
            is_native = sheet.surface not in {Surface.MODAL, Surface.HOME} and sheet.room.take_table()
            return [_Piece([drawn]) for drawn in table(block, ink, sheet.room, is_native=is_native, is_rich=is_rich)]
        case words.Code():
            return [_Piece(code(block, sheet.room, is_rich=is_rich))]
        case words.Chart():
            return _chart(block, sheet)
        case words.Buttons():
            drawn = controls(sheet.panel, block)
            return [_Piece([blocks.actions(drawn)], is_kept=True)] if drawn else []
        case _Entry(line=line, buttons=buttons):
            entry = blocks.section(shorten(mrkdwn(line.text, ink), limits.SECTION))
            if drawn := controls(sheet.panel, buttons):
                entry["accessory"] = drawn[0]
            return [_Piece([entry])]
        case _:
            assert_never(block)


def _paragraph(markup: str, *, is_start: bool = False) -> list[_Piece]:
    is_line = "\n" not in markup
    return [
        _Piece([blocks.section(page)], is_line=is_line, is_start=is_start) for page in pages(markup, limits.SECTION)
    ]


def _joined(pieces: list[_Piece]) -> Iterator[_Piece]:
    """Lines that follow each other are one section: `Why`, `Now`, `Next`."""
    last: _Piece | None = None
    for piece in pieces:
        if last is not None and last.is_line and piece.is_line and not piece.is_start:
            both = f"{_markup(last)}\n{_markup(piece)}"
            if size(both) <= limits.SECTION:
                last.blocks = [blocks.section(both)]
                continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _markup(piece: _Piece) -> str:
    section = piece.blocks[0]["text"]
    assert isinstance(section, dict)
    return str(section["text"])


def _quote(label: str, quoted: str) -> str:
    """Every further line is marked, so that none can pose as a line of the card."""
    lines = visible(quoted.strip(), keep="\n").split("\n")
    shown = "\n│ ".join(lines)
    if size(shown) > limits.QUOTE:
        shown = f"{clipped(shown, limits.QUOTE)} (cut, {len(quoted):,} characters)"
    return f"{label}: {shown}"


def _risks(risks: words.Risks, sheet: _Sheet) -> list[_Piece]:
    most = len(risks.lines) if sheet.surface is Surface.MODAL else limits.RISKS_ON_CARD
    lines = [f"• {mrkdwn(line, sheet.ink)}" for line in risks.lines[:most]]
    if more := len(risks.lines) - most:
        lines += [f"• {more} more in the full plan"] if more > 0 else []
    drawn = []
    for page in pages("\n".join(["*Look first*", *lines]), limits.SECTION):
        section = blocks.section(page)
        section["expand"] = True
        drawn.append(_Piece([section], is_kept=True))
    return drawn


def _facts(facts: tuple[words.Fact, ...], ink: Ink) -> Iterator[_Piece]:
    shown = [
        shorten(f"*{mrkdwn(fact.label, ink).replace('*', '')}*\n{mrkdwn(fact.value, ink)}", limits.FIELD)
        for fact in facts
    ]
    for first in range(0, len(shown), limits.FIELDS):
        yield _Piece([blocks.fields(shown[first : first + limits.FIELDS])])


def bar(done: int, of: int) -> str:
    full = min(CELLS, max(0, done * CELLS // of))
    return "█" * full + "░" * (CELLS - full)


def histogram(counts: tuple[int, ...]) -> str:
    if len(counts) > BARS:
        size_of_group = -(-len(counts) // BARS)
        counts = tuple(sum(counts[at : at + size_of_group]) for at in range(0, len(counts), size_of_group))
    top = max(counts)
    if top <= 0:
        return _HEIGHTS[0] * len(counts)
    steps = len(_HEIGHTS) - 1
    # Anything above nothing is seen.
    return "".join(_HEIGHTS[-(-max(0, count) * steps // top)] for count in counts)


def _chart(chart: words.Chart, sheet: _Sheet) -> list[_Piece]:
    if sheet.surface is Surface.MODAL or not sheet.room.take_chart():
        return []
    if drawn := native(chart, sheet.ink):
        return [_Piece([drawn])]
    if sheet.surface in {Surface.CARD, Surface.THREAD}:
        title = plain(chart.title, sheet.ink)
        return [_Piece([], picture=Picture(0, chart, title, described(chart, sheet.ink)))]
    if drawn := native(thinned(chart), sheet.ink):
        return [_Piece([drawn])]
    return []


def _fit(pieces: list[_Piece], most: int) -> bool:
    """Leaves out from the end what may be left out, until Slack takes the rest; says how much is missing."""
    missing = 0
    while len(pieces) > 1 and _is_over(pieces, most - bool(missing)):
        spare = next((at for at in reversed(range(len(pieces))) if not pieces[at].is_kept), None)
        if spare is None:
            spare = len(pieces) - 1
        del pieces[spare]
        missing += 1
    if not missing:
        return False
    said = text("{n} more parts did not fit into one message and are not shown.", n=missing)
    if missing == 1:
        said = text("One more part did not fit into one message and is not shown.")
    place = next((at for at, piece in enumerate(pieces) if _is_actions(piece)), len(pieces))
    pieces.insert(place, _Piece([blocks.context(mrkdwn(said, Ink()))]))
    return True


def _is_actions(piece: _Piece) -> bool:
    return bool(piece.blocks) and piece.blocks[0]["type"] == "actions"


def _is_over(pieces: list[_Piece], most: int) -> bool:
    count = sum(len(piece.blocks) + (piece.picture is not None) for piece in pieces)
    is_view = most > limits.MESSAGE_BLOCKS
    if count > most or is_view:
        return count > most
    drawn: list[Json] = [block for piece in pieces for block in piece.blocks]
    # Written out it has every character at least once, and Slack counts none for more than two: most need no count.
    if 2 * len(repr(drawn)) + limits.HEADER_WEIGHT * count <= limits.MESSAGE_CHARACTERS:
        return False
    return blocks.weight(drawn) > limits.MESSAGE_CHARACTERS
