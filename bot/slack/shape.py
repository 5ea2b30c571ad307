"""Which payloads reach Bolt: those of a shape that Slack gives. Pure; what it lets through crashes no matcher.

Bolt's matchers and its context index parts of a payload before any listener of ours runs, and take their shape for
granted (slack_bolt 1.30: listener_matcher/builtins.py, request/internals.py, logger/messages.py). Parts that only
steer Bolt, and that we never read, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.codec import Json

_PARTS = ("view", "event", "user", "team", "container", "channel", "message", "enterprise", "state")
OBJECTS = frozenset((*_PARTS, "actions"))
"""Parts of a payload that are never texts."""

_TEXTS = ("type", "command", "callback_id", "action_id", "block_id")
_OF_EVENT = ("user", "team", "channel", "enterprise")
"""In an event these are an id, or an object with one."""

_STEERING = frozenset(
    {"authorizations", "response_urls", "function_data", "assistant_thread", "item", "is_ext_shared_channel",
     "bot_access_token", "function_execution_id", "inputs", "workflow_step"}
)  # fmt: skip

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "view_submission": ("view",),
    "view_closed": ("view",),
    "event_callback": ("event",),
    "block_actions": ("actions",),
    "block_suggestion": ("action_id",),
    "shortcut": ("callback_id",),
    "message_action": ("callback_id",),
}
"""By type of a payload: what has to be there."""


def shaped(payload: Json) -> dict[str, Json] | None:
    """The payload as it goes on; None where it is none that Slack sends."""
    if not isinstance(payload, dict):
        return None
    found = {name: value for name, value in payload.items() if name not in _STEERING}
    if not _is_envelope(found):
        return None
    event = found.get("event")
    if isinstance(event, dict):
        # Bolt looks for the same parts in an event within the event, of which Slack sends none.
        found["event"] = {name: value for name, value in event.items() if name not in {*_STEERING, "event"}}
    return found


def _is_envelope(payload: dict[str, Json]) -> bool:
    if not _has_texts(payload, *_TEXTS) or not _has_objects(payload, *_PARTS):
        return False
    kind = payload.get("type")
    if any(payload.get(name) is None for name in _NEEDED.get(kind if isinstance(kind, str) else "", ())):
        return False
    return _is_view(payload.get("view")) and _is_event(payload.get("event")) and _are_actions(payload)


def _is_view(view: Json) -> bool:
    return view is None or (isinstance(view, dict) and _has_texts(view, "type", "callback_id") and "type" in view)


def _is_event(event: Json) -> bool:
    if event is None:
        return True
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return False
    if not _has_texts(event, "subtype") or not _has_objects(event, "message", "previous_message"):
        return False
    inner = (event, event.get("message"), event.get("previous_message"))
    found = [part.get(name) for part in inner if isinstance(part, dict) for name in _OF_EVENT]
    return all(isinstance(value, str | dict | None) for value in found)


def _are_actions(payload: dict[str, Json]) -> bool:
    if "actions" not in payload:
        return True
    actions = payload["actions"]
    if not isinstance(actions, list) or not actions:
        return False
    is_click = payload.get("type") == "block_actions"
    return all(
        isinstance(action, dict)
        and _has_texts(action, "action_id", "block_id", "type")
        and (not is_click or "action_id" in action)
        for action in actions
    )


def _has_texts(found: dict[str, Json], *names: str) -> bool:
    """Each is a text, or is not there at all: also None breaks a matcher."""
    return all(isinstance(found.get(name, ""), str) for name in names)


def _has_objects(found: dict[str, Json], *names: str) -> bool:
    return all(isinstance(found.get(name), dict | None) for name in names)
