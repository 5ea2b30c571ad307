"""views.*: opening, stacking, changing and publishing views; and blocks.validate."""

import json
from typing import Any

from bot.playground import constants as c
from bot.playground.content import refuse
from bot.playground.errors import SlackError
from bot.playground.methods.call import Call
from bot.playground.shapes import view_json
from bot.playground.validate_blocks import validate_message, validate_view
from bot.playground.workspace import View, Workspace

Json = dict[str, Any]


def check_view(ws: Workspace, given: object, kind: str, *, replaces: View | None = None) -> Json:
    """The view as stored. Raises SlackError: view_too_large, invalid_arguments, duplicate_external_id."""
    if not isinstance(given, dict):
        raise SlackError("invalid_arguments", messages=("missing required field: view",))
    if len(json.dumps(given, ensure_ascii=False).encode()) > c.VIEW_BYTES:
        raise SlackError("view_too_large")
    problems = validate_view(given, files_ready=ws.file_is_ready)
    if problems:
        raise refuse(problems, "invalid_arguments")
    if given["type"] != kind:
        raise SlackError("invalid_arguments", messages=("must be a valid enum value [json-pointer:/view/type]",))
    external = given.get("external_id")
    taken = ws.find_view(external_id=external) if external else None
    if taken is not None and taken is not replaces:
        raise SlackError("duplicate_external_id")
    return given


def push_onto(ws: Workspace, user: str, given: object) -> View:
    """Open a view on top of what the person has open. Raises SlackError: push_limit_reached and those of check_view."""
    body = check_view(ws, given, "modal")
    if len(ws.stack(user)) >= c.VIEW_DEPTH:
        raise SlackError("push_limit_reached")
    return ws.add_view(user, body)


def open_view(call: Call) -> Json:
    """A view over whatever the person has open. A refused view does not spend the trigger."""
    given = call.args.data("view")
    check_view(call.ws, given, "modal")
    trigger = call.slack.triggers.use(call.args.text("trigger_id"))
    return {"view": view_json(call.ws, push_onto(call.ws, trigger.user, given))}


def push(call: Call) -> Json:
    given = call.args.data("view")
    check_view(call.ws, given, "modal")
    trigger = call.slack.triggers.use(call.args.text("trigger_id"))
    if not call.ws.stack(trigger.user):
        raise SlackError("not_found")
    return {"view": view_json(call.ws, push_onto(call.ws, trigger.user, given))}


def update(call: Call) -> Json:
    view_id, external_id = call.args.text("view_id"), call.args.text("external_id")
    if not view_id and not external_id:
        raise SlackError("invalid_arguments", messages=("missing required field: view_id or external_id",))
    view = call.ws.find_view(view_id=view_id, external_id=external_id)
    if view is None:
        raise SlackError("not_found")
    body = check_view(call.ws, call.args.data("view"), view.body["type"], replaces=view)
    _same_hash(call, view)
    call.ws.replace_view(view, body)
    return {"view": view_json(call.ws, view)}


def publish(call: Call) -> Json:
    user = call.args.need("user_id")
    person = call.ws.people.get(user)
    if person is None or person.is_bot:
        raise SlackError("user_not_found")
    if person.deleted or not call.slack.manifest.has_home:
        raise SlackError("not_enabled")
    current = call.ws.homes.get(user)
    body = check_view(call.ws, call.args.data("view"), "home", replaces=current)
    if current is not None:
        _same_hash(call, current)
    return {"view": view_json(call.ws, call.ws.publish_home(user, body))}


def _same_hash(call: Call, view: View) -> None:
    given = call.args.text("hash")
    if given and given != view.hash:
        raise SlackError("hash_conflict")


def blocks_validate(call: Call) -> Json:
    """Slack's public validator: needs no token, answers pointer, code and message."""
    view = call.args.data("view")
    blocks = call.args.data("blocks")
    if view is None and blocks is None:
        raise SlackError("invalid_arguments", messages=("missing required field: blocks",))
    problems = validate_view(view) if view is not None else validate_message(blocks)
    if problems:
        raise SlackError(
            "invalid_blocks",
            errors=[{"pointer": p.pointer, "code": p.code, "message": p.message} for p in problems],
        )
    return {}
