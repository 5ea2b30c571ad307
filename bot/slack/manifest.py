"""The Slack app's manifest, derived from the catalogue: least scopes, every command with its usage. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.codec import Json
from bot.slack.controls import ACTION
from bot.slack.mrkdwn import clipped

EVERYTHING = "paas"
SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:write",
    "usergroups:read",
    "users:read",
)
"""History: to find a card again whose reply was lost, and to see that the audit channel was not touched."""
EVENTS = (
    "app_home_opened",
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
    "user_change",
)
_USAGE, _DESCRIPTION, _NAME = 1_000, 2_000, 24


@dataclass(frozen=True, slots=True)
class SlashCommand:
    name: str
    """Without slash and prefix."""
    summary: str
    usage: str
    """Without the command's name."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    label: str
    line: str
    """The command line that it runs, `logs`."""
    on_message: bool


@dataclass(frozen=True, slots=True)
class Urls:
    """Where Slack reaches us; None: Socket Mode."""

    events: str | None = None


def manifest(
    commands: Iterable[SlashCommand], shortcuts: Iterable[Shortcut] = (), *, prefix: str = "", urls: Urls | None = None
) -> dict[str, Json]:
    url = urls.events if urls is not None else None
    everything = SlashCommand(EVERYTHING, "Everything that Pilothouse does", "VERB APP[@VERSION] [to ENV]")
    slash: list[Json] = [_slash(command, prefix, url) for command in (everything, *commands)]
    subscriptions: dict[str, Json] = {"bot_events": [*EVENTS]}
    interactivity: dict[str, Json] = {"is_enabled": True}
    if url is not None:
        subscriptions["request_url"] = url
        interactivity |= {"request_url": url, "message_menu_options_url": url}
    return {
        "display_information": {
            "name": "Pilothouse",
            "description": "Deploy, watch and operate your apps, with approvals and a record of everything.",
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "pilothouse", "always_online": True},
            "shortcuts": [_shortcut(shortcut) for shortcut in shortcuts],
            "slash_commands": slash,
        },
        "oauth_config": {"scopes": {"bot": [*SCOPES]}},
        "settings": {
            "event_subscriptions": subscriptions,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def _slash(command: SlashCommand, prefix: str, url: str | None) -> dict[str, Json]:
    made: dict[str, Json] = {
        "command": f"/{prefix}{command.name}",
        "description": clipped(command.summary[:1].upper() + command.summary[1:], _DESCRIPTION),
        "usage_hint": clipped(command.usage, _USAGE),
        "should_escape": True,
    }
    return made | {"url": url} if url is not None else made


def _shortcut(shortcut: Shortcut) -> dict[str, Json]:
    return {
        "name": clipped(shortcut.label, _NAME),
        "type": "message" if shortcut.on_message else "global",
        "callback_id": ACTION + shortcut.line.replace(" ", "_"),
        "description": clipped(f"Runs {shortcut.line}", 150),
    }
