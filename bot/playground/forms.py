"""What Slack's client itself checks before a form reaches the app, and what a chosen value looks like in a payload.

Pure functions of a view or an element and what the person gave.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.playground.errors import PersonError
from bot.playground.shapes import INPUT_VALUE
from bot.playground.validate_blocks import elements_of

Json = dict[str, Any]
_REQUIRED = "Please complete this required field."


def inputs_of(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """The input blocks, each with its element."""
    for block in blocks:
        if block.get("type") == "input":
            yield block, block["element"]


def problems_of(blocks: list[Json], values: Mapping[str, Any]) -> dict[str, str]:
    """Sentences by block_id, where a form may not be sent: required, lengths, numbers, addresses."""
    found: dict[str, str] = {}
    for block, element in inputs_of(blocks):
        key, _ = INPUT_VALUE[element["type"]]
        value = values.get(block["block_id"], {}).get(element["action_id"], {}).get(key)
        if value is None or value in ("", []):
            if not block.get("optional"):
                found[block["block_id"]] = _REQUIRED
        elif sentence := _problem(element, value):
            found[block["block_id"]] = sentence
    return found


def _problem(element: Mapping[str, Any], value: Any) -> str | None:
    match element["type"]:
        case "plain_text_input":
            return _length(element, str(value))
        case "number_input":
            return _number(element, str(value))
        case "email_text_input":
            return (
                None if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(value)) else "Please enter a valid email address."
            )
        case "url_text_input":
            return None if re.match(r"https?://\S+", str(value)) else "Please enter a valid URL."
        case "static_select" | "radio_buttons":
            return None if is_offered(element, value) else "Please choose one of the options."
        case "multi_static_select" | "checkboxes":
            return None if all(is_offered(element, v) for v in value) else "Please choose among the options."
        case _:
            return None


def _length(element: Mapping[str, Any], value: str) -> str | None:
    low, high = element.get("min_length") or 0, element.get("max_length") or 3000
    if len(value) < low:
        return f"Please enter at least {low} characters."
    return f"Please enter at most {high} characters." if len(value) > high else None


def _number(element: Mapping[str, Any], value: str) -> str | None:
    pattern = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(pattern, value):
        return "Please enter a valid number."
    low, high = element.get("min_value"), element.get("max_value")
    if low is not None and float(value) < float(low):
        return f"Please enter a number of at least {low}."
    return f"Please enter a number of at most {high}." if high is not None and float(value) > float(high) else None


def options_of(element: Mapping[str, Any]) -> list[Json]:
    groups = element.get("option_groups")
    return [o for g in groups for o in g["options"]] if groups else list(element.get("options") or [])


def is_offered(element: Mapping[str, Any], option: Any) -> bool:
    return isinstance(option, dict) and any(o["value"] == option.get("value") for o in options_of(element))


def find_element(blocks: list[Json], block_id: str, action_id: str) -> Json | None:
    for block in blocks:
        if block.get("block_id") == block_id:
            for _, element in elements_of(block):
                if element.get("action_id") == action_id:
                    return dict(element)
    return None


def action_of(element: Json, block_id: str, chosen: Mapping[str, Any], action_ts: str) -> Json:
    """The entry of `actions[]` for an element. Raises PersonError for a choice that was not offered."""
    kind = element["type"]
    action: Json = {"type": kind, "block_id": block_id, "action_id": element["action_id"], "action_ts": action_ts}
    if kind == "button":
        kept = ("text", "value", "style", "url", "confirm")
        return action | {name: element[name] for name in kept if element.get(name) is not None}
    key, initial = INPUT_VALUE[kind]
    value = chosen.get(key)
    if kind in {"overflow", "static_select", "radio_buttons"} and not is_offered(element, value):
        raise PersonError("no_such_option", "That option is not offered any more.")
    action[key] = value
    for name in ("placeholder", initial):
        if name and element.get(name) is not None:
            action[name] = element[name]
    return action
