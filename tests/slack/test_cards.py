"""The designed cards come out of the renderer: same blocks, order and words.

What may differ, and does not matter to a person: action_id and value (ours hold a command line and its MAC), metadata
and thread (the sender adds them), private_metadata, and the step of a canary's bar, which the design draws by percent.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from bot.domain.operation import Place
from bot.playground.validate_blocks import is_too_long, validate_message, validate_view
from bot.slack.forms import dialog, loading
from bot.slack.render import render
from tests.slack.golden import CARDS, NOW, REVIEW
from tests.slack.stage import MACS, NAMES, PROD

DESIGN = Path(__file__).parent.parent / "playground" / "cards"
_OWN = frozenset({"action_id", "value", "private_metadata", "callback_id"})
_WORDS_OF_ITS_OWN = frozenset({"denied", "unknown-app", "deploy-thread-end", "canary-step"})
"""Their spoken text is made of the blocks, not of the design's sentence; a button is named as it stands there, `50 %`."""


def design(name: str) -> dict[str, Any]:
    found = json.loads((DESIGN / f"{name}.json").read_text())
    assert isinstance(found, dict)
    return found


def comparable(value: Any) -> Any:
    match value:
        case dict():
            return {key: comparable(item) for key, item in value.items() if key not in _OWN}
        case list() | tuple():
            return [comparable(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_as_it_was_designed(name: str) -> None:
    reply, surface = CARDS[name]
    found = render(reply, names=NAMES, macs=MACS, surface=surface, now=NOW)
    wanted = design(name)
    assert comparable(found.blocks) == comparable(wanted["blocks"])
    if name not in _WORDS_OF_ITS_OWN:
        assert found.text == wanted["text"]
    assert not found.is_cut


@pytest.mark.parametrize("name", CARDS)
def test_slack_and_its_own_library_take_every_card(name: str) -> None:
    reply, surface = CARDS[name]
    found = render(reply, names=NAMES, macs=MACS, surface=surface, now=NOW)
    blocks = json.loads(json.dumps(found.blocks))
    assert validate_message(blocks) == []
    assert not is_too_long(blocks)
    for block in Block.parse_all(blocks):
        block.validate_json()


@pytest.mark.parametrize("name", CARDS)
def test_without_words_of_its_own_a_card_is_spoken_from_its_blocks(name: str) -> None:
    reply, surface = CARDS[name]
    found = render(replace(reply, accent=None), names=NAMES, macs=MACS, surface=surface, now=NOW)
    assert len(found.text.encode()) < 4_000
    assert "*" not in found.text
    for element in (element for block in design(name)["blocks"] for element in block.get("elements", [])):
        if element["type"] == "button":
            assert element["text"]["text"] in found.text


def test_the_review_dialog_is_as_it_was_designed() -> None:
    view, files = dialog(REVIEW, names=NAMES, macs=MACS, place=Place(PROD), now=NOW)
    wanted = design("approval-modal")
    wanted.pop("notify_on_close")
    assert comparable(view) == comparable(wanted)
    assert files == ()
    assert validate_view(json.loads(json.dumps(view))) == []


def test_the_dialog_that_waits_is_as_it_was_designed() -> None:
    assert comparable(loading("Deploy")) == comparable(design("loading-modal"))


def test_a_card_that_is_edited_holds_no_rich_text() -> None:
    for reply, surface in CARDS.values():
        found = render(reply, names=NAMES, macs=MACS, surface=surface, now=NOW)
        if surface == "card":
            assert all(block["type"] != "rich_text" for block in found.blocks)
