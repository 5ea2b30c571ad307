"""One Web API call: its arguments in whichever form they came, and the frame into which every method fits."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.playground.errors import SlackError
from bot.playground.slack import Slack
from bot.playground.workspace import Channel, Workspace

Json = dict[str, Any]


class Args:
    """Arguments from JSON (typed) or a form (all text: booleans as 1 or true, arrays as JSON text); unknown ones are ignored."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) is not None

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, bool | list | dict):
            raise SlackError("invalid_arguments", messages=(f"must provide a string [json-pointer:/{name}]",))
        return str(value)

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", messages=(f"missing required field: {name}",))
        return value

    def flag(self, name: str) -> bool:
        value = self._given.get(name)
        return value.lower() in {"1", "true"} if isinstance(value, str) else bool(value)

    def number(self, name: str, default: int) -> int:
        value = self._given.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError) as exc:
            raise SlackError(
                "invalid_arguments", messages=(f"must provide an integer [json-pointer:/{name}]",)
            ) from exc

    def data(self, name: str, error: str = "invalid_arguments") -> Any:
        """A nested value; text is read as JSON."""
        value = self._given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as exc:
            raise SlackError(error) from exc


@dataclass(frozen=True, slots=True)
class Call:
    slack: Slack
    args: Args

    @property
    def ws(self) -> Workspace:
        return self.slack.workspace

    @property
    def has_scope(self) -> Callable[[str], bool]:
        return self.slack.manifest.scopes.__contains__

    def channel(self, name: str = "channel") -> Channel:
        """The channel that the bot may see. A private one it is not in does not exist for it."""
        channel = self.ws.channels.get(self.args.need(name))
        if channel is None or (channel.seed.is_private and self.ws.app.bot_user not in channel.members):
            raise SlackError("channel_not_found")
        return channel

    def need_scope(self, *any_of: str) -> None:
        if any_of and not any(map(self.has_scope, any_of)):
            raise SlackError("missing_scope", needed=",".join(any_of), provided=",".join(self.slack.manifest.scopes))


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method: what it does, its published calls a minute, the scopes of which it needs one, and its token."""

    run: Callable[[Call], Json]
    per_minute: int | None
    scopes: tuple[str, ...] = ()
    is_app_level: bool = False
    needs_token: bool = True


def cursor_page(call: Call, rows: list[Any], *, default: int, high: int) -> tuple[list[Any], Json]:
    """A page of rows and its `response_metadata`; the cursor is opaque to callers."""
    limit = call.args.number("limit", default) or default
    if not 1 <= limit <= high:
        raise SlackError("invalid_limit")
    cursor = call.args.text("cursor") or ""
    try:
        start = int(cursor.removeprefix("bmV4dDo") or 0) if cursor else 0
    except ValueError as exc:
        raise SlackError("invalid_cursor") from exc
    more = start + limit < len(rows)
    return rows[start : start + limit], {"next_cursor": f"bmV4dDo{start + limit}" if more else ""}
