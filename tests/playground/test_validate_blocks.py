"""Slack's rules for blocks and views: every card of the design passes, every spoilt one is refused at the right place."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.playground.schema import Problem
from bot.playground.validate_blocks import is_too_long, validate_message, validate_view, visible_characters

Json = dict[str, Any]
CARDS = sorted((Path(__file__).parent / "cards").glob("*.json"))


def card(name: str) -> Json:
    data = json.loads((Path(__file__).parent / "cards" / f"{name}.json").read_text())
    assert isinstance(data, dict)
    return data


def problems(data: Json) -> list[Problem]:
    if "type" in data:
        return validate_view(data)
    return validate_message(data.get("blocks", []))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_every_card_of_the_design_passes(path: Path) -> None:
    data = json.loads(path.read_text())
    assert problems(data) == []
    assert not is_too_long(data.get("blocks", []))


def put(*path: str | int, value: Any) -> Callable[[Json], None]:
    """A mutation that sets the value at the path."""

    def mutate(data: Json) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return mutate


def drop(*path: str | int) -> Callable[[Json], None]:
    def mutate(data: Json) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return mutate


def repeat(*path: str | int, times: int) -> Callable[[Json], None]:
    """A mutation that makes a list of one entry many."""

    def mutate(data: Json) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = [copy.deepcopy(place[path[-1]][0]) for _ in range(times)]

    return mutate


def name_alike(data: Json) -> None:
    for block in data["blocks"][:2]:
        block["block_id"] = "same"


B, E, T = "blocks", "elements", "text"
PLAIN = {"type": "plain_text", "text": "x"}
OPTION = {"text": PLAIN, "value": "v"}
BUTTON = {"type": "button", "text": PLAIN}

SPOILT: list[tuple[str, Callable[[Json], None], str, str]] = [
    ("approval", put(B, 0, T, T, value="x" * 151), "/blocks/0/text/text", "too_long"),
    ("approval", put(B, 0, T, T, value=""), "/blocks/0/text/text", "too_short"),
    ("approval", put(B, 0, T, "type", value="mrkdwn"), "/blocks/0/text/type", "unsupported"),
    ("approval", put(B, 0, T, "verbatim", value=True), "/blocks/0/text", "unknown_field"),
    ("approval", put(B, 1, T, "emoji", value=False), "/blocks/1/text", "unknown_field"),
    ("approval", put(B, 1, T, T, value="x" * 3001), "/blocks/1/text/text", "too_long"),
    ("approval", put(B, 1, T, value="x"), "/blocks/1/text", "type"),
    ("approval", drop(B, 1, T), "/blocks/1", "missing"),
    ("approval", put(B, 1, "type", value="sektion"), "/blocks/1/type", "unsupported"),
    ("approval", drop(B, 1, "type"), "/blocks/1", "missing"),
    ("approval", put(B, 1, "colour", value="red"), "/blocks/1", "unknown_field"),
    ("approval", put(B, 3, "expand", value="yes"), "/blocks/3/expand", "type"),
    ("approval", repeat(B, 4, "fields", times=11), "/blocks/4/fields", "too_many"),
    ("approval", put(B, 4, "fields", 1, T, value="x" * 2001), "/blocks/4/fields/1/text", "too_long"),
    ("approval", put(B, 4, "fields", value=[]), "/blocks/4/fields", "too_few"),
    ("approval", repeat(B, 5, E, times=11), "/blocks/5/elements", "too_many"),
    ("approval", put(B, 5, E, 0, value=BUTTON), "/blocks/5/elements/0/type", "unsupported"),
    ("approval", put(B, 6, E, 0, T, T, value="x" * 76), "/blocks/6/elements/0/text/text", "too_long"),
    ("approval", put(B, 6, E, 0, T, "type", value="mrkdwn"), "/blocks/6/elements/0/text/type", "unsupported"),
    ("approval", put(B, 6, E, 0, "value", value="x" * 2001), "/blocks/6/elements/0/value", "too_long"),
    ("approval", put(B, 6, E, 0, "style", value="warning"), "/blocks/6/elements/0/style", "enum"),
    ("approval", put(B, 6, E, 0, "action_id", value="x" * 256), "/blocks/6/elements/0/action_id", "too_long"),
    ("approval", put(B, 6, E, 0, "accessibility_label", value="x" * 76), "/blocks/6/elements/0/accessibility_label", "too_long"),
    ("approval", put(B, 6, E, 1, "action_id", value="ph.review"), "/blocks/6/elements/1/action_id", "duplicate"),
    ("approval", repeat(B, 6, E, times=26), "/blocks/6/elements", "too_many"),
    ("approval", repeat(B, 6, E, 2, "options", times=6), "/blocks/6/elements/2/options", "too_many"),
    ("approval", put(B, 6, E, 2, "options", 0, T, T, value="x" * 76), "/blocks/6/elements/2/options/0/text/text", "too_long"),
    ("approval", put(B, 6, E, 2, "options", 0, "value", value="x" * 151), "/blocks/6/elements/2/options/0/value", "too_long"),
    ("approval", put(B, 6, E, 2, "options", 1, "value", value="withdraw~op-1042.r3.Zk3uQ1"), "/blocks/6/elements/2/options/1/value", "duplicate"),
    ("approval", put(B, 0, "block_id", value="x" * 256), "/blocks/0/block_id", "too_long"),
    ("approval", name_alike, "/blocks/1/block_id", "duplicate"),
    ("approval", repeat(B, times=51), "/blocks", "too_many"),
    ("alert", put(B, 3, E, 1, "confirm", "title", T, value="x" * 101), "/blocks/3/elements/1/confirm/title/text", "too_long"),
    ("alert", put(B, 3, E, 1, "confirm", T, T, value="x" * 301), "/blocks/3/elements/1/confirm/text/text", "too_long"),
    ("alert", put(B, 3, E, 1, "confirm", "deny", T, value="x" * 31), "/blocks/3/elements/1/confirm/deny/text", "too_long"),
    ("alert", drop(B, 3, E, 1, "confirm", "confirm"), "/blocks/3/elements/1/confirm", "missing"),
    ("alert-thread", put(B, 0, "title", value="x" * 51), "/blocks/0/title", "too_long"),
    ("alert-thread", put(B, 0, "chart", "series", 0, "name", value="x" * 21), "/blocks/0/chart/series/0/name", "too_long"),
    ("alert-thread", put(B, 0, "chart", "series", 1, "name", value="errors"), "/blocks/0/chart/series/1/name", "duplicate"),
    ("alert-thread", drop(B, 0, "chart", "series", 0, "data", 3), "/blocks/0/chart/series/0/data", "categories"),
    ("alert-thread", repeat(B, 0, "chart", "series", 0, "data", times=21), "/blocks/0/chart/series/0/data", "too_many"),
    ("alert-thread", put(B, 0, "chart", "series", 0, "data", 3, "value", value="3.9"), "/blocks/0/chart/series/0/data/3/value", "type"),
    ("alert-thread", put(B, 0, "chart", "type", value="radar"), "/blocks/0/chart/type", "unsupported"),
    ("alert-thread", repeat(B, times=3), "/blocks/2", "too_many"),
    ("alert-thread", put(B, 3, E, 0, E, 0, "type", value="html"), "/blocks/3/elements/0/elements/0/type", "unsupported"),
    ("alert-thread", put(B, 1, value={"type": "alert", "text": PLAIN}), "/blocks/1/type", "unsupported"),
    ("canary-thread-picture", drop(B, 1, "alt_text"), "/blocks/1", "missing"),
    ("canary-thread-picture", put(B, 1, "image_url", value="https://x.example/a.png"), "/blocks/1", "missing"),
    ("canary-thread-picture", put(B, 1, "alt_text", value="x" * 2001), "/blocks/1/alt_text", "too_long"),
    ("deploy-form", drop("submit"), "/view/blocks/0/input", "missing"),
    ("deploy-form", put("submit_disabled", value=False), "/view", "unknown_field"),
    ("deploy-form", drop("title"), "/view", "missing"),
    ("deploy-form", put("title", T, value="x" * 25), "/view/title/text", "too_long"),
    ("deploy-form", put("submit", T, value="x" * 25), "/view/submit/text", "too_long"),
    ("deploy-form", put("close", T, value="x" * 25), "/view/close/text", "too_long"),
    ("deploy-form", put("private_metadata", value="x" * 3001), "/view/private_metadata", "too_long"),
    ("deploy-form", put("callback_id", value="x" * 256), "/view/callback_id", "too_long"),
    ("deploy-form", put("type", value="dialog"), "/view/type", "unsupported"),
    ("deploy-form", put(B, 0, "element", "min_query_length", value="0"), "/view/blocks/0/element/min_query_length", "type"),
    ("deploy-form", put(B, 1, "element", "initial_option", value=OPTION), "/view/blocks/1/element/initial_option", "not_an_option"),
    ("deploy-form", drop(B, 1, "element", "options"), "/view/blocks/1/element", "options"),
    ("deploy-form", repeat(B, 1, "element", "options", times=101), "/view/blocks/1/element/options", "too_many"),
    ("deploy-form", put(B, 1, "element", "placeholder", T, value="x" * 151), "/view/blocks/1/element/placeholder/text", "too_long"),
    ("deploy-form", put(B, 2, "element", "max_length", value=3001), "/view/blocks/2/element/max_length", "range"),
    ("deploy-form", put(B, 2, "element", "type", value="button"), "/view/blocks/2/element/type", "unsupported"),
    ("deploy-form", put(B, 2, "label", T, value="x" * 2001), "/view/blocks/2/label/text", "too_long"),
    ("deploy-form", drop(B, 2, "label"), "/view/blocks/2", "missing"),
    ("deploy-form", put(B, 2, "block_id", value="app"), "/view/blocks/2/block_id", "duplicate"),
    ("deploy-form", put(B, 4, value={"type": "data_visualization"}), "/view/blocks/4/type", "unsupported"),
    ("deploy-form", repeat(B, times=101), "/view/blocks", "too_many"),
    ("deny-modal", put(B, 1, "element", "min_length", value=501), "/view/blocks/1/element/min_length", "range"),
    ("home", put("title", value=PLAIN), "/view", "unknown_field"),
    ("home", put(B, 1, "accessory", "type", value="plain_text_input"), "/view/blocks/1/accessory/type", "unsupported"),
    ("home", put(B, 0, value={"type": "markdown", "text": "x"}), "/view/blocks/0/type", "unsupported"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "spoil", "pointer", "code"), SPOILT, ids=[f"{s[0]}{s[2]}-{s[3]}-{i}" for i, s in enumerate(SPOILT)]
)
def test_a_spoilt_card_is_refused_at_the_right_place(
    name: str, spoil: Callable[[Json], None], pointer: str, code: str
) -> None:
    data = card(name)
    spoil(data)
    assert (pointer, code) in [(problem.pointer, problem.code) for problem in problems(data)]


def test_messages_are_worded_as_slack_words_them() -> None:
    data = card("approval")
    data["blocks"][1]["text"]["text"] = "x" * 3001
    assert [p.sentence() for p in problems(data)] == [
        "must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    ]


def test_the_same_action_id_in_two_blocks_is_allowed() -> None:
    block = {"type": "actions", "elements": [{**BUTTON, "action_id": "go"}]}
    assert validate_message([block, block]) == []


def test_blocks_that_are_no_list_are_refused() -> None:
    assert [p.code for p in validate_message({"type": "section"})] == ["type"]


def test_an_uploaded_file_that_is_not_ready_is_an_invalid_slack_file() -> None:
    blocks = card("canary-thread-picture")["blocks"]
    found = validate_message(blocks, files_ready=lambda _: False)
    assert [p.sentence() for p in found] == ["invalid slack file [json-pointer:/blocks/1/slack_file]"]


def test_only_one_field_of_a_form_has_the_focus() -> None:
    view = card("deny-modal")
    view["blocks"][1]["element"]["focus_on_load"] = True
    view["blocks"].append(copy.deepcopy(view["blocks"][1]) | {"block_id": "other"})
    assert [(p.pointer, p.code) for p in validate_view(view)] == [("/view/blocks/2/element/focus_on_load", "duplicate")]


def test_a_whole_message_over_the_measured_length_is_too_long() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2640}}
    assert not is_too_long([section] * 5)
    assert is_too_long([*[section] * 5, {"type": "header", "text": PLAIN}])
    assert visible_characters([{"type": "header", "text": PLAIN}]) == 101


def test_a_data_table_has_a_header_and_even_rows() -> None:
    def cell(text: str) -> Json:
        return {"type": "raw_text", "text": text}

    rows = [[cell("record"), cell("writes")], [cell("5318"), {"type": "raw_number", "value": 6}]]
    table = {"type": "data_table", "caption": "Audit", "rows": rows, "page_size": 10}
    assert validate_message([table]) == []
    assert [p.pointer for p in validate_message([{**table, "rows": rows[:1]}])] == ["/blocks/0/rows"]
    assert [p.pointer for p in validate_message([{**table, "rows": [*rows, [cell("5319")]]}])] == ["/blocks/0/rows/2"]
    assert [p.code for p in validate_message([{"type": "data_table", "rows": rows}])] == ["missing"]
    assert [p.pointer for p in validate_view({"type": "home", "blocks": [table]})] == ["/view/blocks/0/type"]


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def places(data: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(place for key, value in items for place in places(value, (*at, key)))]


@given(data=st.data(), value=ANY_JSON)
def test_whatever_stands_anywhere_is_answered_and_never_crashes(data: st.DataObject, value: Any) -> None:
    name = data.draw(st.sampled_from(["approval", "alert-thread", "canary-thread-picture", "deploy-form", "home"]))
    spoilt = card(name)
    place = data.draw(st.sampled_from([p for p in places(spoilt) if p and p[0] == "blocks"]))
    put(*place, value=value)(spoilt)
    for problem in problems(spoilt):
        assert problem.pointer.startswith(("/blocks", "/view"))
