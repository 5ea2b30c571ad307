"""Dialogs: a command's form, the one that says that work is going on, and any Reply shown as a dialog. Pure.

A field's block_id is its parameter's name, so that an error lands beside it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.domain.codec import Json
from bot.domain.forms import Form, FormField, Widget
from bot.domain.operation import Place
from bot.domain.reply import Reply
from bot.slack import blocks, limits
from bot.slack.blocks import Block
from bot.slack.code import File
from bot.slack.context import Context, seal
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Ink, Names, clipped, escape, plain, visible
from bot.slack.render import Surface, render

NAME = "Pilothouse"
FORM, REPLY, WAIT = "ph.form", "ph.reply", "ph.wait"
"""callback_id of the dialogs."""
_SECRET = ".secret"  # noqa: S105 - the end of an action_id
_NUMBER = re.compile(r"-?[0-9]{1,12}")
_YES, _NO = "yes", "no"


def loading(
    title: str, words: str = "Working out the plan. This takes a few seconds; nothing is being changed."
) -> Block:
    return {
        "type": "modal",
        "callback_id": WAIT,
        "title": _title(title),
        "close": blocks.plain_text("Cancel", limits.VIEW_TITLE),
        "blocks": [blocks.quoted(words)],
    }


def notice(title: str, words: str) -> Block:
    """Something short, in a dialog."""
    return loading(title, words) | {"close": blocks.plain_text("Close", limits.VIEW_TITLE)}


def dialog(
    reply: Reply, *, names: Names, macs: Macs, place: Place, now: datetime | None, title: str = ""
) -> tuple[Block, tuple[File, ...]]:
    """A Reply as a dialog, and what of it is too long for one."""
    ink = Ink(names, now)
    whole = plain(reply.title, ink) if reply.title is not None else ""
    # The title says it all, or the state word and the header says the rest.
    is_short = 0 < len(whole) <= limits.VIEW_TITLE
    shown = whole if is_short else (whole.partition(" · ")[0] if " · " in whole else title or NAME)
    drawn = render(
        replace(reply, title=None) if is_short else reply, names=names, macs=macs, surface=Surface.MODAL, now=now
    )
    view: Block = {
        "type": "modal",
        "callback_id": REPLY,
        "private_metadata": seal(macs, Context(place, reply.submit.line if reply.submit else "")),
        "title": _title(shown),
        "close": blocks.plain_text("Back" if reply.submit else "Close", limits.VIEW_TITLE),
        "blocks": [*drawn.blocks] or [blocks.quoted(" ")],
    }
    if reply.submit is not None:
        view["submit"] = blocks.plain_text(plain(reply.submit.label, ink), limits.VIEW_TITLE)
    return view, drawn.files


def form_view(form: Form, *, macs: Macs, place: Place, line: str = "", complaint: str = "") -> Block:
    """`line`: what was said already, where it is more than the command. `complaint` stands above the fields."""
    inputs = [_input(field) for field in form.fields[: limits.VIEW_BLOCKS - 2]]
    above = [blocks.quoted(visible(complaint, keep="\n"))] if complaint else []
    below = [blocks.context(escape(form.note))] if form.note else []
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": seal(macs, Context(place, line or form.command, is_form=True)),
        "title": _title(form.title),
        "submit": blocks.plain_text(form.submit, limits.VIEW_TITLE),
        # Of two buttons called Cancel nobody knows which one stops what runs.
        "close": blocks.plain_text("Back" if form.submit == "Cancel" else "Cancel", limits.VIEW_TITLE),
        "blocks": [*above, *inputs, *below],
    }


def _title(words: str) -> Block:
    return blocks.plain_text(words or NAME, limits.VIEW_TITLE)


def _input(field: FormField) -> Block:
    drawn: Block = {
        "type": "input",
        "block_id": field.name,
        "label": blocks.plain_text(field.label, limits.INPUT_LABEL),
        "element": _element(field),
    }
    if field.hint:
        hint = field.hint[:1].upper() + field.hint[1:]
        drawn["hint"] = blocks.plain_text(hint if hint.endswith((".", "?", "!")) else f"{hint}.", limits.INPUT_LABEL)
    if not field.required or field.widget is Widget.TOGGLE:
        drawn["optional"] = True
    return drawn


def _element(field: FormField) -> Block:
    match field.widget:
        case Widget.TEXT | Widget.VERSION | Widget.DURATION | Widget.MULTILINE | Widget.SECRET:
            return _text_input(field)
        case Widget.NUMBER:
            return _number(field)
        case Widget.TOGGLE:
            ticked = blocks.option("Yes", _YES)
            box: Block = {"type": "checkboxes", "action_id": field.name, "options": [ticked]}
            return box | {"initial_options": [ticked]} if field.initial == _YES else box
        case Widget.CHOICE | Widget.ENV if field.options:
            return _select(field)
        case Widget.APP | Widget.ENV:
            return _search(field)
        case Widget.CHOICE:
            return _text_input(field)
        case _:
            assert_never(field.widget)


_EXAMPLES = {Widget.VERSION: "web@1.8.2", Widget.DURATION: "5m"}


def _text_input(field: FormField) -> Block:
    is_secret = field.widget is Widget.SECRET
    drawn: Block = {
        "type": "plain_text_input",
        "action_id": f"{field.name}{_SECRET}" if is_secret else field.name,
        "max_length": limits.INPUT,
    }
    if field.widget is Widget.MULTILINE:
        drawn["multiline"] = True
    if field.initial and not is_secret:
        drawn["initial_value"] = clipped(field.initial, limits.INPUT)
    if example := _EXAMPLES.get(field.widget):
        drawn["placeholder"] = blocks.plain_text(example, limits.PLACEHOLDER)
    return drawn


def _number(field: FormField) -> Block:
    drawn: Block = {"type": "number_input", "action_id": field.name, "is_decimal_allowed": False}
    initial = field.initial.removesuffix("%").strip()
    return drawn | {"initial_value": initial} if _NUMBER.fullmatch(initial) else drawn


def _select(field: FormField) -> Block:
    options = [
        blocks.option(name, name) for name in field.options[: limits.OPTIONS] if len(name) <= limits.OPTION_VALUE
    ]
    drawn: Block = {
        "type": "static_select",
        "action_id": field.name,
        "placeholder": blocks.plain_text("Choose", limits.PLACEHOLDER),
        "options": [*options],
    }
    initial = next((option for option in options if option["value"] == field.initial), None)
    return drawn | {"initial_option": initial} if initial else drawn


def _search(field: FormField) -> Block:
    drawn: Block = {
        "type": "external_select",
        "action_id": field.name,
        "min_query_length": 0,
        "placeholder": blocks.plain_text("Type a name", limits.PLACEHOLDER),
    }
    is_usable = 0 < len(field.initial) <= limits.OPTION_VALUE
    return drawn | {"initial_option": blocks.option(field.initial, field.initial)} if is_usable else drawn


def suggestions(names: tuple[str, ...]) -> list[Block]:
    return [blocks.option(name, name) for name in names if 0 < len(name) <= limits.OPTION_VALUE][: limits.OPTIONS]


def values_of(state: dict[str, Json]) -> tuple[dict[str, str], frozenset[str]]:
    """What was filled in, by field; and the names of the fields that may not be stored."""
    values: dict[str, str] = {}
    hidden = set()
    for name, actions in state.items():
        if not isinstance(actions, dict):
            continue
        for action, element in actions.items():
            if action.endswith(_SECRET):
                hidden.add(name)
            if isinstance(element, dict):
                values[name] = _value(element)
    return values, frozenset(hidden)


def _value(element: dict[str, Json]) -> str:
    match element:
        case {"type": "checkboxes", "selected_options": list() as ticked}:
            return _YES if ticked else _NO
        case {"selected_option": {"value": str(value)}}:
            return value
        case {"value": str(value)}:
            return value.strip()
        case _:
            return ""
