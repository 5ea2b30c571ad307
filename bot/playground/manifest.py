"""The app's manifest, as far as Slack acts on it: commands, scopes, events, shortcuts, and how the app is reached.

`validate_manifest` checks one as Slack does when an app is made from it; reading takes what is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.playground.schema import Anything, Choice, Flag, Items, Obj, Out, Pattern, Problem, Spec, Text


@dataclass(frozen=True, slots=True)
class SlashCommand:
    command: str
    description: str
    usage_hint: str
    should_escape: bool


@dataclass(frozen=True, slots=True)
class Shortcut:
    name: str
    kind: str  # global or message
    callback_id: str
    description: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Read from Slack's manifest JSON; parts that are absent are empty."""

    commands: Mapping[str, SlashCommand]
    shortcuts: tuple[Shortcut, ...]
    scopes: tuple[str, ...]
    events: frozenset[str]
    is_socket_mode: bool
    has_home: bool
    takes_messages: bool  # people may write in the direct message with the bot
    is_interactive: bool

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> "Manifest":
        features = manifest.get("features") or {}
        settings = manifest.get("settings") or {}
        app_home = features.get("app_home") or {}
        commands = [
            SlashCommand(
                command=str(c["command"]),
                description=str(c.get("description", "")),
                usage_hint=str(c.get("usage_hint", "")),
                should_escape=bool(c.get("should_escape", False)),
            )
            for c in features.get("slash_commands") or ()
        ]
        return cls(
            commands={c.command: c for c in commands},
            shortcuts=tuple(
                Shortcut(str(s["name"]), str(s["type"]), str(s["callback_id"]), str(s.get("description", "")))
                for s in features.get("shortcuts") or ()
            ),
            scopes=tuple(((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or ()),
            events=frozenset((settings.get("event_subscriptions") or {}).get("bot_events") or ()),
            is_socket_mode=bool(settings.get("socket_mode_enabled", False)),
            has_home=bool(app_home.get("home_tab_enabled", False)),
            takes_messages=bool(app_home.get("messages_tab_enabled", True))
            and not app_home.get("messages_tab_read_only_enabled", False),
            is_interactive=bool((settings.get("interactivity") or {}).get("is_enabled", False)),
        )


# Limits: docs.slack.dev/reference/app-manifest, November 2026. Parts that no bot of ours uses are taken as they are.
_NAME: Final = Pattern(
    lambda v: v.startswith("/") and 2 <= len(v) <= 32 and v == v.lower() and " " not in v, "a command such as /deploy"
)
_HTTPS: Final = Pattern(lambda v: v.startswith("https://"), "an https URL")
_COMMAND: Final = Obj(
    {"command": _NAME, "description": Text(2_000)},
    {"url": _HTTPS, "usage_hint": Text(1_000), "should_escape": Flag()},
)
_SHORTCUT: Final = Obj(
    {"name": Text(24), "type": Choice(("message", "global")), "callback_id": Text(255), "description": Text(150)}
)
_APP_HOME: Final = Obj(
    {}, {name: Flag() for name in ("home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled")}
)
_FEATURES: Final[Mapping[str, Spec]] = {
    "app_home": _APP_HOME,
    "bot_user": Obj({"display_name": Text(80)}, {"always_online": Flag()}),
    "shortcuts": Items(_SHORTCUT, 10, 0),
    "slash_commands": Items(_COMMAND, 50, 0),
    "unfurl_domains": Items(Text(255), 5, 0),
}
_SETTINGS: Final[Mapping[str, Spec]] = {
    "allowed_ip_address_ranges": Items(Text(64), 10, 0),
    "event_subscriptions": Obj(
        {}, {"request_url": _HTTPS, "bot_events": Items(Text(255), 100, 0), "user_events": Items(Text(255), 100, 0)}
    ),
    "interactivity": Obj({"is_enabled": Flag()}, {"request_url": _HTTPS, "message_menu_options_url": _HTTPS}),
    **{name: Flag() for name in ("org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled", "is_hosted")},
}
MANIFEST: Final = Obj(
    {
        "display_information": Obj(
            {"name": Text(35)},
            {"description": Text(140), "background_color": Text(7), "long_description": Text(4_000, 174)},
        )
    },
    {
        "_metadata": Anything(),
        "features": Obj({}, _FEATURES),
        "oauth_config": Obj(
            {},
            {
                "redirect_urls": Items(_HTTPS, 1_000, 0),
                "scopes": Obj({}, {"bot": Items(Text(255), 255), "user": Items(Text(255), 255)}),
            },
        ),
        "settings": Obj({}, _SETTINGS),
    },
)
EVENT_SCOPES: Final[Mapping[str, str]] = {
    "app_mention": "app_mentions:read",
    "channel_archive": "channels:read",
    "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "user_change": "users:read",
}


def validate_manifest(manifest: Mapping[str, Any]) -> list[Problem]:
    """What Slack would refuse in a manifest: shapes and lengths, doubled commands, missing scopes and addresses."""
    out = Out()
    MANIFEST.check(manifest, "", out)
    if out.problems:
        return out.problems
    read = Manifest.read(manifest)
    given = (manifest.get("features") or {}).get("slash_commands") or []
    for index, command in enumerate(given):
        if [c["command"] for c in given].index(command["command"]) != index:
            out.add(
                f"/features/slash_commands/{index}/command", "duplicate", f"duplicate command: {command['command']}"
            )
        if not read.is_socket_mode and not command.get("url"):
            out.add(f"/features/slash_commands/{index}", "missing", "missing required field: url")
    if (read.commands or read.shortcuts) and "commands" not in read.scopes:
        out.add("/oauth_config/scopes/bot", "missing_scope", "commands and shortcuts need the scope commands")
    for event in sorted(read.events):
        scope = EVENT_SCOPES.get(event)
        if scope and scope not in read.scopes:
            out.add("/oauth_config/scopes/bot", "missing_scope", f"the event {event} needs the scope {scope}")
    if read.shortcuts and not read.is_interactive:
        out.add("/settings/interactivity", "missing", "shortcuts need interactivity")
    return out.problems
