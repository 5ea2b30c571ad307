"""What people do, and what the app is sent for it: commands, messages, clicks, forms, suggestions, shortcuts, Home.

The page and the tests come here alike. A PersonError is what the person then sees.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from bot.playground import forms, typed_text
from bot.playground.delivery import Ack, Delivery
from bot.playground.element_schema import GROUP, OPTION
from bot.playground.errors import PersonError, SlackError
from bot.playground.events import Events
from bot.playground.manifest import SlashCommand
from bot.playground.methods.views import check_view, push_onto
from bot.playground.response_urls import ResponseUrls
from bot.playground.schema import Out
from bot.playground.shapes import INPUT_VALUE, message_json, person_ref, view_json, view_values
from bot.playground.slack import Slack
from bot.playground.workspace import Channel, Message, View

Json = dict[str, Any]
_TROUBLE = "We had some trouble connecting. Try again?"


class Interactions:
    def __init__(self, slack: Slack, delivery: Delivery, events: Events, urls: ResponseUrls) -> None:
        self._slack = slack
        self._ws = slack.workspace
        self._delivery = delivery
        self._events = events
        self._urls = urls

    # Checks and parts of payloads ---------------------------------------------------------------------------------------
    def _active(self, user: str) -> None:
        person = self._ws.people.get(user)
        if person is None or person.deleted or person.is_bot:
            raise PersonError("user_deactivated", "This account has been deactivated.")

    def channel(self, identifier: str) -> Channel:
        channel = self._ws.channels.get(identifier)
        if channel is None:
            raise PersonError("channel_not_found", "There is no such channel.")
        return channel

    def _open_channel(self, user: str, identifier: str) -> Channel:
        self._active(user)
        channel = self.channel(identifier)
        if channel.is_archived:
            raise PersonError("is_archived", "This channel is archived.")
        if user not in channel.members:
            raise PersonError("not_in_channel", "Join the channel first.")
        if channel.im_user and not self._slack.manifest.takes_messages:
            raise PersonError("messages_tab_disabled", "Sending messages to this app has been turned off.")
        return channel

    def _frame(self, user: str, kind: str, *, trigger: bool = True) -> Json:
        ws = self._ws
        frame: Json = {
            "type": kind,
            "token": ws.app.verification_token,
            "api_app_id": ws.app.id,
            "team": {"id": ws.seed.team_id, "domain": ws.seed.team_domain},
            "user": person_ref(ws, user),
            "enterprise": None,
            "is_enterprise_install": False,
        }
        if trigger:
            frame["trigger_id"] = self._slack.triggers.issue(user)
        return frame

    async def _interact(self, name: str, payload: Json, *, takes_answer: bool) -> Ack:
        if not self._ws.is_installed or not self._slack.manifest.is_interactive:
            return Ack("dispatch_failed")
        return await self._delivery.deliver("interactive", name, payload, takes_answer=takes_answer)

    # Commands and messages ----------------------------------------------------------------------------------------------
    async def slash(self, user: str, channel_id: str, *, line: str, thread_ts: str | None = None) -> None:
        """A command as typed, `/deploy web to prod`."""
        name, _, rest = line.strip().partition(" ")
        command = self._command(name)
        if thread_ts:
            raise PersonError("not_supported_in_thread", f"{name} is not supported in threads. Sorry!")
        channel = self._open_channel(user, channel_id)
        payload = self._command_payload(user, channel, command, rest.strip())
        ack = await self._delivery.deliver("slash_commands", name, payload, takes_answer=True)
        if not ack.is_ok:
            raise PersonError(ack.error, f"{name} failed with the error “{ack.error}”")
        body = ack.body
        if body.get("text") or body.get("blocks") or body.get("attachments"):
            try:
                self._urls.answer_command(payload["response_url"], body)
            except SlackError as exc:
                raise PersonError(exc.code, f"{name} failed with the error “{exc.code}”") from exc

    def _command(self, name: str) -> SlashCommand:
        command = self._slack.manifest.commands.get(name)
        if command is None or not self._ws.is_installed or "commands" not in self._slack.manifest.scopes:
            raise PersonError("unknown_command", f"{name} is not a valid command.")
        return command

    def _command_payload(self, user: str, channel: Channel, command: SlashCommand, text: str) -> Json:
        ws = self._ws
        if self._slack.conduct.curly_quotes:
            text = typed_text.curl(text)
        kind = {"im": "directmessage", "group": "privategroup", "channel": channel.seed.name}[channel.kind]
        return {
            "token": ws.app.verification_token,
            "team_id": ws.seed.team_id,
            "team_domain": ws.seed.team_domain,
            "channel_id": channel.id,
            "channel_name": kind,
            "user_id": user,
            "user_name": ws.people[user].seed.name,
            "command": command.command,
            "text": typed_text.encode_command(ws, text, should_escape=command.should_escape),
            "api_app_id": ws.app.id,
            "is_enterprise_install": "false",
            "response_url": self._urls.issue(user, channel.id),
            "trigger_id": self._slack.triggers.issue(user),
        }

    def say(
        self, user: str, channel_id: str, *, text: str, thread_ts: str | None = None, broadcast: bool = False
    ) -> str:
        """A person's message; answers its timestamp. The app hears of it by an event."""
        channel = self._open_channel(user, channel_id)
        if not text.strip():
            raise PersonError("no_text", "There is nothing to send.")
        if thread_ts and thread_ts not in channel.messages:
            raise PersonError("thread_not_found", "This thread is gone.")
        if self._slack.conduct.curly_quotes:
            text = typed_text.curl(text)
        message = Message(
            ts=self._ws.new_ts(),
            channel=channel.id,
            user=user,
            text=typed_text.encode(self._ws, text),
            thread_ts=thread_ts,
            client_msg_id=str(uuid.uuid4()),
        )
        if thread_ts and broadcast:
            message.is_broadcast, message.subtype = True, "thread_broadcast"
        self._ws.post(channel, message)
        self._ws.mark_read(channel, user, message.ts)
        return message.ts

    def _own(self, user: str, channel_id: str, *, ts: str) -> tuple[Channel, Message]:
        channel = self._open_channel(user, channel_id)
        message = channel.messages.get(ts)
        if message is None or message.user != user:
            raise PersonError("not_yours", "Only your own messages can be changed.")
        return channel, message

    def edit(self, user: str, channel_id: str, *, ts: str, text: str) -> None:
        channel, message = self._own(user, channel_id, ts=ts)
        before = message_json(self._ws, message)
        message.text = typed_text.encode(self._ws, text)
        message.edited = self._ws.new_ts()
        self._ws.change(channel, message, before=before)

    def delete(self, user: str, channel_id: str, *, ts: str) -> None:
        channel, message = self._own(user, channel_id, ts=ts)
        self._ws.delete(channel, message, before=message_json(self._ws, message))

    # Clicks -------------------------------------------------------------------------------------------------------------
    def _message(self, channel_id: str, ts: str) -> Message:
        message = self._ws.ephemerals.get(ts) or self.channel(channel_id).messages.get(ts)
        if message is None or message.channel != channel_id:
            raise PersonError("message_not_found", "This message is gone.")
        return message

    def _view(self, user: str, view_id: str) -> View:
        view = self._ws.find_view(view_id=view_id)
        if view is None or view.user != user:
            raise PersonError("view_not_found", "This window is closed.")
        return view

    async def click(
        self,
        user: str,
        source: Mapping[str, Any],
        *,
        block_id: str,
        action_id: str,
        chosen: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """A button, or another interactive element with what was chosen. `source` names a message or a view."""
        self._active(user)
        frame = self._frame(user, "block_actions")
        element, place = self._element(user, source, block_id=block_id, action_id=action_id)
        action = forms.action_of(element, block_id, chosen, self._ws.new_ts())
        if isinstance(place, View):
            place.values = _typed_values(place, (state or {}).get("values") or {})
            if action["type"] not in {"button", "overflow"}:
                key, _ = INPUT_VALUE[action["type"]]
                value = {"type": action["type"], key: action[key]}
                place.values.setdefault(block_id, {})[action_id] = value
            frame |= {"container": {"type": "view", "view_id": place.id}, "view": view_json(self._ws, place)}
        else:
            frame |= self._message_frame(user, place)
            frame["state"] = {"values": (state or {}).get("values") or {}}
        ack = await self._interact("block_actions", frame | {"actions": [action]}, takes_answer=False)
        if not ack.is_ok:
            raise PersonError(ack.error, "This did not work: the app did not answer.")

    def _element(
        self, user: str, source: Mapping[str, Any], *, block_id: str, action_id: str
    ) -> tuple[Json, Message | View]:
        place: Message | View
        if source.get("type") == "view":
            place = self._view(user, str(source.get("view_id")))
            element = forms.find_element(place.body["blocks"], block_id, action_id)
        else:
            place = self._message(str(source.get("channel")), str(source.get("ts")))
            if place.ephemeral_to not in {None, user}:
                raise PersonError("message_not_found", "This message is gone.")
            element = forms.find_element(place.blocks, block_id, action_id)
        if element is None:
            raise PersonError("element_not_found", "This button is gone: the message has changed.")
        return element, place

    def _message_frame(self, user: str, message: Message) -> Json:
        channel = self._ws.channels[message.channel]
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": message.ephemeral_to is not None,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        frame: Json = {
            "container": container,
            "channel": {"id": channel.id, "name": channel.seed.name},
            "response_url": self._urls.issue(user, channel.id, message.ts),
        }
        if message.ephemeral_to is None:
            frame["message"] = message_json(self._ws, message)
        return frame

    async def suggest(self, user: str, source: Mapping[str, Any], *, block_id: str, action_id: str, typed: str) -> Json:
        """Options of an external select for what was typed: `options` or `option_groups`."""
        self._active(user)
        element, place = self._element(user, source, block_id=block_id, action_id=action_id)
        if element["type"] not in {"external_select", "multi_external_select"}:
            raise PersonError("not_external", "This menu has its own options.")
        frame = self._frame(user, "block_suggestion", trigger=False)
        frame |= {"action_id": action_id, "block_id": block_id, "value": typed}
        if isinstance(place, View):
            frame |= {"container": {"type": "view", "view_id": place.id}, "view": view_json(self._ws, place)}
        else:
            frame |= {key: value for key, value in self._message_frame(user, place).items() if key != "response_url"}
        ack = await self._interact("block_suggestion", frame, takes_answer=True)
        out = Out()
        found: Json = {}
        for name, spec in (("options", OPTION), ("option_groups", GROUP)):
            given = ack.body.get(name)
            if isinstance(given, list):
                found = {name: given[:100]}
                for index, item in enumerate(given[:100]):
                    spec.check(item, f"/{name}/{index}", out)
        if not ack.is_ok or not found or out.problems:
            details = "; ".join(problem.sentence() for problem in out.problems)
            raise PersonError(ack.error or "invalid_options", f"The options could not be loaded. {details}".strip())
        return found

    # Forms --------------------------------------------------------------------------------------------------------------
    async def submit(self, user: str, view_id: str, *, values: Mapping[str, Any]) -> None:
        """Send a form. Raises PersonError `validation` with sentences by block where it stays open."""
        self._active(user)
        view = self._view(user, view_id)
        if view.body["type"] != "modal" or not view.body.get("submit"):
            raise PersonError("no_submit", "This window has nothing to send.")
        view.values = _typed_values(view, values)
        wrong = forms.problems_of(view.body["blocks"], view_values(view))
        if wrong:
            raise PersonError("validation", "Please check the form.", fields=wrong)
        frame = self._frame(user, "view_submission")
        frame |= {"view": view_json(self._ws, view), "response_urls": self._form_urls(user, view)}
        ack = await self._interact("view_submission", frame, takes_answer=True)
        if not ack.is_ok:
            raise PersonError(ack.error, _TROUBLE)
        try:
            self._follow(user, view, ack.body)
        except SlackError as exc:
            raise PersonError(exc.code, f"{_TROUBLE} {'; '.join(exc.messages)}".strip()) from exc

    def _form_urls(self, user: str, view: View) -> list[Json]:
        """Addresses for answers, one for each select with response_url_enabled."""
        values, found = view_values(view), []
        for block, element in forms.inputs_of(view.body["blocks"]):
            if element.get("response_url_enabled"):
                key, _ = INPUT_VALUE[element["type"]]
                chosen = values[block["block_id"]][element["action_id"]].get(key)
                if chosen in self._ws.channels:
                    url = self._urls.issue(user, chosen)
                    found.append(
                        {
                            "block_id": block["block_id"],
                            "action_id": element["action_id"],
                            "channel_id": chosen,
                            "response_url": url,
                        }
                    )
        return found

    def _follow(self, user: str, view: View, body: Json) -> None:
        """Do what the app answered to a form: close it, or errors, update, push, clear."""
        match body.get("response_action"):
            case None:
                self._ws.close_views(user, [view])
            case "clear":
                self._ws.close_views(user, self._ws.stack(user))
            case "errors":
                errors = body.get("errors")
                known = {block["block_id"] for block, _ in forms.inputs_of(view.body["blocks"])}
                if not isinstance(errors, dict) or not errors or not set(errors) <= known:
                    raise PersonError("invalid_errors", _TROUBLE)
                raise PersonError(
                    "validation", "Please check the form.", fields={str(k): str(v) for k, v in errors.items()}
                )
            case "update":
                self._ws.replace_view(view, check_view(self._ws, body.get("view"), "modal", replaces=view))
            case "push":
                push_onto(self._ws, user, body.get("view"))
            case _:
                raise PersonError("invalid_response_action", _TROUBLE)

    async def close(self, user: str, view_id: str, *, every: bool = False) -> None:
        view = self._view(user, view_id)
        every = every or bool(view.body.get("clear_on_close"))
        closing = list(self._ws.stack(user)) if every else [view]
        self._ws.close_views(user, closing)
        for closed in reversed(closing):
            if closed.body.get("notify_on_close"):
                frame = self._frame(user, "view_closed", trigger=False)
                frame |= {"view": view_json(self._ws, closed), "is_cleared": every}
                await self._interact("view_closed", frame, takes_answer=False)

    # Home and shortcuts -------------------------------------------------------------------------------------------------
    def open_home(self, user: str, tab: str = "home") -> None:
        self._active(user)
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._ws.open_im(user).id,
            "tab": tab,
            "event_ts": self._ws.new_ts(),
        }
        home = self._ws.homes.get(user)
        if tab == "home" and home is not None:
            event["view"] = view_json(self._ws, home)
        self._events.send("app_home_opened", event)

    def _shortcut(self, callback_id: str, kind: str) -> None:
        if not any(s.callback_id == callback_id and s.kind == kind for s in self._slack.manifest.shortcuts):
            raise PersonError("no_such_shortcut", "There is no such shortcut.")

    async def shortcut(self, user: str, callback_id: str) -> None:
        self._active(user)
        self._shortcut(callback_id, "global")
        frame = self._frame(user, "shortcut") | {"callback_id": callback_id, "action_ts": self._ws.new_ts()}
        self._need(await self._interact("shortcut", frame, takes_answer=False))

    async def message_shortcut(self, user: str, callback_id: str, *, channel_id: str, ts: str) -> None:
        channel = self._open_channel(user, channel_id)
        self._shortcut(callback_id, "message")
        message = self._message(channel_id, ts)
        if message.ephemeral_to is not None:
            raise PersonError("not_supported", "Shortcuts do not work on this message.")
        frame = self._frame(user, "message_action") | {
            "callback_id": callback_id,
            "action_ts": self._ws.new_ts(),
            "message_ts": ts,
            "channel": {"id": channel.id, "name": channel.seed.name},
            "message": message_json(self._ws, message),
            "response_url": self._urls.issue(user, channel.id),
        }
        self._need(await self._interact("message_action", frame, takes_answer=False))

    def _need(self, ack: Ack) -> None:
        if not ack.is_ok:
            raise PersonError(ack.error, "This did not work: the app did not answer.")


def _typed_values(view: View, given: Mapping[str, Any]) -> Json:
    """What was typed before, with what is given now over it."""
    values = {block: dict(actions) for block, actions in view.values.items()}
    for block, actions in given.items():
        values.setdefault(block, {}).update(actions)
    return values
