"""However long a reply, Slack takes it, what matters stays, and what is missing is said and handed over as a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.operation import Place
from bot.domain.reply import (
    Bar,
    Button,
    Buttons,
    Chart,
    Code,
    Fact,
    Facts,
    Note,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Series,
    Style,
    Table,
    text,
)
from bot.playground.constants import VIEW_BYTES
from bot.playground.validate_blocks import is_too_long, validate_message, validate_view
from bot.slack import blocks
from bot.slack.charts import native, thinned
from bot.slack.forms import dialog
from bot.slack.mrkdwn import Ink
from bot.slack.render import Rendered, Surface, bar, histogram, render
from tests.slack.stage import MACS, NAMES, PROD

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
MESSAGES = (Surface.CARD, Surface.THREAD, Surface.PRIVATE)


def drawn(reply: Reply, surface: Surface = Surface.PRIVATE) -> Rendered:
    found = render(reply, names=NAMES, macs=MACS, surface=surface, now=NOW)
    if surface in MESSAGES:
        assert validate_message([*found.blocks]) == []
        assert not is_too_long(json.loads(json.dumps(found.blocks)))
        assert len(found.text.encode()) < 4_000
    return found


def words(found: Rendered) -> str:
    return json.dumps(found.blocks, ensure_ascii=False)


@pytest.mark.parametrize("count", [1, 2, 59, 60, 61, 200, 1_000, 5_000])
@pytest.mark.parametrize("surface", MESSAGES)
def test_a_plan_of_any_length_is_shown_or_said_to_be_cut(count: int, surface: Surface) -> None:
    lines = "\n".join(f"+ line {n} of the plan, with some words" for n in range(count))
    reply = Reply(
        text("Plan · deploy web"),
        (
            Risks(tuple(text("Risk {n}", n=n) for n in range(count))),
            Facts(tuple(Fact(text("Fact {n}", n=n), text("value")) for n in range(count))),
            Code(lines, "plan.txt"),
            Buttons((Button(text("Deploy"), "ask op-1", Style.PRIMARY),)),
        ),
    )
    found = drawn(reply, surface)
    assert "Deploy" in found.text
    assert found.blocks[-1]["type"] == "actions"
    assert "Look first" in words(found)
    if count > 3:
        assert f"{count - 3} more in the full plan" in words(found)
    if count > 60:
        assert found.is_cut
        assert found.files == () or found.files[0].content == lines
        assert "not shown" in words(found) or "in the file plan.txt" in words(found)


@pytest.mark.parametrize("count", [1, 100, 1_000, 5_000])
@pytest.mark.parametrize("line", ["+ image registry/web@sha256:9c07be", "ä" * 80, "🙂" * 40, "x" * 4_000])
def test_a_dialog_holds_the_whole_plan_or_says_so(count: int, line: str) -> None:
    reply = Reply(text("Review plan"), (Code("\n".join([line] * count), "plan.txt"), Note(text("You approve this."))))
    view, files = dialog(reply, names=NAMES, macs=MACS, place=Place(PROD), now=NOW)
    assert validate_view(view) == []
    assert len(json.dumps(view).encode()) < VIEW_BYTES
    shown = "\n".join(blocks.texts(view["blocks"], "text"))
    if files:
        assert files[0].content == "\n".join([line] * count)
        assert "All of it is in the file plan.txt" in json.dumps(view)
    else:
        assert shown == "\n".join([line] * count)


def test_too_many_parts_leave_out_the_last_and_keep_the_buttons() -> None:
    many = tuple(Quote(text("Reason"), f"why {n}") for n in range(80))
    found = drawn(Reply(text("History"), (*many, Buttons((Button(text("Earlier"), "history web"),)))))
    assert len(found.blocks) == 50
    assert found.blocks[0]["type"] == "header"
    assert found.blocks[-1]["type"] == "actions"
    assert "33 more parts did not fit" in words(found)


def test_long_words_are_cut_where_they_stand_and_that_is_said() -> None:
    found = drawn(
        Reply(text("x" * 400), (Paragraph(text("*{w}*", w="y " * 3_000)), Quote(text("Reason"), "z" * 9_000)))
    )
    assert "… (cut)" in words(found)
    assert "9,000 characters" in words(found)


def test_a_line_too_long_for_a_menu_is_a_button_and_one_too_long_for_that_is_none() -> None:
    more = (
        Button(text("A"), "a"),
        Button(text("B"), "b"),
        Button(text("Long"), "l" * 300),
        Button(text("No"), "n" * 3_000),
    )
    found = drawn(Reply(None, (Paragraph(text("x")), Buttons((Button(text("Go"), "go"),), more=more))))
    elements = found.blocks[-1]["elements"]
    assert isinstance(elements, list)
    labels = [element["text"]["text"] for element in elements if element["type"] == "button"]  # type: ignore[call-overload,index]
    assert labels == ["Go", "Long"]


def test_a_menu_of_one_is_a_button() -> None:
    found = drawn(Reply(None, (Paragraph(text("x")), Buttons((), more=(Button(text("Full plan"), "plan op-1"),)))))
    assert [e["type"] for e in found.blocks[-1]["elements"]] == ["button"]  # type: ignore[union-attr,index,call-overload]


@pytest.mark.parametrize(
    ("done", "of", "shown"), [(0, 6, "░" * 12), (3, 6, "█" * 6 + "░" * 6), (6, 6, "█" * 12), (9, 6, "█" * 12)]
)
def test_a_bar_is_as_full_as_what_is_done(done: int, of: int, shown: str) -> None:
    assert bar(done, of) == shown


def test_a_bar_of_nothing_shows_its_words_only() -> None:
    assert "░" not in words(drawn(Reply(None, (Bar(0, 0, text("No pods.")),))))


def test_a_histogram_shows_anything_above_nothing() -> None:
    assert histogram((0, 1, 1_000)) == "▁▂█"
    assert len(histogram(tuple(range(1_000)))) <= 60


def chart(count: int, names: tuple[str, ...] = ("canary", "stable")) -> Chart:
    points = tuple((NOW + timedelta(minutes=n), float(n)) for n in range(count))
    return Chart(text("Errors"), "%", tuple(Series(text("{n}", n=name), points) for name in names), 5.0)


def test_twenty_points_are_slacks_own_chart_and_more_are_a_picture() -> None:
    assert [block["type"] for block in drawn(Reply(None, (Paragraph(text("x")), chart(20)))).blocks][
        1
    ] == "data_visualization"
    found = drawn(Reply(None, (Paragraph(text("x")), chart(21))), Surface.THREAD)
    (picture,) = found.pictures
    assert (picture.at, len(found.blocks)) == (1, 1)
    assert "14:00 UTC to 14:20 UTC" in picture.alt
    assert "canary between 0 and 20 %" in picture.alt


def test_for_one_person_a_long_series_is_thinned() -> None:
    found = drawn(Reply(None, (chart(500),)), Surface.PRIVATE)
    assert found.blocks[0]["type"] == "data_visualization"
    assert native(thinned(chart(500)), Ink()) is not None


def test_no_more_than_two_charts_and_one_table_a_message() -> None:
    table = Table((text("A"),), ((text("1"),),))
    found = drawn(Reply(None, (Paragraph(text("x")), *[chart(5)] * 4, table, table)))
    kinds = [block["type"] for block in found.blocks]
    assert kinds.count("data_visualization") == 2
    assert kinds.count("table") == 1


def test_series_that_do_not_share_their_times_are_no_chart_of_slacks() -> None:
    one = Series(text("a"), ((NOW, 1.0), (NOW + timedelta(minutes=1), 2.0)))
    other = Series(text("b"), ((NOW, 1.0), (NOW + timedelta(minutes=2), 2.0)))
    assert native(Chart(text("x"), "", (one, other)), Ink()) is None
    assert (
        native(Chart(text("x"), "", (Series(text("a"), ((NOW, float("nan")), (NOW + timedelta(1), 1.0))),)), Ink())
        is None
    )


def test_a_table_too_long_says_how_many_rows_are_missing() -> None:
    rows = tuple((text("{n}", n=n), text("ana")) for n in range(500))
    found = drawn(Reply(None, (Table((text("Record"), text("Who")), rows),)))
    assert "401 more rows are not shown" in words(found)


def test_a_moment_of_another_day_is_shown_with_its_date() -> None:
    near, far = NOW - timedelta(hours=1), NOW - timedelta(days=3)
    found = drawn(Reply(None, (Paragraph(text("{near} {far}", near=near, far=far)),)))
    assert "{time}|13:00 UTC>" in words(found)
    assert "{date_short_pretty} at {time}|21 November 2026, 14:00 UTC>" in words(found)


def test_home_puts_a_single_button_beside_its_line() -> None:
    reply = Reply(
        None, (Paragraph(text("*deploy web*")), Buttons((Button(text("Review"), "review op-1"),)), Paragraph(text("x")))
    )
    found = drawn(reply, Surface.HOME)
    assert found.blocks[0]["accessory"]["text"]["text"] == "Review"  # type: ignore[index,call-overload]
    assert validate_view({"type": "home", "blocks": [*found.blocks]}) == []
