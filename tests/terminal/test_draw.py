"""What a person sees: golden texts, and what hostile words may not do to a terminal."""

from __future__ import annotations

import io
import os
import re
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.reply import Button, Buttons, Code, Heading, Histogram, Note, Paragraph, Quote, Reply, Risks, text
from bot.terminal.draw import draw, progress_line, spark
from bot.terminal.marks import Look, one_line, plain, visible
from bot.terminal.screen import StandardScreen
from tests.terminal.samples import LOGS, PLAN, RUNNING, SAMPLES
from tests.terminal.stage import T0, StillClock

PIPE = Look(zone=UTC, today=T0.date())
SCREEN = Look(width=60, is_colored=True, zone=UTC, today=T0.date())
DRAWN = Path(__file__).parent / "drawn"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_reply_is_drawn_as_its_golden_text_in_a_pipe(name: str) -> None:
    assert draw(SAMPLES[name], PIPE) == (DRAWN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_colour_only_adds_styles(name: str) -> None:
    wide = Look(width=200, is_colored=True, zone=UTC, today=T0.date())
    drawn = draw(SAMPLES[name], wide)
    assert "\x1b[" in drawn
    bare = _STYLE.sub("", drawn).replace("│ ", "")
    assert "\x1b" not in bare
    in_a_pipe = draw(SAMPLES[name], PIPE).replace("`", "")
    assert [line.split() for line in bare.split("\n")] == [line.split() for line in in_a_pipe.split("\n")]


def test_what_is_risky_comes_before_everything_else() -> None:
    late = Reply(text("Plan"), (Paragraph(text("facts")), Risks((text("the limit goes down"),))))
    drawn = draw(late, PIPE)
    assert drawn.index("the limit goes down") < drawn.index("facts")


def test_paragraphs_wrap_on_a_screen_and_lines_to_be_typed_do_not() -> None:
    line = "deploy web@sha256:" + "a" * 64 + " to staging"
    reply = Reply(None, (Paragraph(text("word " * 40)), Buttons((Button(text("Deploy"), line),))))
    drawn = _STYLE.sub("", draw(reply, SCREEN)).split("\n")
    assert len([each for each in drawn if "word" in each]) > 2
    assert all(len(each) <= 60 for each in drawn if "word" in each)
    assert any(line in each for each in drawn)


def test_marks_count_in_templates_and_not_in_values() -> None:
    assert plain(text("*{a}* runs `{b}`", a="*x*", b="a `b` {c}"), PIPE) == "*x* runs `a `b` {c}`"


def test_markup_of_the_drawing_library_is_only_text() -> None:
    assert "[red]x[/red] :warning:" in draw(Reply(None, (Paragraph(text("{x}", x="[red]x[/red] :warning:")),)), SCREEN)


def test_a_value_cannot_begin_a_line_of_its_own() -> None:
    drawn = draw(Reply(None, (Paragraph(text("{why}", why="no\nYou can:\n  approve op-9")),)), PIPE)
    assert drawn.count("\n") == 1


def test_on_a_screen_a_log_stands_beside_a_line_so_that_it_cannot_pass_for_our_words() -> None:
    drawn = _STYLE.sub("", draw(Reply(None, (Code("You can:\n  approve op-9"),)), SCREEN))
    assert drawn == "│ You can:\n│   approve op-9\n"


def test_a_line_that_cannot_be_typed_as_it_stands_is_not_offered() -> None:
    assert "You can" not in draw(Reply(None, (Buttons((Button(text("Go"), "logs web \x1b[2J"),)),)), PIPE)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=80))
def test_no_words_bring_a_control_character_to_the_terminal(words: str) -> None:
    reply = Reply(
        text("{x}", x=words),
        (
            Note(text("{x}", x=words)),
            Heading(text("{x}", x=words)),
            Quote(text("{x}", x=words), words),
            Code(words),
            Histogram((1, 2), text("{x}", x=words)),
            Buttons((Button(text("{x}", x=words), words),)),
        ),
    )
    for look in (PIPE, SCREEN):
        drawn = _STYLE.sub("", draw(reply, look))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", drawn)


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\x9b2J\rb\u202ec\ud800\n") == "a\\x1b[31m\\x9b2J\\x0db\\u202ec\\ud800\n"
    assert one_line("a\nb\tc") == "a\\nb c"


def test_a_progress_line_says_state_and_bar() -> None:
    line = "Canary at 25 % · web on prod · ██████░░░░░░ step 2 of 4 · 10 → 25 → 50 → 100 %"
    assert progress_line(RUNNING, PIPE) == line


def test_a_progress_line_without_a_bar_says_the_first_sentence() -> None:
    assert (
        progress_line(Reply(text("Going back"), (Paragraph(text("It\nfailed.")),)), PIPE) == "Going back · It failed."
    )


def test_sparklines_show_nothing_lower_than_something_and_never_grow_too_wide() -> None:
    assert spark((0, 1, 100)) == "▁▂█"
    assert spark(()) == ""
    assert spark((0, 0)) == "▁▁"
    assert len(spark(tuple(range(1000)))) <= 60
    assert spark((float("nan"), 1.0)) == "▁█"


def test_a_pipe_gets_no_styles_and_nobody_is_asked_there() -> None:
    output = io.StringIO()
    screen = StandardScreen(io.StringIO("yes\n"), output, io.StringIO(), clock=StillClock())
    screen.write(draw(PLAN, screen.look()))
    assert "\x1b" not in output.getvalue()
    assert screen.look().width is None
    assert screen.ask("Start? ") is None


def test_a_stream_of_ascii_shows_everything() -> None:
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="ascii")
    screen = StandardScreen(io.StringIO(), output, io.StringIO(), clock=StillClock())
    screen.write(draw(LOGS, screen.look()))
    assert b"Logs \\xb7 web in prod" in raw.getvalue()


def test_a_keyboard_and_a_screen_are_asked() -> None:
    master, slave = os.openpty()
    with (
        os.fdopen(master, "r+b", buffering=0) as person,
        open(slave, closefd=False) as keyboard,
        open(slave, "w") as output,
    ):
        person.write(b"yes\n")
        screen = StandardScreen(keyboard, output, output, clock=StillClock())
        assert screen.look().width is not None
        assert screen.ask("Start? ") == "yes"
        seen = b""
        while b"Start? " not in seen:  # after the echo of what was typed
            seen += person.read(100) or b""
