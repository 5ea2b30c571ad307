"""A person at a keyboard, for tests: does what the page would do, blocking, and sees what that person would see.

Messages, views and Home are given and taken as the JSON that Slack shows. What the person would see go wrong is raised as
PersonError with Slack's code.
"""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.playground import forms
from bot.playground.errors import PersonError
from bot.playground.shapes import INPUT_VALUE
from bot.playground.validate_blocks import elements_of

if TYPE_CHECKING:
    from bot.playground.server import PlaygroundServer

Json = dict[str, Any]


def label_of(element: Mapping[str, Any]) -> str:
    return str((element.get("text") or {}).get("text") or "")


def labels(shown: Mapping[str, Any]) -> list[str]:
    """The words on the buttons and in the overflow menus of a message or view, in order."""
    found = []
    for block in shown.get("blocks") or []:
        for _, element in elements_of(block):
            if element["type"] == "button":
                found.append(label_of(element))
            elif element["type"] == "overflow":
                found += [label_of(option) for option in element["options"]]
    return found


class PersonAt:
    """`server.person("U0ANA0001")`. Channels are named by id or by name; `bot` is the direct message with the bot."""

    def __init__(self, server: "PlaygroundServer", user: str) -> None:
        self._server = server
        self.id = user

    def _channel(self, channel: str) -> str:
        if channel == "bot":
            return self.direct_channel()
        return self._server.world.channel(channel).id if not channel.startswith("D") else channel

    # Doing ----------------------------------------------------------------------------------------------------------------
    def slash(self, command: str, text: str = "", *, channel: str, thread_ts: str | None = None) -> None:
        """Type a slash command; returns once the app has acknowledged."""
        line = f"{command} {text}".strip()
        people = self._server.interactions
        self._server.run_async(people.slash(self.id, self._channel(channel), line=line, thread_ts=thread_ts))

    def say(self, text: str, *, channel: str, thread_ts: str | None = None, broadcast: bool = False) -> str:
        """Write a message; returns its timestamp."""
        people = self._server.interactions
        where = self._channel(channel)
        return self._server.run(lambda: people.say(self.id, where, text=text, thread_ts=thread_ts, broadcast=broadcast))

    def mention(self, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Write `@bot text`; returns the message's timestamp."""
        bot = self._server.slack.workspace.app.bot_user
        return self.say(f"<@{bot}> {text}", channel=channel, thread_ts=thread_ts)

    def edit(self, text: str, *, channel: str, ts: str) -> None:
        self._server.run(lambda: self._server.interactions.edit(self.id, self._channel(channel), ts=ts, text=text))

    def delete(self, *, channel: str, ts: str) -> None:
        self._server.run(lambda: self._server.interactions.delete(self.id, self._channel(channel), ts=ts))

    def click(self, shown: Mapping[str, Any], wanted: str, *, chosen: Mapping[str, Any] | None = None) -> None:
        """Press what has this label or action_id on a message or view, as it was shown; returns once acknowledged.

        A label in an overflow menu, select or radio group chooses that option. `chosen` gives the value of other elements,
        such as {"selected_date": "2026-11-24"}. Confirm dialogs are taken as confirmed.
        """
        block_id, element, option = self._find(shown, wanted)
        picked = dict(chosen or {})
        if option is not None:
            key, _ = INPUT_VALUE[element["type"]]
            picked = {key: [option] if key.endswith("s") else option}
        people = self._server.interactions
        work = people.click(self.id, source_of(shown), block_id=block_id, action_id=element["action_id"], chosen=picked)
        self._server.run_async(work)

    def _find(self, shown: Mapping[str, Any], wanted: str) -> tuple[str, Json, Json | None]:
        for block in shown.get("blocks") or []:
            for _, element in elements_of(block):
                if wanted in {element.get("action_id"), label_of(element)}:
                    return block["block_id"], dict(element), None
                for option in forms.options_of(element):
                    if wanted in {label_of(option), option.get("value")}:
                        return block["block_id"], dict(element), option
        raise PersonError("element_not_found", f"There is no {wanted!r}; there is {labels(shown)}")

    def suggestions(self, shown: Mapping[str, Any], block_id: str, typed: str = "") -> list[Json]:
        """The options that an external select offers for what was typed."""
        block = next(block for block in shown["blocks"] if block["block_id"] == block_id)
        element = next(element for _, element in elements_of(block))
        people = self._server.interactions
        answer = self._server.run_async(
            people.suggest(self.id, source_of(shown), block_id=block_id, action_id=element["action_id"], typed=typed)
        )
        groups = answer.get("option_groups")
        return [o for g in groups for o in g["options"]] if groups else list(answer["options"])

    def submit(self, view: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> None:
        """Send a form. `values` by block_id: a text, an option's label or value (or a list of them), or a whole state entry.

        Raises PersonError; with code `validation`, `fields` holds the sentences by block.
        """
        state: Json = {}
        for block_id, value in (values or {}).items():
            block = next((block for block in view["blocks"] if block["block_id"] == block_id), None)
            if block is None or block["type"] != "input":
                raise PersonError("element_not_found", f"The form has no field {block_id!r}.")
            element = block["element"]
            state[block_id] = {element["action_id"]: self._value(view, block_id, element, value)}
        self._server.run_async(self._server.interactions.submit(self.id, view["id"], values=state))

    def _value(self, view: Mapping[str, Any], block_id: str, element: Json, value: Any) -> Json:
        if isinstance(value, dict) and "type" in value:
            return value
        key, _ = INPUT_VALUE[element["type"]]
        if key in {"selected_option", "selected_options"}:
            many = value if isinstance(value, list) else [value]
            offered = forms.options_of(element)
            if element["type"].endswith("external_select"):
                offered = [o for typed in many for o in self.suggestions(view, block_id, str(typed))]
            found = [self._option(offered, wanted) for wanted in many]
            value = found if key == "selected_options" else found[0]
        return {"type": element["type"], key: value}

    def _option(self, offered: list[Json], wanted: Any) -> Json:
        for option in offered:
            if wanted in (option, option["value"], label_of(option)):
                return option
        raise PersonError(
            "no_such_option", f"There is no {wanted!r}; there is {[label_of(option) for option in offered]}"
        )

    def close(self, view: Mapping[str, Any], *, every: bool = False) -> None:
        self._server.run_async(self._server.interactions.close(self.id, view["id"], every=every))

    def open_home(self, tab: str = "home") -> None:
        self._server.run(lambda: self._server.interactions.open_home(self.id, tab))

    def reload(self) -> None:
        """Reload the page: every ephemeral message is gone, and so are its buttons."""
        self._server.run(lambda: self._server.slack.workspace.forget_ephemerals(self.id))

    def shortcut(self, callback_id: str) -> None:
        self._server.run_async(self._server.interactions.shortcut(self.id, callback_id))

    def message_shortcut(self, callback_id: str, message: Mapping[str, Any]) -> None:
        people = self._server.interactions
        self._server.run_async(
            people.message_shortcut(self.id, callback_id, channel_id=message["channel"], ts=message["ts"])
        )

    # Seeing -----------------------------------------------------------------------------------------------------------------
    def direct_channel(self) -> str:
        return self._server.run(lambda: self._server.slack.workspace.open_im(self.id).id)

    def direct_messages(self) -> list[Json]:
        """The direct message with the bot, oldest first."""
        return self._server.messages(self.direct_channel())

    def ephemerals(self, channel: str | None = None) -> list[Json]:
        return self._server.ephemerals(self.id, channel)

    def modal(self) -> Json | None:
        return self._server.modal(self.id)

    def home(self) -> Json | None:
        return self._server.home(self.id)

    def visible_channels(self) -> list[Json]:
        return copy.deepcopy(self._server.snapshot(self.id)["channels"])


def source_of(shown: Mapping[str, Any]) -> Json:
    if "root_view_id" in shown:
        return {"type": "view", "view_id": shown["id"]}
    return {"type": "message", "channel": shown["channel"], "ts": shown["ts"]}
