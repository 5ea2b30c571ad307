"""One Slack: the workspace with its limits, faults, log, triggers and the ways to the app, gathered for those who act on it."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.playground.call_log import CallLog
from bot.playground.faults import Faults
from bot.playground.limits import RateLimits
from bot.playground.manifest import Manifest
from bot.playground.seed import Conduct, Seed
from bot.playground.triggers import Triggers
from bot.playground.workspace import Workspace


class Slack:
    """`schedule(seconds, action)` runs an action later on the server's loop; `base_url` is known once the server listens."""

    def __init__(
        self,
        *,
        seed: Seed,
        manifest: Mapping[str, Any],
        conduct: Conduct,
        now: Callable[[], float],
        schedule: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.now = now
        self.conduct = conduct
        self.schedule = schedule
        self.workspace = Workspace(seed, now)
        self.manifest = Manifest.read(manifest)
        self.faults = Faults()
        self.rates = RateLimits(conduct, now)
        self.log = CallLog(conduct.log_entries, now)
        self.triggers = Triggers(conduct.trigger_seconds, now)
        self.base_url = ""
        self.request_url: str | None = None
        self.tickets: dict[str, float] = {}

    @property
    def is_socket_mode(self) -> bool:
        """Socket Mode and request URLs exclude each other, as in Slack."""
        return self.request_url is None and self.manifest.is_socket_mode
