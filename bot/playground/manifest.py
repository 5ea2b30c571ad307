"""The app's manifest, as far as Slack acts on it: commands, scopes, events, shortcuts, and how the app is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> "Manifest":
        features = manifest.get("features") or {}
        settings = manifest.get("settings") or {}
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
        )
