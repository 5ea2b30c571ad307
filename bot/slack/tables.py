"""Tables: Slack's own block in messages (one a message), preformatted columns elsewhere. Pure."""

from __future__ import annotations

from bot.domain.reply import Code, Table, text
from bot.slack import blocks, limits
from bot.slack.blocks import Block
from bot.slack.code import Room, code
from bot.slack.mrkdwn import Ink, clipped, mrkdwn, plain, size

_CELL = 300
_COLUMN = 40


def table(found: Table, ink: Ink, room: Room, *, is_native: bool, is_rich: bool) -> list[Block]:
    head = [plain(cell, ink) for cell in found.head]
    rows = [[plain(cell, ink) for cell in row] for row in found.rows]
    if not is_native or not head:
        return code(Code(aligned([head, *rows] if head else rows), "table.txt"), room, is_rich=is_rich)
    left = limits.TABLE_CHARACTERS // 2
    drawn: list[list[Block]] = []
    for row in [head, *rows][: limits.TABLE_ROWS]:
        cells = [clipped(cell, _CELL) or "–" for cell in row[: limits.TABLE_CELLS]]
        left -= sum(size(cell) for cell in cells)
        if left < 0:
            break
        drawn.append([{"type": "raw_text", "text": cell} for cell in cells])
    made: Block = {"type": "table", "rows": [[*row] for row in drawn]}
    missing = len(rows) + 1 - len(drawn)
    if missing <= 0:
        return [made]
    room.is_cut = True
    said = text("{n} more rows are not shown.", n=missing) if missing > 1 else text("One more row is not shown.")
    return [made, blocks.context(mrkdwn(said, Ink()))]


def aligned(rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell."""
    cut = [[clipped(cell, _COLUMN) for cell in row] for row in rows]
    widths = [
        max((len(row[at]) for row in cut if at < len(row)), default=0) for at in range(max(map(len, cut), default=0))
    ]
    return "\n".join("  ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() for row in cut)
