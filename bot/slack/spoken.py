"""A whole reply in sentences: what notifications show and screen readers read, which do not read blocks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias, assert_never

from bot.domain.reply import (
    Bar,
    Block,
    Buttons,
    Chart,
    Code,
    Facts,
    Heading,
    Histogram,
    Note,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Table,
    Text,
)
from bot.slack import limits
from bot.slack.mrkdwn import Ink, escape, inert, mrkdwn, plain, shorten, visible

_ENDS = (".", "!", "?", ":", "…")
_Say: TypeAlias = Callable[[Text], str]


def spoken(reply: Reply, ink: Ink, *, is_mentioning: bool = False) -> str:
    """Escaped for a message's `text`. With `is_mentioning` people are Slack's mentions, else names."""

    def say(text: Text) -> str:
        if is_mentioning:
            return mrkdwn(text, ink).replace("*", "").replace("`", "")
        return escape(inert(plain(text, ink))) if text.args else _literal(text.template)

    buttons = _buttons(reply, say)
    room = limits.SPOKEN_BYTES - len(buttons.encode()) - 1
    if reply.accent is not None:
        body = _sentence(say(reply.accent))
    else:
        parts = [_title(say(reply.title))] if reply.title is not None else []
        for block in reply.blocks:
            parts += [_sentence(part) for part in _say(block, say) if part.strip()]
        body = " ".join(parts)
    return f"{shorten(body, room, is_bytes=True)} {buttons}".strip() or "Pilothouse"


@lru_cache(maxsize=1024)
def _literal(template: str) -> str:
    return escape(inert(plain(Text(template), Ink())))


def _title(words: str) -> str:
    """`Plan · scale web · prod` is read as `Plan: scale web, prod.`"""
    return _sentence(words.replace(" · ", ": ", 1).replace(" · ", ", "))


def _sentence(words: str) -> str:
    words = " ".join(words.replace(" · ", ", ").split())
    return words if words.endswith(_ENDS) else f"{words}."


def _buttons(reply: Reply, say: _Say) -> str:
    labels = [say(button.label) for block in reply.blocks if isinstance(block, Buttons) for button in block.row]
    if reply.submit is not None:
        labels.append(say(reply.submit.label))
    if not labels:
        return ""
    kept = labels[:12]
    return f"{'Button' if len(labels) == 1 else 'Buttons'}: {shorten(', '.join(kept), 600, is_bytes=True)}."


def _say(block: Block, say: _Say) -> Iterator[str]:
    match block:
        case Paragraph(text=words) | Note(text=words) | Heading(text=words):
            yield from say(words).split("\n")
        case Quote(label=label, words=words):
            yield f"{say(label)}: {escape(inert(visible(words)))}"
        case Risks(lines=lines):
            yield f"Look first: {'; '.join(say(line) for line in lines)}"
        case Facts(facts=facts):
            for fact in facts:
                yield f"{say(fact.label)}: {say(fact.value)}"
        case Bar(caption=caption) | Histogram(caption=caption):
            yield from say(caption).split("\n")
        case Table(rows=rows):
            yield f"A table of {len(rows)} rows"
            for row in rows[:5]:
                yield ", ".join(say(cell) for cell in row)
        case Code(words=words):
            count = len(words.splitlines())
            yield "1 line of text follows" if count == 1 else f"{count} lines of text follow"
        case Chart(title=title):
            yield f"Chart: {say(title)}"
        case Buttons():
            return
        case _:
            assert_never(block)
