"""`PlaygroundServer`: the local Slack as a product and as the judge of scenario tests.

    with PlaygroundServer(manifest=manifest) as slack:
        app = App(token=slack.bot_token, client=WebClient(slack.bot_token, base_url=slack.api_url))
        ...
        ana = slack.person("U0ANA0001")
        ana.slash("/deploy", "web@1.8.2 to prod", channel="prod")
        card = slack.wait_for(lambda: slack.messages("prod"))[-1]
        ana.click(card, "Deny")
        assert slack.calls("chat.update")[-1].status == "ok"

People act through `person`, mishap through `world` (inside `run`) and `arm`; all answers are copies.
"""

import copy
from typing import Any

from bot.playground.call_log import Entry
from bot.playground.host import PATIENCE, Host
from bot.playground.person import PersonAt
from bot.playground.shapes import message_json, view_json
from bot.playground.workspace import Channel, Message

Json = dict[str, Any]


class PlaygroundServer(Host):
    """See `Host` for the arguments."""

    @property
    def bot_token(self) -> str:
        return self.slack.workspace.app.bot_token

    @property
    def app_token(self) -> str:
        return self.slack.workspace.app.app_token

    @property
    def signing_secret(self) -> str:
        return self.slack.workspace.app.signing_secret

    def person(self, user: str) -> PersonAt:
        """A person by id or by name."""
        people = self.slack.workspace.people
        found = user if user in people else next(p.id for p in people.values() if p.seed.name == user)
        return PersonAt(self, found)

    def arm(self, **faults: Any) -> None:
        """Set fault switches by the keys of `Faults`: `arm(rate_limited={"chat.update": {"times": 2, "retry_after": 1}})`."""
        self.run(lambda: self.slack.faults.update(faults))

    def disconnect(self, reason: str = "refresh_requested") -> None:
        self.run_async(self.world.disconnect(reason))

    def hang_up(self) -> None:
        """Close every Socket Mode connection without a word. Before closing a `SocketModeHandler` this spares a test the three
        seconds for which slack_sdk sits in `recv`; turn its `client.auto_reconnect_enabled` off first."""
        self.run_async(self._delivery.hang_up())

    # Seeing -----------------------------------------------------------------------------------------------------------------
    def messages(self, channel: str, *, thread: str | None = None) -> list[Json]:
        """Messages of a channel (id or name), oldest first, with metadata: all of them, or one thread with its parent."""

        def look() -> list[Json]:
            found = self._channel(channel)
            return [self._shown(m) for m in found.messages.values() if thread is None or thread in {m.ts, m.thread_ts}]

        return self.run(look)

    def wait_for_message(self, channel: str, text: str, *, seconds: float = PATIENCE) -> Json:
        """The newest message of a channel whose `text` holds this, once there is one."""

        def look() -> Json | None:
            return next((m for m in reversed(self.messages(channel)) if text in m["text"]), None)

        return self.wait_for(look, seconds)

    def wait_for_ephemeral(self, user: str, text: str, *, seconds: float = PATIENCE) -> Json:
        """The newest message that only this person sees and whose `text` holds this, once there is one."""

        def look() -> Json | None:
            return next((m for m in reversed(self.ephemerals(user)) if text in m["text"]), None)

        return self.wait_for(look, seconds)

    def ephemerals(self, user: str, channel: str | None = None) -> list[Json]:
        """What only this person sees, oldest first; what Slack would not have shown is left out."""

        def look() -> list[Json]:
            wanted = self._channel(channel).id if channel else None
            return [
                self._shown(m)
                for m in self.slack.workspace.ephemerals.values()
                if m.ephemeral_to == user and m.is_shown and wanted in {None, m.channel}
            ]

        return self.run(look)

    def modals(self, user: str) -> list[Json]:
        """The views that the person has open, the first at the bottom."""
        ws = self.slack.workspace
        return self.run(lambda: [copy.deepcopy(view_json(ws, view)) for view in ws.stack(user)])

    def modal(self, user: str) -> Json | None:
        """The view on top."""
        stack = self.modals(user)
        return stack[-1] if stack else None

    def home(self, user: str) -> Json | None:
        ws = self.slack.workspace
        return self.run(lambda: copy.deepcopy(view_json(ws, ws.homes[user])) if user in ws.homes else None)

    def calls(self, name: str | None = None) -> list[Entry]:
        """The exchanges between Slack and the app, or those of one name (`chat.update`, `response_url`, `/deploy`, `block_actions`)."""
        return self.run(lambda: [entry for entry in self.slack.log.entries if name in {None, entry.name}])

    def refusals(self) -> list[Entry]:
        """Every call of the app that Slack did not take: empty in a good run."""
        refused = [entry for entry in self.calls() if entry.direction == "from_app" and entry.status != "ok"]
        return [entry for entry in refused if not _looks_for_a_dialog(entry)]

    def file(self, identifier: str) -> bytes:
        """The content of an uploaded file. Raises KeyError."""
        return self.run(lambda: self.slack.workspace.files[identifier].content or b"")

    def snapshot(self, user: str) -> Json:
        """What the page of this person shows on opening."""
        return self.run(lambda: self._feed.snapshot(user))

    def _channel(self, channel: str) -> Channel:
        known = self.slack.workspace.channels.get(channel)
        return known if known is not None else self.world.channel(channel)

    def _shown(self, message: Message) -> Json:
        shown = message_json(self.slack.workspace, message, metadata=True)
        shown |= {"channel": message.channel, "is_ephemeral": message.ephemeral_to is not None}
        return copy.deepcopy(shown)


def _looks_for_a_dialog(entry: Entry) -> bool:
    """An answer that comes before the dialog that it takes the place of is shown asks again."""
    return entry.name == "views.update" and entry.status == "not_found" and "external_id" in entry.request
