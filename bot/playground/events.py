"""The Events API: what the app is told of changes in the workspace, and told again until it acknowledges."""

import asyncio
from collections.abc import Iterator
from typing import Any

from bot.playground.delivery import Delivery, Retry
from bot.playground.manifest import EVENT_SCOPES
from bot.playground.seed import Json
from bot.playground.shapes import message_json, user_json
from bot.playground.slack import Slack
from bot.playground.workspace import Change, ChangeKind, Channel, Message

_MESSAGES = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


class Events:
    """Listens to the workspace. An event goes out only where the manifest subscribes to it and a scope allows it."""

    def __init__(self, slack: Slack, delivery: Delivery) -> None:
        self._slack = slack
        self._delivery = delivery
        self._tasks: set[asyncio.Task[None]] = set()
        slack.workspace.listeners.append(self._on_change)

    def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()

    def send(self, subscription: str, event: Json, *, channel: Channel | None = None) -> None:
        """Give an event its envelope and deliver it in the background."""
        slack = self._slack
        scope = EVENT_SCOPES.get(subscription)
        if subscription not in slack.manifest.events or (scope and scope not in slack.manifest.scopes):
            return
        if not slack.workspace.is_installed and subscription != "app_uninstalled":
            return
        payload = self._envelope(event, is_external=channel is not None and channel.is_ext_shared)
        task = asyncio.get_running_loop().create_task(self._until_acked(event["type"], payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _envelope(self, event: Json, *, is_external: bool) -> Json:
        ws = self._slack.workspace
        return {
            "token": ws.app.verification_token,
            "team_id": ws.seed.team_id,
            "context_team_id": ws.seed.team_id,
            "context_enterprise_id": None,
            "api_app_id": ws.app.id,
            "event": event,
            "type": "event_callback",
            "event_id": ws.new_id("Ev"),
            "event_time": int(ws.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": ws.seed.team_id,
                    "user_id": ws.app.bot_user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": is_external,
            "event_context": ws.new_id("4-"),
        }

    async def _until_acked(self, name: str, payload: Json) -> None:
        ack = await self._delivery.deliver("events_api", name, payload, takes_answer=False)
        for attempt, wait in enumerate(self._slack.conduct.event_retry_seconds, start=1):
            if ack.is_ok:
                return
            reason = "http_timeout" if ack.error == "operation_timeout" else "http_error"
            if self._slack.is_socket_mode:
                reason = "timeout"
            await asyncio.sleep(wait)
            retry = Retry(attempt, reason)
            ack = await self._delivery.deliver("events_api", name, payload, takes_answer=False, retry=retry)

    # From changes to events -------------------------------------------------------------------------------------------
    def _on_change(self, change: Change) -> None:
        channel = self._slack.workspace.channels.get(change.channel or "")
        for subscription, event in self._events_of(change, channel):
            self.send(subscription, event, channel=channel)

    def _events_of(self, change: Change, channel: Channel | None) -> Iterator[tuple[str, Json]]:
        ws = self._slack.workspace
        bot = ws.app.bot_user
        stamp = ws.new_ts() if change.kind in _STAMPED else ""
        match change.kind:
            case ChangeKind.UNINSTALLED:
                yield "app_uninstalled", {"type": "app_uninstalled", "event_ts": stamp}
            case ChangeKind.PERSON if change.user:
                user = user_json(
                    ws, ws.people[change.user], with_email="users:read.email" in self._slack.manifest.scopes
                )
                yield "user_change", {"type": "user_change", "user": user, "event_ts": stamp}
            case _ if channel is None or bot not in channel.members:
                return
            case ChangeKind.MESSAGE | ChangeKind.MESSAGE_CHANGED | ChangeKind.MESSAGE_DELETED if change.message:
                yield from self._message_events(change, channel, change.message)
            case ChangeKind.JOINED | ChangeKind.LEFT:
                name = "member_joined_channel" if change.kind is ChangeKind.JOINED else "member_left_channel"
                kind = "G" if channel.seed.is_private else "C"
                yield (
                    name,
                    {
                        "type": name,
                        "user": change.user,
                        "channel": channel.id,
                        "channel_type": kind,
                        "team": ws.seed.team_id,
                        "event_ts": stamp,
                    },
                )
            case ChangeKind.ARCHIVED:
                yield (
                    "channel_archive",
                    {"type": "channel_archive", "channel": channel.id, "user": change.user, "event_ts": stamp},
                )

    def _message_events(self, change: Change, channel: Channel, message: Message) -> Iterator[tuple[str, Json]]:
        ws = self._slack.workspace
        where: Json = {"channel": channel.id, "channel_type": channel.kind}
        if change.kind is ChangeKind.MESSAGE:
            event = message_json(ws, message) | where | {"event_ts": message.ts}
            if message.is_bot and message.files:
                event["subtype"] = "file_share"
            yield _MESSAGES[channel.kind], event
            if f"<@{ws.app.bot_user}>" in message.text and not message.is_bot and not channel.im_user:
                yield "app_mention", _mention(event)
            return
        stamp = ws.new_ts()
        event = {
            "type": "message",
            **where,
            "hidden": True,
            "event_ts": stamp,
            "ts": stamp,
            "previous_message": change.before,
        }
        if change.kind is ChangeKind.MESSAGE_CHANGED:
            event |= {"subtype": "message_changed", "message": message_json(ws, message)}
        else:
            event |= {"subtype": "message_deleted", "deleted_ts": message.ts}
        yield _MESSAGES[channel.kind], event


_STAMPED = {ChangeKind.UNINSTALLED, ChangeKind.PERSON, ChangeKind.JOINED, ChangeKind.LEFT, ChangeKind.ARCHIVED}


def _mention(event: Json) -> dict[str, Any]:
    kept = (
        "user",
        "text",
        "ts",
        "client_msg_id",
        "team",
        "thread_ts",
        "parent_user_id",
        "channel",
        "event_ts",
        "blocks",
    )
    return {"type": "app_mention", **{name: event[name] for name in kept if name in event}}
