"""Strict validation of messages' blocks and of views, as Slack's own: every broken rule with its JSON pointer.

Pure. What one block may hold is said in `block_schema.py`; here are the rules that look at the whole.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.playground import constants as c
from bot.playground.block_schema import SURFACES, VIEWS
from bot.playground.schema import Items, Out, Problem, child

FilesReady = Callable[[Mapping[str, Any]], bool]


def elements_of(block: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The interactive elements of a block, each with its pointer inside the block. What is no element is passed over."""
    found: list[tuple[str, object]] = []
    match block.get("type"):
        case "actions" | "context_actions" if isinstance(block.get("elements"), list):
            found = [(f"/elements/{index}", element) for index, element in enumerate(block["elements"])]
        case "section":
            found = [("/accessory", block.get("accessory"))]
        case "input":
            found = [("/element", block.get("element"))]
    for where, element in found:
        if isinstance(element, dict):
            yield where, element


def validate_message(blocks: object, *, files_ready: FilesReady = lambda _: True) -> list[Problem]:
    """Problems of a message's `blocks`; empty when Slack would take them."""
    out = Out([], files_ready)
    Items(SURFACES["message"], c.MESSAGE_BLOCKS, 0).check(blocks, "/blocks", out)
    if isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks):
        _identifiers_are_unique(blocks, "/blocks", out)
        _at_most(blocks, "data_visualization", c.CHARTS_A_MESSAGE, out)
        _at_most(blocks, "table", 1, out)
        _tables_are_small(blocks, out)
    return out.problems


def validate_view(view: object, *, files_ready: FilesReady = lambda _: True) -> list[Problem]:
    """Problems of a modal or Home view."""
    out = Out([], files_ready)
    VIEWS.check(view, "/view", out)
    if not isinstance(view, dict) or not isinstance(view.get("blocks"), list):
        return out.problems
    blocks = [block for block in view["blocks"] if isinstance(block, dict)]
    _identifiers_are_unique(blocks, "/view/blocks", out)
    first_input = next((index for index, block in enumerate(blocks) if block.get("type") == "input"), None)
    if view.get("type") == "modal" and first_input is not None and not view.get("submit"):
        out.add(f"/view/blocks/{first_input}/input", "missing", "must define `submit` to use an `input` block")
    focused = [
        f"/view/blocks/{index}{at}/focus_on_load"
        for index, block in enumerate(blocks)
        for at, element in elements_of(block)
        if element.get("focus_on_load") is True
    ]
    for pointer in focused[1:]:
        out.add(pointer, "duplicate", "only one element may have focus_on_load")
    return out.problems


def _identifiers_are_unique(blocks: Sequence[Mapping[str, Any]], at: str, out: Out) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        here = child(at, index)
        name = block.get("block_id")
        if isinstance(name, str):
            if name in seen:
                out.add(f"{here}/block_id", "duplicate", f'`block_id` "{name}" already exists')
            seen.add(name)
        actions: set[str] = set()
        for where, element in elements_of(block):
            action = element.get("action_id")
            if isinstance(action, str):
                if action in actions:
                    out.add(f"{here}{where}/action_id", "duplicate", f'`action_id` "{action}" already exists')
                actions.add(action)


def _at_most(blocks: Sequence[Mapping[str, Any]], kind: str, allowed: int, out: Out) -> None:
    found = [index for index, block in enumerate(blocks) if block.get("type") == kind]
    for index in found[allowed:]:
        out.add(f"/blocks/{index}", "too_many", f"no more than {allowed} {kind} blocks allowed")


def _tables_are_small(blocks: Sequence[Mapping[str, Any]], out: Out) -> None:
    for index, block in enumerate(blocks):
        if block.get("type") in ("table", "data_table") and visible_characters([block]) > c.TABLE_CHARACTERS:
            out.add(f"/blocks/{index}", "too_long", f"must be less than {c.TABLE_CHARACTERS + 1} characters")


def visible_characters(value: object) -> int:
    """How long a message's blocks are to Slack: every visible text, and a fixed weight for each header."""
    if isinstance(value, list):
        return sum(visible_characters(item) for item in value)
    if not isinstance(value, dict):
        return 0
    total = c.HEADER_WEIGHT if value.get("type") == "header" else 0
    for name, item in value.items():
        if name == "text" and isinstance(item, str):
            total += len(item)
        elif name not in {"confirm", "options", "option_groups", "initial_option", "initial_options", "placeholder"}:
            total += visible_characters(item)
    return total


def is_too_long(blocks: list[dict[str, Any]]) -> bool:
    return visible_characters(blocks) > c.MESSAGE_VISIBLE_CHARACTERS
