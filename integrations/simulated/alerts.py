"""The ports Alerts and AlertWriter over the simulated world, and what its Alertmanager would post to the bot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from bot.domain.errors import BadArguments
from bot.domain.reply import text
from bot.ports.observing import Alert
from integrations.simulated.alarms import Delivery
from integrations.simulated.faults import lost
from integrations.simulated.world import SimulatedWorld

SYSTEM = "alertmanager"


class SimulatedAlerts:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def list(self, namespaces: tuple[str, ...]) -> tuple[Alert, ...]:
        self._world.meet(SYSTEM, "alerts.list")
        with self._world.entered():
            found = self._world.alarms.firing()
        return tuple(alert for alert in found if alert.labels.get("namespace") in namespaces)

    def silenced(self, comment: str) -> bool:
        self._world.meet(SYSTEM, "alerts.silenced")
        with self._world.entered():
            return self._world.alarms.silence_of(comment) is not None

    def ping(self) -> str:
        self._world.meet(SYSTEM, "alerts.ping")
        return "simulated alerts"

    def silence(self, matchers: Mapping[str, str], *, time: timedelta, by: str, comment: str) -> str:
        if not matchers or time <= timedelta(0):
            raise BadArguments(text("A silence needs matchers and a time."))
        fault = self._world.meet(SYSTEM, "alerts.silence", is_write=True)
        with self._world.entered():
            made = self._world.alarms.silence(matchers, seconds=time.total_seconds(), by=by, comment=comment)
        if fault is not None:
            raise lost(SYSTEM, is_write=True)
        return made.id

    def deliveries(self, after: int = 0) -> tuple[Delivery, ...]:
        """Notifications with a number above `after`, oldest first, at most the last 1,000; `alarms.webhook_body` writes
        one as Alertmanager posts it."""
        with self._world.entered():
            return self._world.alarms.deliveries(after)
