"""What administrators and mishap do to a workspace: archiving, removing, deactivating, deleting, disconnecting."""

from typing import Any

from bot.playground.delivery import Delivery
from bot.playground.errors import PersonError
from bot.playground.shapes import message_json
from bot.playground.slack import Slack
from bot.playground.workspace import Change, ChangeKind, Channel

Json = dict[str, Any]


class World:
    def __init__(self, slack: Slack, delivery: Delivery) -> None:
        self._slack = slack
        self._ws = slack.workspace
        self._delivery = delivery

    def channel(self, name: str) -> Channel:
        """By id, or by name with or without `#`."""
        wanted = name.removeprefix("#")
        for channel in self._ws.channels.values():
            if wanted == channel.id or (wanted == channel.seed.name and not channel.im_user):
                return channel
        raise PersonError("channel_not_found", f"There is no channel {name}.")

    def archive(self, channel: str) -> None:
        found = self.channel(channel)
        self._ws.archive(found, found.members[0] if found.members else "")

    def unarchive(self, channel: str) -> None:
        found = self.channel(channel)
        found.is_archived = False
        self._ws.tell(Change(ChangeKind.CHANNEL, found.id))

    def remove_bot(self, channel: str) -> None:
        self._ws.leave(self.channel(channel), self._ws.app.bot_user)

    def invite_bot(self, channel: str) -> None:
        self._ws.join(self.channel(channel), self._ws.app.bot_user)

    def set_external(self, channel: str, on: bool = True) -> None:
        """Shared with another company through Slack Connect, or no longer."""
        found = self.channel(channel)
        found.is_ext_shared = on
        self._ws.tell(Change(ChangeKind.CHANNEL, found.id))

    def set_deactivated(self, user: str, on: bool = True) -> None:
        person = self._ws.people.get(user)
        if person is None:
            raise PersonError("user_not_found", f"There is no person {user}.")
        person.deleted = on
        self._ws.tell(Change(ChangeKind.PERSON, user=user))

    def delete_message(self, channel: str, ts: str) -> None:
        found = self.channel(channel)
        message = found.messages.get(ts)
        if message is None:
            raise PersonError("message_not_found", "This message is gone.")
        self._ws.delete(found, message, before=message_json(self._ws, message))

    def uninstall(self) -> None:
        """Take the app out of the workspace: its tokens stop working."""
        self._ws.is_installed = False
        self._ws.tell(Change(ChangeKind.UNINSTALLED))
        self._ws.tell(Change(ChangeKind.APP))

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Socket Mode: ask every connection to go. `warning`, `refresh_requested` or `link_disabled`."""
        await self._delivery.disconnect(reason)

    async def act(self, given: Json) -> None:
        """One deed as the page names it. Raises PersonError for what is no deed."""
        match given.get("do"):
            case "disconnect":
                await self.disconnect(str(given.get("reason") or "refresh_requested"))
            case "archive":
                self.archive(str(given.get("channel")))
            case "unarchive":
                self.unarchive(str(given.get("channel")))
            case "remove_bot":
                self.remove_bot(str(given.get("channel")))
            case "external":
                self.set_external(str(given.get("channel")), bool(given.get("on", True)))
            case "deactivate":
                self.set_deactivated(str(given.get("target")))
            case "reactivate":
                self.set_deactivated(str(given.get("target")), False)
            case "delete_message":
                self.delete_message(str(given.get("channel")), str(given.get("ts")))
            case "uninstall":
                self.uninstall()
            case _:
                raise PersonError("unknown_deed", "There is no such switch.")
