"""What the bot draws is what was agreed on (tests/slack/drawn), and Slack takes it.

A card that is changed on purpose is written anew with UPDATE_CARDS=1; the difference is then read like code.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.domain.operation import Place
from bot.domain.reply import Button, Buttons, Reply, Style
from bot.playground.validate_blocks import is_too_long, validate_message, validate_view
from bot.slack.forms import dialog
from bot.slack.render import Rendered, Surface, render
from tests.kit.bench import bench
from tests.slack.scenes import SCENES
from tests.slack.stage import MACS, NAMES, WEB

DRAWN = Path(__file__).parent / "drawn"
WANTED = "UPDATE_CARDS"


def comparable(value: Any) -> Any:
    """Without what differs from one key of the installation to the next: a button's value is its line and a MAC."""
    match value:
        case {"value": str()} | {"action_id": str()}:
            return {name: comparable(item) for name, item in value.items() if name not in {"value", "action_id"}}
        case dict():
            return {name: comparable(item) for name, item in value.items()}
        case list() | tuple():
            return [comparable(item) for item in value]
        case _:
            return value


@pytest.fixture(params=sorted(SCENES))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Reply, Rendered]:
    name = str(request.param)
    with bench(tmp_path) as bot:
        reply = SCENES[name].draw(bot)
        drawn = render(reply, names=NAMES, macs=MACS, surface=SCENES[name].surface, now=bot.clock.now())
    return name, reply, drawn


def test_a_card_is_drawn_as_it_was_agreed_on(scene: tuple[str, Reply, Rendered]) -> None:
    name, _, drawn = scene
    found = json.loads(json.dumps({"text": drawn.text, "blocks": comparable(drawn.blocks)}))
    path = DRAWN / f"{name}.json"
    if WANTED in os.environ:
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    assert found == json.loads(path.read_text())
    assert not drawn.is_cut


def test_slack_its_library_and_our_stricter_server_take_it(scene: tuple[str, Reply, Rendered]) -> None:
    blocks = json.loads(json.dumps(scene[2].blocks))
    assert validate_message(blocks) == []
    assert not is_too_long(blocks)
    for block in Block.parse_all([each for each in blocks if each["type"] != "data_visualization"]):
        block.validate_json()


def test_it_is_spoken_whole_and_names_its_buttons(scene: tuple[str, Reply, Rendered]) -> None:
    _, reply, drawn = scene
    assert len(drawn.text.encode()) < 4_000
    assert "*" not in drawn.text
    for each in row(reply):
        assert each.label.plain() in drawn.text


def test_what_is_red_asks_first_and_what_is_blue_is_alone(scene: tuple[str, Reply, Rendered]) -> None:
    reply = scene[1]
    assert all(each.confirm is not None for each in row(reply) if each.style is Style.DANGER)
    assert sum(each.style is Style.PRIMARY for each in row(reply)) <= 1
    assert all(len(each.label.plain()) <= 24 for each in row(reply))


def row(reply: Reply) -> list[Button]:
    return [each for block in reply.blocks if isinstance(block, Buttons) for each in block.row]


def test_the_lines_around_one_stand_in_a_dialog(tmp_path: Path) -> None:
    with bench(tmp_path) as bot:
        reply = SCENES["around"].draw(bot)
        view, files = dialog(reply, names=NAMES, macs=MACS, place=Place(WEB), now=bot.clock.now())
    view = json.loads(json.dumps(view))
    assert validate_view(view) == []
    View(**view).validate_json()
    assert files == ()


def test_home_stands_in_its_tab(tmp_path: Path) -> None:
    with bench(tmp_path) as bot:
        reply = replace(SCENES["home"].draw(bot), title=None)
        drawn = render(reply, names=NAMES, macs=MACS, surface=Surface.HOME, now=bot.clock.now())
    view = json.loads(json.dumps({"type": "home", "callback_id": "ph.home", "blocks": drawn.blocks}))
    assert validate_view(view) == []
    View(**view).validate_json()
