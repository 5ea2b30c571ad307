"""A Text to styled words for a terminal: marks only from templates, values shown as they are and unable to do anything.

What people and programs wrote reaches a terminal only through `visible`: a control character that would move the
cursor, recolour, ring or reorder is written out (`\\x1b`). No I/O, no clock; knows no command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from string import Formatter
from typing import assert_never

from rich.style import Style
from rich.text import Text as Words

from bot.domain.refs import Principal
from bot.domain.reply import Channel, Group, Link, Text, Value, span

BOLD = Style(bold=True)
CODE = Style(color="cyan")

_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1: a lone \x9b is an escape sequence too
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these reorder what is read
    "\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at a reply. The default is plain text: no colour, no wrapping, for pipes and tests."""

    width: int | None = None
    """Columns; None: lines are as long as they are."""
    is_colored: bool = False
    zone: tzinfo | None = None
    """None: that of the machine."""
    today: date | None = None
    """Times of this day are shown without their date."""


def visible(words: str) -> str:
    """Lines and tabs stay, every other control character is written out: `\\x1b`, `\\u202e`."""
    return _HARMFUL.sub(lambda found: _escaped(found[0]), words.replace("\r\n", "\n"))


def one_line(words: str) -> str:
    """As `visible`; a value inside a sentence cannot begin a line of its own."""
    return visible(words).replace("\n", "\\n").replace("\t", " ")


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def words(text: Text, look: Look, *, base: Style | None = None) -> Words:
    """`*bold*` and `` `code` `` of the template become styles; without colour, code keeps its backquotes."""
    drawn = Words(style=base or "")
    _fill(drawn, text, look, Style())
    return drawn


def plain(text: Text, look: Look) -> str:
    return words(text, look).plain


def _fill(drawn: Words, text: Text, look: Look, around: Style) -> None:
    is_bold = is_code = False
    for literal, field, spec, _ in Formatter().parse(text.template):
        for part in re.split(r"([*`])", literal):
            if part == "`":
                is_code = not is_code
                drawn.append("" if look.is_colored else "`")
            elif part == "*" and not is_code:
                is_bold = not is_bold
            else:
                drawn.append(part, _style(around, is_bold=is_bold, is_code=is_code))
        if field is None:
            continue
        style = _style(around, is_bold=is_bold, is_code=is_code)
        value = text.args.get(field, f"{{{field}}}")
        if isinstance(value, Text):
            _fill(drawn, value, look, style)
        elif spec and isinstance(value, int | float | str):
            drawn.append(one_line(format(value, spec)), style)
        else:
            drawn.append(one_line(shown(value, look)), style)


def _style(around: Style, *, is_bold: bool, is_code: bool) -> Style:
    return Style.combine([around, *([BOLD] if is_bold else []), *([CODE] if is_code else [])])


def shown(value: Value, look: Look) -> str:
    """Not yet safe for a terminal: `one_line` makes it so."""
    match value:
        case Text():
            return plain(value, look)
        case Principal(id=name) | Group(name=name):
            return f"@{name}"
        case Channel(id=name):
            return f"#{name}"
        case Link(url=url, label=label):
            return f"{label}: {url}"
        case datetime():
            local = value.astimezone(look.zone)
            return f"{local:%H:%M}" if local.date() == look.today else f"{local:%Y-%m-%d %H:%M}"
        case timedelta():
            return span(value)
        case float():
            return f"{value:g}"
        case int() | str():
            return str(value)
        case _:
            assert_never(value)
