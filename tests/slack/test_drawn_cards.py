"""What the bot draws is what was agreed on (tests/slack/drawn), and Slack takes it.

A card that is changed on purpose is written anew with UPDATE_CARDS=1; the difference is then read like code.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.domain.forms import Form
from bot.domain.operation import Place
from bot.domain.reply import Button, Buttons, Opens, Reply, Style
from bot.playground.validate_blocks import is_too_long, validate_message, validate_view
from bot.slack.charts import Picture
from bot.slack.forms import dialog, form_view, loading
from bot.slack.render import Surface, render
from tests.kit.bench import bench
from tests.slack.scenes import SCENES
from tests.slack.stage import MACS, NAMES, WEB

DRAWN = Path(__file__).parent / "drawn"
DESIGNED = Path(__file__).parent.parent / "playground" / "cards"
WANTED = "UPDATE_CARDS"
_OF_THE_INSTALLATION = frozenset({"value", "action_id", "private_metadata"})
"""A button's value is its line and a MAC, and so is what a dialog carries."""
_TOLD_TOGETHER = frozenset({"audit-intent", "audit-outcome", "audit-denied", "audit-checkpoint"})
"""What the channel gets of one deploy and one refusal stands in `audit`."""
_OF_THE_EDGE = frozenset({"loading-modal"})
"""Shown before anything is known: test_cards.py compares it with its design, word for word."""


_OF_THE_DAY = re.compile(r"(?<=head `)[0-9a-f]{12}(?=`)|(?<=\(version )[0-9a-f]{12}(?=\))")
"""Hashes of the chain and of the example policy: they change with any field of a record and any line of the file."""


def comparable(value: Any) -> Any:
    match value:
        case str():
            return _OF_THE_DAY.sub("0" * 12, value)
        case {"type": "static_select" | "plain_text_input" | "external_select" | "number_input" | "checkboxes"}:
            return {name: comparable(item) for name, item in value.items()}
        case {"type": str()} if "value" in value or "action_id" in value or "private_metadata" in value:
            return {name: comparable(item) for name, item in value.items() if name not in _OF_THE_INSTALLATION}
        case {"text": dict(), "value": str(line)} if "." in line:
            return {"text": comparable(value["text"])}
        case dict():
            return {name: comparable(item) for name, item in value.items()}
        case list() | tuple():
            return [comparable(item) for item in value]
        case _:
            return value


@dataclass(frozen=True)
class Shown:
    """A scene as Slack is sent it: a message, a view, or a text."""

    name: str
    sent: dict[str, Any]
    """With `blocks`, but for a text."""
    reply: Reply | None = None
    pictures: tuple[Picture, ...] = ()
    is_cut: bool = False


def shown(name: str, made: Reply | Form | str, now: datetime) -> Shown:
    surface = SCENES[name].surface
    place = Place(WEB)
    if isinstance(made, str):
        return Shown(name, {"text": made})
    if isinstance(made, Form):
        return Shown(name, plain(form_view(made, macs=MACS, place=place)))
    if surface is Surface.MODAL:
        view, files = dialog(made, names=NAMES, macs=MACS, place=place, now=now)
        assert files == ()
        return Shown(name, plain(view), made)
    if surface is Surface.HOME:
        made = replace(made, title=None)
    drawn = render(made, names=NAMES, macs=MACS, surface=surface, now=now)
    sent: dict[str, Any] = {"text": drawn.text, "blocks": drawn.blocks}
    if surface is Surface.HOME:
        sent = {"type": "home", "callback_id": "ph.home", "blocks": drawn.blocks}
    return Shown(name, plain(sent), made, drawn.pictures, drawn.is_cut)


def plain(value: Any) -> dict[str, Any]:
    found = json.loads(json.dumps(value))
    assert isinstance(found, dict)
    return found


@cache
def played(name: str) -> Shown:
    """Once in a process: a canary takes its time."""
    with TemporaryDirectory() as folder, bench(Path(folder)) as bot:
        return shown(name, SCENES[name].draw(bot), bot.clock.now())


@pytest.fixture(params=sorted(SCENES))
def scene(request: pytest.FixtureRequest) -> Shown:
    return played(str(request.param))


def test_every_designed_card_is_drawn_in_some_scene() -> None:
    designed = {path.stem for path in DESIGNED.glob("*.json")}
    assert designed - set(SCENES) == _TOLD_TOGETHER | _OF_THE_EDGE
    assert loading("Deploy")["type"] == "modal"


def test_nothing_is_kept_that_no_scene_draws() -> None:
    assert {path.stem for path in DRAWN.glob("*.json")} == set(SCENES)


def test_a_card_is_drawn_as_it_was_agreed_on(scene: Shown) -> None:
    found = comparable(scene.sent)
    if scene.pictures:
        found["pictures"] = [{"title": each.title, "alt_text": each.alt} for each in scene.pictures]
    path = DRAWN / f"{scene.name}.json"
    if WANTED in os.environ:
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    assert found == json.loads(path.read_text())
    assert not scene.is_cut


def test_slack_its_library_and_our_stricter_server_take_it(scene: Shown) -> None:
    blocks = scene.sent.get("blocks", [])
    if "type" in scene.sent:
        assert validate_view(scene.sent) == []
        View(**scene.sent).validate_json()
        return
    assert validate_message(blocks) == []
    assert not is_too_long(blocks)
    for block in Block.parse_all([each for each in blocks if each["type"] != "data_visualization"]):
        block.validate_json()


def test_it_is_spoken_whole_and_names_its_buttons(scene: Shown) -> None:
    if scene.reply is None or "text" not in scene.sent:
        return
    assert len(scene.sent["text"].encode()) < 4_000
    assert "*" not in scene.sent["text"]
    for each in row(scene.reply):
        assert each.label.plain() in scene.sent["text"]


def test_what_is_red_asks_first_and_what_is_blue_is_alone(scene: Shown) -> None:
    """What is red asks in a dialog of its own, opens a form, or stands below a private plan that says it all."""
    if scene.reply is None:
        return
    is_plan = scene.reply.title is not None and scene.reply.title.plain().startswith("Plan · ")
    red = [each for each in row(scene.reply) if each.style is Style.DANGER]
    assert all(each.confirm is not None or each.opens is Opens.FORM or is_plan for each in red)
    assert all(len(each.label.plain()) <= 24 for each in row(scene.reply))
    if SCENES[scene.name].surface is not Surface.HOME:
        assert sum(each.style is Style.PRIMARY for each in row(scene.reply)) <= 1


def test_at_most_three_buttons_stand_beside_a_menu(scene: Shown) -> None:
    for block in scene.sent.get("blocks", []):
        if block["type"] == "actions":
            assert sum(each["type"] == "button" for each in block["elements"]) <= 3


def row(reply: Reply) -> list[Button]:
    return [each for block in reply.blocks if isinstance(block, Buttons) for each in block.row]
