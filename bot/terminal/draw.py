"""A Reply drawn for a terminal: the same blocks that Slack shows, as text. What is risky comes first, what one can do
next comes as the exact lines to type.

Pure: the same Reply and Look give the same text. Colour and wrapping only where the Look says so; without them the
text is stable, for pipes and tests. Asks nothing and sends nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import assert_never

from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text as Words

from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
    Chart,
    Code,
    Facts,
    Heading,
    Histogram,
    Note,
    Opens,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Series,
    Table,
    Text,
    text,
)
from bot.domain.reply import Style as Kind
from bot.terminal.marks import Look, one_line, visible, words

BAR = 12
SPARK = 60
"""Columns of a sparkline at most: more counts are added up."""
_UNWRAPPED = 20_000
"""Columns of a page that never wraps."""
_LEVELS = "▁▂▃▄▅▆▇█"
_DIFFS = ("-plan.txt", ".diff", ".patch")

_TITLE = Style(bold=True, underline=True)
_HEAD = Style(bold=True)
_RISK = Style(bold=True, color="yellow")
_DIM = Style(dim=True)
_GOOD = Style(color="green")
_BAD = Style(color="red")


def draw(reply: Reply, look: Look) -> str:
    """Ends with a newline; parts are separated by empty lines."""
    page = _Page(look)
    if reply.title is not None:
        page.add(words(reply.title, look, base=_TITLE))
    risks = [block for block in reply.blocks if isinstance(block, Risks)]
    for block in (*risks, *(block for block in reply.blocks if not isinstance(block, Risks))):
        _block(page, block)
    if reply.submit is not None:
        _hints(page, (reply.submit,))
    return page.read()


def progress_line(reply: Reply, look: Look) -> str:
    """One line of a card that changes: its state and how far it is. Without a newline."""
    parts = [words(reply.title, look)] if reply.title is not None else []
    for block in reply.blocks:
        if isinstance(block, Bar):
            parts.append(_bar(block, look))
            break
    else:
        parts += [words(block.text, look) for block in reply.blocks if isinstance(block, Paragraph)][:1]
    page = _Page(Look(None, look.is_colored, look.zone, look.today))
    page.add(Words(" · ").join(parts), is_exact=True)
    return " ".join(page.read().split("\n")).strip()


class _Page:
    """Collects drawn parts. Its console writes to memory and takes nothing from the environment."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._lines = StringIO()
        self._is_empty = True
        self._was_tight = False
        self._console = Console(
            file=self._lines,
            width=look.width or _UNWRAPPED,
            height=100,
            color_system="standard" if look.is_colored else None,
            force_terminal=look.is_colored,
            no_color=not look.is_colored,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def add(self, part: Words | Grid | Padding, *, is_exact: bool = False, is_tight: bool = False) -> None:
        """`is_exact`: neither wrapped nor cut, to be copied. `is_tight`: no empty line between two of these."""
        if not self._is_empty and not (is_tight and self._was_tight):
            self._console.print()
        self._is_empty, self._was_tight = False, is_tight
        self._console.print(part, soft_wrap=is_exact or self.look.width is None)

    def read(self) -> str:
        return "".join(f"{line.rstrip()}\n" for line in self._lines.getvalue().splitlines())


def _block(page: _Page, block: Block) -> None:
    match block:
        case Note(text=said):
            page.add(words(said, page.look, base=_DIM), is_tight=True)
        case Quote(label=label, words=said):
            page.add(_quote(label, said, page.look), is_exact=True)
        case Code():
            page.add(_code(block, page.look), is_exact=True)
        case Buttons(row=row, more=more):
            _hints(page, (*row, *more))
        case _:
            page.add(_wrapped(block, page.look))


def _wrapped(
    block: Heading | Paragraph | Risks | Facts | Bar | Histogram | Table | Chart, look: Look
) -> Words | Grid | Padding:
    match block:
        case Heading(text=title):
            return words(title, look, base=_HEAD)
        case Paragraph(text=said):
            return words(said, look)
        case Risks(lines=lines):
            return _risks(lines, look)
        case Facts(facts=facts):
            return _pairs([(words(fact.label, look, base=_DIM), words(fact.value, look)) for fact in facts])
        case Bar():
            return _bar(block, look)
        case Histogram(counts=counts, caption=caption):
            bars = [Words(spark(counts))] if counts else []
            return Words("\n").join([*bars, words(caption, look)])
        case Table():
            return _table(block, look)
        case Chart():
            return _chart(block, look)
        case _:
            assert_never(block)


def _quote(label: Text, said: str, look: Look) -> Words:
    lines = [words(text("{label}:", label=label), look)]
    lines += [Words(f"  | {line}") for line in visible(said).expandtabs().split("\n")]
    return Words("\n").join(lines)


def _risks(lines: Sequence[Text], look: Look) -> Words:
    drawn = [words(text("Look first"), look, base=_RISK)]
    drawn += [Words.assemble(("  ! ", _RISK), words(line, look)) for line in lines]
    return Words("\n").join(drawn)


def _pairs(rows: Iterable[tuple[Words, Words]]) -> Padding:
    grid = Grid.grid(padding=(0, 3, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for left, right in rows:
        grid.add_row(left, right)
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _bar(block: Bar, look: Look) -> Words:
    share = min(1.0, max(0.0, block.done / block.of)) if block.of > 0 else 0.0
    full = int(share * BAR)
    return Words.assemble(("█" * full, _GOOD), "░" * (BAR - full), " ", words(block.caption, look))


def spark(values: Sequence[float]) -> str:
    """A character a value, the lowest one for nothing at all."""
    shown = _squeezed([value if math.isfinite(value) else 0.0 for value in values])
    top = max(shown, default=0.0)
    if top <= 0:
        return _LEVELS[0] * len(shown)
    return "".join(_LEVELS[0] if v <= 0 else _LEVELS[max(1, math.ceil(v / top * 7))] for v in shown)


def _squeezed(values: list[float]) -> list[float]:
    size = math.ceil(len(values) / SPARK)
    return values if size <= 1 else [sum(values[at : at + size]) for at in range(0, len(values), size)]


def _table(block: Table, look: Look) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=_DIM if look.is_colored else "")
    for head in block.head:
        grid.add_column(words(head, look), overflow="fold")
    for row in block.rows:
        grid.add_row(*(words(cell, look) for cell in row))
    return grid


def _code(block: Code, look: Look) -> Words:
    """Beside a line on a screen, so that a log cannot pass for our own words; as it is in a pipe."""
    beside = ("│ ", _DIM) if look.width is not None else ""
    is_diff = block.name.endswith(_DIFFS)
    lines = []
    for line in visible(block.words).expandtabs().rstrip("\n").split("\n"):
        style = {"+": _GOOD, "-": _BAD}.get(line.strip()[:1]) if is_diff else None
        lines.append(Words.assemble(beside, (line, style or "")))
    return Words("\n").join(lines)


def _chart(block: Chart, look: Look) -> Words:
    lines = [words(block.title, look, base=_HEAD)]
    lines += [_series(series, block.unit, look) for series in block.series]
    if block.limit is not None:
        lines.append(words(text("  limit {limit} {unit}", limit=block.limit, unit=block.unit), look))
    return Words("\n").join(lines)


def _series(series: Series, unit: str, look: Look) -> Words:
    values = [value for _, value in series.points if math.isfinite(value)]
    if not values:
        return words(text("  {name}: no data", name=series.name), look)
    size = math.ceil(len(values) / SPARK)
    means = [sum(part) / len(part) for part in (values[at : at + size] for at in range(0, len(values), size))]
    said = text(
        "  {line} {name}: {low} to {high}, last {last} {unit}",
        line=spark([mean - min(0.0, *means) for mean in means]),
        name=series.name,
        low=min(values),
        high=max(values),
        last=values[-1],
        unit=unit,
    )
    return words(said, look)


def _hints(page: _Page, buttons: Sequence[Button]) -> None:
    """Lines to be copied: never wrapped, never cut. A line that could not be typed as it stands is not offered."""
    look = page.look
    offered = [button for button in buttons if button.line and one_line(button.line) == button.line]
    if not offered:
        return
    width = min(60, max(len(button.line) for button in offered))
    lines = [words(text("You can:"), look)]
    for button in offered:
        line = Words(button.line, style="cyan" if look.is_colored else "")
        gap = " " * (max(0, width - len(button.line)) + 3)
        lines.append(Words.assemble("  ", line, gap, words(_label(button), look, base=_color(button))))
    page.add(Words("\n").join(lines), is_exact=True)


def _label(button: Button) -> Text:
    if button.confirm is not None:
        return text("{label}: {what}", label=button.label, what=button.confirm.text)
    if button.opens is Opens.FORM:
        return text("{label} (you may say more)", label=button.label)
    return button.label


def _color(button: Button) -> Style:
    match button.style:
        case Kind.PRIMARY:
            return _GOOD
        case Kind.DANGER:
            return _BAD
        case Kind.PLAIN:
            return Style()
        case _:
            assert_never(button.style)
