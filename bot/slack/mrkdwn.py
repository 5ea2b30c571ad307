"""From Text and untrusted words to Slack's mrkdwn and plain text. With render.py the only place that knows the escaping.

What people or programs wrote can neither mention, link nor format here: `&`, `<` and `>` are escaped, marks are replaced
by look-alikes, and control, bidirectional and invisible characters are made visible. Pure.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bot.domain.refs import Principal
from bot.domain.reply import Channel, Group, Link, Text, Value, span

CUT = " … (cut)"

_FORMATTER = string.Formatter()
_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_GROUP = re.compile(r"S[A-Z0-9]{2,30}")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,30}")
_ATOMS = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)
_EMOJI = re.compile(r":(?=[a-z0-9_+'-]*[a-z][a-z0-9_+'-]*:)", re.IGNORECASE)
_EDGE_UNDERLINE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_MARKS = re.compile(r"[*~`_:]|\A>")
_PLAIN = re.compile(r"[ -~\n\t]*")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that show nothing, although Unicode does not count them as formatting."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ADDRESS = re.compile(r"https://([A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:[/?#][A-Za-z0-9/?#._~:@!$&'()+,;=%-]*)?")
"""Of plain characters alone: no name or password before the host, nothing that ends Slack's own notation."""
_LONGEST_ADDRESS = 500
_FAR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Names:
    """Whom Slack knows by which id; what it does not know is written as a word."""

    users: Mapping[str, str] = field(default_factory=dict)
    """Principal id to user id."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Group name to usergroup id."""


@dataclass(frozen=True, slots=True)
class Ink:
    """`now` decides whether a moment is shown with its date."""

    names: Names = field(default_factory=Names)
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a template: words, and the name of the value that follows them."""

    plain: str
    """Without marks."""
    pieces: tuple[str, ...]
    """A mark is a piece of its own."""
    name: str | None


@lru_cache(maxsize=4096)
def _parts(template: str) -> tuple[_Part, ...]:
    """Templates are literals of ours: there are some hundreds."""
    return tuple(
        _Part(literal.replace("*", "").replace("`", ""), tuple(filter(None, re.split(r"([*`])", literal))), name)
        for literal, name, _, _ in _FORMATTER.parse(template)
    )


def size(words: str) -> int:
    """As Slack counts: UTF-16 units, never less than its characters."""
    return len(words) if words.isascii() else len(words.encode("utf-16-le", "surrogatepass")) // 2


def visible(words: str, *, keep: str = "") -> str:
    """With every character that would hide something or be hidden made visible; `keep` lists those let through."""
    if words.isascii() and words.isprintable():
        return words
    if _PLAIN.fullmatch(words) and not ({"\n", "\t"} - set(keep)) & set(words):
        return words
    return "".join(_seen(char, keep) for char in words)


def _seen(char: str, keep: str) -> str:
    if char in keep:
        return char
    if char in {"\n", "\t", "\r"}:
        return {"\n": "␊", "\t": " ", "\r": "␍"}[char]
    if char < " ":
        return chr(0x2400 + ord(char))
    if char == "\x7f":
        return "␡"
    if char in _BLANK or unicodedata.category(char) in _UNSEEN:
        return f"⟨U+{ord(char):04X}⟩"
    return char


def escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def inert(words: str) -> str:
    """Untrusted words in running mrkdwn: no mark in them formats anything."""
    if not _MARKS.search(words):
        return words
    words = words.replace("*", "∗").replace("~", "∼").replace("`", "ˋ")
    words = _EDGE_UNDERLINE.sub("＿", words)
    words = _EMOJI.sub("∶", words)
    return f"＞{words[1:]}" if words.startswith(">") else words


def moment(at: datetime, now: datetime | None) -> str:
    """In UTC, for plain text and as what is shown where Slack's own date cannot be."""
    at = at.astimezone(UTC)
    if now is None or abs(at - now) < _FAR:
        return f"{at:%H:%M} UTC"
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _date_token(at: datetime, now: datetime | None) -> str:
    is_near = now is None or abs(at - now) < _FAR
    shown = "{time}" if is_near else "{date_short_pretty} at {time}"
    return f"<!date^{int(at.timestamp())}^{shown}|{moment(at, now)}>"


def _word(value: Value, ink: Ink) -> str:
    """As plain words."""
    match value:
        case str():
            return visible(value)
        case Text():
            return plain(value, ink)
        case Principal(id=name) | Group(name=name) | Channel(id=name):
            return visible(name)
        case Link(url=url, label=label):
            host = _host(url)
            return visible(f"{label} ({host})" if host else f"{label}: {url}")
        case datetime():
            return moment(value, ink.now)
        case timedelta():
            return span(value)
        case float():
            return f"{value:g}"
        case _:
            return visible(str(value))


def _token(value: Value, ink: Ink) -> str:
    """Slack's notation for it; empty where there is none."""
    match value:
        case str():
            return ""
        case Principal(id=name):
            known = ink.names.users.get(name, "")
            return f"<@{known}>" if _USER.fullmatch(known) else ""
        case Group(name=name):
            known = ink.names.groups.get(name, "")
            return f"<!subteam^{known}>" if _GROUP.fullmatch(known) else ""
        case Channel(id=id):
            return f"<#{id}>" if _CHANNEL.fullmatch(id) else ""
        case Link(url=url):
            return f"<{escape(url)}|{escape(inert(_word(value, ink)))}>" if _host(url) else ""
        case datetime():
            return _date_token(value, ink.now)
        case _:
            return ""


def _host(url: str) -> str:
    """Of an address that may be linked: https, nothing in it that hides where it leads. Empty: none."""
    found = _ADDRESS.fullmatch(url)
    return found[1] if found and len(url) <= _LONGEST_ADDRESS else ""


def _runs(text: Text, ink: Ink, *, is_bold: bool = False, is_code: bool = False) -> Iterator[tuple[str, bool]]:
    """Words as Slack reads them, and whether they are bold."""
    outer_bold = is_bold
    for part in _parts(text.template):
        for piece in part.pieces:
            if piece == "*":
                is_bold = outer_bold or not is_bold
            elif piece == "`":
                is_code = not is_code
            else:
                # Its marks have been read already.
                yield (_code(piece) if is_code else escape(piece)), is_bold
        if part.name is None:
            continue
        value = text.args[part.name]
        if isinstance(value, Text):
            yield from _runs(value, ink, is_bold=is_bold, is_code=is_code)
        elif is_code:
            yield _code(_word(value, ink)), is_bold
        else:
            yield _token(value, ink) or escape(inert(_word(value, ink))), is_bold


def plain(text: Text, ink: Ink) -> str:
    """Without marks, for plain_text objects and for speaking."""
    if not text.args:
        return _plain_literal(text.template)
    found = []
    for part in _parts(text.template):
        found.append(part.plain)
        if part.name is not None:
            found.append(_word(text.args[part.name], ink))
    return "".join(found)


@lru_cache(maxsize=1024)
def _plain_literal(template: str) -> str:
    return "".join(part.plain for part in _parts(template))


def mrkdwn(text: Text, ink: Ink) -> str:
    return _drawn(text, ink) if text.args else _literal(text.template)


@lru_cache(maxsize=1024)
def _literal(template: str) -> str:
    return _drawn(Text(template), Ink())


def _drawn(text: Text, ink: Ink) -> str:
    segments: list[tuple[bool, str]] = []
    for words, is_bold in _runs(text, ink):
        if not words:
            continue
        if segments and segments[-1][0] == is_bold:
            segments[-1] = (is_bold, segments[-1][1] + words)
        else:
            segments.append((is_bold, words))
    # Two code spans side by side are one.
    return "".join(_bold(words) if is_bold else words for is_bold, words in segments).replace("``", "")


def _code(words: str) -> str:
    inner = escape(words.replace("`", "ˋ").replace("\n", " "))
    return f"`{inner}`" if inner.strip() else inner


def _bold(words: str) -> str:
    """Slack wants no space inside the marks, and no line break."""
    lines = []
    for line in words.split("\n"):
        inner = line.strip()
        start = len(line) - len(line.lstrip())
        end = len(line.rstrip())
        lines.append(f"{line[:start]}*{inner}*{line[end:]}" if inner else line)
    return "\n".join(lines)


def shorten(markup: str, room: int, *, is_bytes: bool = False) -> str:
    """Cut so that nothing is torn apart, and say so. `room` in Slack's characters, or in UTF-8 bytes."""

    def measure(words: str) -> int:
        return len(words.encode()) if is_bytes else size(words)

    if measure(markup) <= room:
        return markup
    left = room - measure(CUT) - 2
    kept: list[str] = []
    for atom in _ATOMS.findall(markup):
        left -= measure(atom)
        if left < 0:
            break
        kept.append(atom)
    words = "".join(kept).rstrip()
    for mark in "`*":
        if words.count(mark) % 2:
            words += mark
    return words + CUT


def pages(markup: str, room: int) -> Iterator[str]:
    """In parts of whole lines that fit."""
    page = ""
    for line in markup.split("\n"):
        fitting = shorten(line, room)
        if page and size(page) + 1 + size(fitting) > room:
            yield page
            page = fitting
        else:
            page = f"{page}\n{fitting}" if page else fitting
    if page:
        yield page


def clipped(words: str, room: int) -> str:
    """Plain words, cut with an ellipsis: for labels and titles."""
    if size(words) <= room:
        return words
    kept, left = [], room - 1
    for char in words:
        left -= size(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"
