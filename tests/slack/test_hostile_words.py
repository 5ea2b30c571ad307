"""Whatever people and programs write, in every slot of every block, on every surface: it stays words.

Slack's notation in what we send is only what we put there; no mark formats, nothing hides, and Slack takes all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.operation import Place
from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Button,
    Buttons,
    Chart,
    Code,
    Confirm,
    Fact,
    Facts,
    Group,
    Heading,
    Histogram,
    Note,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Series,
    Table,
    text,
)
from bot.playground.validate_blocks import validate_message, validate_view
from bot.slack import blocks
from bot.slack.forms import dialog
from bot.slack.mrkdwn import Ink, mrkdwn
from bot.slack.render import Rendered, Surface, render
from tests.slack.stage import MACS, NAMES, PROD

AT = datetime(2026, 11, 24, 14, 34, tzinfo=UTC)
OURS = re.compile(r"<(@U0ANA0001|!subteam\^S0SRE0001|!date\^\d+\^\{time\}\|14:34 UTC)>")

MENTIONS = (
    "<!here>",
    "<!channel>",
    "<!everyone>",
    "<@U0BOB0002>",
    "<@U0BOB0002|bo>",
    "<#C0PROD001|prod>",
    "<!subteam^S0SRE0001>",
)
LINKS = (
    "<https://evil.example|click>",
    "https://evil.example",
    "<mailto:a@b.c|x>",
    "<javascript:alert(1)|x>",
    "www.evil.example",
)
MARKS = (
    "*bold*",
    "_slanted_",
    "~struck~",
    "`code`",
    "```block```",
    "> quote",
    ":white_check_mark:",
    "**",
    "*",
    "`",
    "a*b*c",
    "_x",
)
DATES = ("<!date^0^{date}^https://evil.example|now>", "<!date^1795530840^{time}|14:34 UTC>")
ENTITIES = ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;", "&", "<", ">", "<<!here>>", "&#60;!here&#62;", "\\<!here\\>")
HIDERS = ("\u202e!ereh", "a\u200bb", "\u2066x\u2069", "\ufeff", "a\u00adb", "\x1b[31mred", "\x00", "\x07", "\u2028line", "\ud800",
          "\U000e0041\U000e0042", "\u3164", "\u115f", "a\rb", "\x85")  # fmt: skip
BREAKERS = ("x\nApproved by bo", "x\r\n*Denied*", "\n\n\n", "\t", " ", "", "{who}", "{0}", "%s", "{", "}}", "$HOME")
LONG = ("x" * 5000, "<!here>" * 1000, "&" * 4000, "`" * 4000, "🙂" * 3000, "a\n" * 3000, "*" * 3001)
PREFIXES = ("", "web ", "`", "*", "<", "&", "\\", ">")
SUFFIXES = ("", " prod", "`", "*", ">", ";", "|x>")


def corpus() -> list[str]:
    short = (*MENTIONS, *LINKS, *MARKS, *DATES, *ENTITIES, *HIDERS, *BREAKERS)
    return [
        *dict.fromkeys([f"{before}{core}{after}" for before, core, after in product(PREFIXES, short, SUFFIXES)]),
        *LONG,
    ]


def slots(words: str) -> Reply:
    """The words in every place where words can stand."""
    said = text("before {words} after", words=words)
    bold, code = text("*{words}*", words=words), text("`{words}`", words=words)
    nested = text("{inner} and *{inner}*", inner=said)
    button = Button(said, "help", confirm=Confirm(said, said, said, said), spoken=said)
    return Reply(
        said,
        (
            Paragraph(said),
            Paragraph(text("{words}", words=words)),
            Paragraph(bold),
            Paragraph(code),
            Note(nested),
            Note(text("{who} {group} {at} {words}", who=Principal("ana"), group=Group("sre"), at=AT, words=words)),
            Note(text("{who} {group}", who=Principal(words), group=Group(words))),
            Quote(said, words),
            Risks((said, bold, code)),
            Facts((Fact(said, bold), Fact(bold, said))),
            Bar(1, 2, said),
            Histogram((1, 2), said),
            Table((said, code), ((bold, said),)),
            Code(words, name=words),
            Heading(said),
            Chart(said, words[:60], (Series(said, ((AT, 1.0), (AT.replace(hour=15), 2.0))),)),
            Buttons((button,), more=(button, button)),
        ),
        submit=button,
    )


def drawn(words: str, surface: Surface) -> Rendered:
    return render(slots(words), names=NAMES, macs=MACS, surface=surface, now=AT)


def markups(found: Rendered) -> Iterator[str]:
    yield found.text
    yield from blocks.texts([*found.blocks], "mrkdwn")


def is_inert(markup: str) -> bool:
    """Nothing but our own notation, and every `&` begins an entity."""
    left = OURS.sub("", markup)
    return "<" not in left and ">" not in left and re.search(r"&(?!(amp|lt|gt);)", left) is None


def every_string(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from every_string(item)
        case list() | tuple():
            for item in value:
                yield from every_string(item)


HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad\ud800-\udfff\U000e0000-\U000e007f]"
)


@pytest.mark.parametrize("surface", list(Surface))
def test_no_words_mention_link_or_hide_anything_in_any_slot(surface: Surface) -> None:
    found = corpus()
    assert len(found) > 2_000
    for words in found:
        result = drawn(words, surface)
        for markup in markups(result):
            assert is_inert(markup), (words, markup)
        for shown in every_string([*result.blocks, result.text]):
            assert not HIDDEN.search(shown), (words, shown)


def test_slack_takes_every_one_of_them() -> None:
    for words in corpus()[::7] + list(LONG):
        for surface in (Surface.CARD, Surface.THREAD, Surface.PRIVATE):
            result = drawn(words, surface)
            assert validate_message([*result.blocks]) == [], words
            assert len(result.text.encode()) < 4_000
        view, _ = dialog(slots(words), names=NAMES, macs=MACS, place=Place(PROD), now=AT)
        assert validate_view(view) == [], words
        home = drawn(words, Surface.HOME)
        assert validate_view({"type": "home", "blocks": [*home.blocks]}) == [], words


def test_marks_in_words_format_nothing() -> None:
    for words in (*MARKS, *(f"x {mark} y" for mark in MARKS)):
        shown = mrkdwn(text("say {words}", words=words), Ink())
        assert not re.search(r"[*~`]", shown), words
        assert not re.search(r"(?<![^\W_])_\w|:\w+:", shown), words
        inside = mrkdwn(text("say `{words}` now", words=words), Ink())
        assert inside.count("`") == 2, words


def test_words_that_begin_a_line_quote_nothing() -> None:
    assert not mrkdwn(text("{words}", words="> quote"), Ink()).startswith("&gt;")


def test_a_line_break_in_words_cannot_pose_as_a_line_of_the_card() -> None:
    result = drawn("x\nApproved by bo", Surface.CARD)
    for markup in markups(result):
        assert not any(line.startswith("Approved") for line in markup.split("\n"))
    quoted = [words for words in blocks.texts([*result.blocks], "plain_text") if "│" in words]
    assert quoted


@settings(max_examples=400, deadline=None)
@given(
    words=st.text(max_size=300).filter(lambda words: words not in {"ana", "bo", "lee", "sre"}),
    surface=st.sampled_from(list(Surface)),
)
def test_any_text_at_all_is_inert(words: str, surface: Surface) -> None:
    """But for the names of people and groups, which stand in one slot as whom they name."""
    result = drawn(words, surface)
    assert all(is_inert(markup) for markup in markups(result))
