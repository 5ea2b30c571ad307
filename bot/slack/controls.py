"""Buttons and overflow menus: each a command line with a MAC, nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from bot.domain.reply import Button, Buttons, Style, Text
from bot.slack import blocks, limits
from bot.slack.blocks import Block
from bot.slack.macs import OVERHEAD, Macs
from bot.slack.mrkdwn import Ink, clipped, plain, size

ACTION = "ph."
"""Every action_id of ours begins with it; a number follows, so that it is unique in a message."""
LONGEST_LINE = limits.BUTTON_VALUE - OVERHEAD
LONGEST_OPTION = limits.OPTION_VALUE - OVERHEAD


@dataclass(frozen=True, slots=True)
class Panel:
    """What drawing the controls of one message needs. `about` completes what a screen reader says of a bare label."""

    ink: Ink
    macs: Macs
    about: str = ""
    _numbers: Iterator[int] = field(default_factory=count)

    def action_id(self) -> str:
        return f"{ACTION}{next(self._numbers)}"


def controls(panel: Panel, buttons: Buttons) -> list[Block]:
    """Elements of an actions block. A line too long for a menu becomes a button, and one too long for that is left out."""
    row = [button for button in buttons.row if _fits(button, LONGEST_LINE)]
    # Slack refuses two options of the same value.
    more = [button for at, button in enumerate(buttons.more) if not _is_among(button, buttons.more[:at])]
    menu = [button for button in more if _fits(button, LONGEST_OPTION)]
    row += [button for button in more if button not in menu and _fits(button, LONGEST_LINE)]
    if len(menu) == 1 or len(menu) > limits.OVERFLOW:
        keep = 0 if len(menu) == 1 else limits.OVERFLOW
        row, menu = [*row, *menu[keep:]], menu[:keep]
    elements = [draw(panel, button) for button in row[: limits.BUTTONS - 1]]
    if menu:
        elements.append(overflow(panel, menu))
    return elements


def _is_among(button: Button, others: tuple[Button, ...]) -> bool:
    return any((button.line, button.opens) == (other.line, other.opens) for other in others)


def _fits(button: Button, room: int) -> bool:
    return size(button.line) <= room


def draw(panel: Panel, button: Button) -> Block:
    label = plain(button.label, panel.ink)
    drawn: Block = {
        "type": "button",
        "text": blocks.plain_text(label, limits.BUTTON_TEXT),
        "action_id": panel.action_id(),
        "value": panel.macs.button(button.line, button.opens),
    }
    if button.style is not Style.PLAIN:
        drawn["style"] = button.style.value
    if button.confirm is not None:
        drawn["confirm"] = _confirm(panel, button)
    drawn["accessibility_label"] = clipped(_spoken(panel, button, label), limits.LABEL)
    return drawn


def overflow(panel: Panel, menu: list[Button]) -> Block:
    options = [
        blocks.option(plain(button.label, panel.ink), panel.macs.button(button.line, button.opens)) for button in menu
    ]
    drawn: Block = {"type": "overflow", "action_id": panel.action_id(), "options": [*options]}
    # One dialog for the whole menu is all that Slack offers: it has to name the one option that needs it.
    asking = [button for button in menu if button.confirm is not None]
    if asking:
        drawn["confirm"] = _confirm(panel, asking[0])
    return drawn


def _spoken(panel: Panel, button: Button, label: str) -> str:
    if button.spoken is not None:
        return plain(button.spoken, panel.ink)
    return f"{label}: {panel.about}" if panel.about else label


def _confirm(panel: Panel, button: Button) -> Block:
    confirm = button.confirm
    assert confirm is not None

    def words(text: Text, room: int) -> Block:
        return blocks.plain_text(plain(text, panel.ink), room)

    dialog: Block = {
        "title": words(confirm.title, limits.CONFIRM_TITLE),
        "text": words(confirm.text, limits.CONFIRM_TEXT),
        "confirm": words(confirm.yes, limits.CONFIRM_BUTTON),
        "deny": words(confirm.no, limits.CONFIRM_BUTTON),
    }
    if button.style is Style.DANGER:
        dialog["style"] = "danger"
    return dialog
