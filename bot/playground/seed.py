"""What a workspace holds when it starts: people, channels, the app. Values only, so that a test can choose others."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.playground import constants

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PersonSeed:
    """A member of the workspace; `team_id` set to another team makes a person from another company (Slack Connect)."""

    id: str
    name: str
    real_name: str
    title: str = ""
    email: str = ""
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_admin: bool = False
    deleted: bool = False
    tz: str = "Etc/UTC"
    tz_offset: int = 0
    team_id: str = ""


@dataclass(frozen=True, slots=True)
class GroupSeed:
    id: str
    handle: str
    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelSeed:
    """A channel; the bot user is listed among `members` where it has been invited."""

    id: str
    name: str
    members: tuple[str, ...]
    is_private: bool = False
    topic: str = ""
    is_ext_shared: bool = False


@dataclass(frozen=True, slots=True)
class AppSeed:
    """The app. Its secrets are drawn anew unless given: no web site open in the same browser can know them."""

    id: str = "A0PILOT01"
    name: str = "Pilothouse"
    bot_user: str = "U0BOT00001"
    bot_id: str = "B0BOT00001"
    bot_name: str = "pilothouse"
    bot_token: str = field(default_factory=lambda: _secret("xoxb-"))
    app_token: str = field(default_factory=lambda: _secret("xapp-1-"))
    signing_secret: str = field(default_factory=lambda: _secret(""))
    verification_token: str = field(default_factory=lambda: _secret(""))


def _secret(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Seed:
    team_id: str = "T0PAAS001"
    team_name: str = "Acme"
    team_domain: str = "acme"
    app: AppSeed = field(default_factory=AppSeed)
    people: tuple[PersonSeed, ...] = ()
    groups: tuple[GroupSeed, ...] = ()
    channels: tuple[ChannelSeed, ...] = ()


@dataclass(frozen=True, slots=True)
class Conduct:
    """How strict and how fast this Slack is: all of Slack's figures, each of which a test may tune."""

    ack_seconds: float = constants.ACK_SECONDS
    trigger_seconds: float = constants.TRIGGER_SECONDS
    response_url_seconds: float = constants.RESPONSE_URL_SECONDS
    response_url_uses: int = constants.RESPONSE_URL_USES
    event_retry_seconds: tuple[float, ...] = constants.EVENT_RETRY_SECONDS
    rate_limits: bool = True
    messages_a_minute: int = constants.WORKSPACE_MESSAGES_A_MINUTE
    channel_burst: int = constants.CHANNEL_BURST
    method_limits: Mapping[str, int] | None = None  # requests a minute, over the published ones
    file_ready_seconds: float = 0.0  # how long an uploaded file stays unusable in an image block
    edit_window_seconds: float | None = None  # None: no limit on editing
    history_days: int | None = None  # 90 on Slack's free plan
    curly_quotes: bool = True  # what people's keyboards make of straight quotes
    log_entries: int = 2_000


def default_seed() -> Seed:
    """The workspace of the playground: four people, a group, and the five channels that the bot serves."""
    app = AppSeed()
    ana, bo, lee, gus, bot = "U0ANA0001", "U0BOB0002", "U0LEE0003", "U0GUS0004", app.bot_user
    return Seed(
        app=app,
        people=(
            PersonSeed(ana, "ana", "Ana", "developer", "ana@acme.example", tz="Europe/Berlin", tz_offset=3600),
            PersonSeed(bo, "bo", "Bo", "SRE", "bo@acme.example", is_admin=True),
            PersonSeed(lee, "lee", "Lee", "lead of team-web", "lee@acme.example", tz="Asia/Shanghai", tz_offset=28800),
            PersonSeed(gus, "gus", "Gus", "guest", "gus@partner.example", is_restricted=True),
        ),
        groups=(GroupSeed("S0SRE0001", "sre", "SRE", (bo,)),),
        channels=(
            ChannelSeed("C0WEB0001", "team-web", (ana, bo, lee, gus, bot), topic="The web shop"),
            ChannelSeed("C0PROD001", "prod", (ana, bo, lee, bot), topic="Changes to production"),
            ChannelSeed("C0STAGE01", "staging", (ana, bo, lee, bot)),
            ChannelSeed("C0ALERT01", "alerts", (ana, bo, lee, bot)),
            ChannelSeed("C0AUDIT01", "paas-audit", (bo, lee, bot), topic="Who did what"),
        ),
    )


def default_manifest() -> Json:
    """A manifest with every scope and event that a bot of this kind uses, and one command; the real one is the bot's own."""
    return {
        "display_information": {"name": "Pilothouse"},
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
            "bot_user": {"display_name": "pilothouse", "always_online": True},
            "slash_commands": [
                {"command": "/paas", "description": "Everything", "usage_hint": "VERB APP to ENV", "should_escape": True}
            ],
            "shortcuts": [],
        },
        "oauth_config": {
            "scopes": {
                "bot": [
                    "app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "commands",
                    "files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write",
                    "team:read", "usergroups:read", "users:read", "users:read.email",
                ]
            }
        },
        "settings": {
            "event_subscriptions": {
                "bot_events": [
                    "app_home_opened", "app_mention", "app_uninstalled", "channel_archive", "member_joined_channel",
                    "member_left_channel", "message.channels", "message.groups", "message.im",
                ]
            },
            "interactivity": {"is_enabled": True},
            "socket_mode_enabled": True,
        },
    }  # fmt: skip
