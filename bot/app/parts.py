"""The outside, as the settings choose it. With real_parts.py and simulated_parts.py the only module that names
integrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.app.worlds import Parts
from bot.domain.clock import Clock
from bot.domain.errors import Unavailable
from bot.domain.refs import EnvName
from bot.domain.reply import text
from bot.ports.clusters import Cluster
from bot.ports.observing import Alert, Image, MetricQuery, Samples, Threshold
from bot.ports.store import Store
from bot.road.directory import Site
from bot.settings import Settings
from integrations.alertmanager.webhook import AlertmanagerWebhook
from integrations.database import retention
from integrations.database.store import DatabaseStore, open_store


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """Stands where the settings name no such system: says so instead of failing."""

    system: str

    def _missing(self) -> Unavailable:
        return Unavailable(
            self.system, text("No {system} is configured.", system=self.system), why=text("The settings name none.")
        )

    def range(self, query: MetricQuery) -> Samples:
        raise self._missing()

    def check(self, words: str) -> None:
        raise self._missing()

    def threshold(self, rule: str) -> Threshold | None:
        return None

    def list(self, namespaces: tuple[str, ...]) -> tuple[Alert, ...]:
        raise self._missing()

    def silenced(self, comment: str) -> bool:
        raise self._missing()

    def silence(self, matchers: Mapping[str, str], *, time: timedelta, by: str, comment: str) -> str:
        raise self._missing()

    def resolve(self, repository: str, ref: str) -> Image:
        raise self._missing()

    def tags(self, repository: str) -> tuple[str, ...]:
        raise self._missing()

    def ping(self) -> str:
        return "not configured"


def real(settings: Settings, clock: Clock) -> Parts:
    from bot.app.real_parts import real_parts

    return real_parts(settings, clock)


def keeping_clusters(settings: Settings, clock: Clock) -> Mapping[str, Cluster]:
    """Those that keep checkpoints, where the settings want that: without the rest of the outside."""
    if settings.audit.checkpoint_configmap is None:
        return {}
    from bot.app.real_parts import real_clusters

    return real_clusters(settings, clock)


def alert_webhook(settings: Settings) -> AlertmanagerWebhook | None:
    """None without a secret: then no alert is taken."""
    secret = settings.alertmanager.webhook_secret
    return AlertmanagerWebhook((secret,)) if secret.reveal() else None


def sites(settings: Settings) -> Mapping[EnvName, tuple[Site, ...]]:
    return {
        EnvName(env): tuple(
            Site(place.cluster, tenant, namespace) for place in places for tenant, namespace in place.namespaces.items()
        )
        for env, places in settings.envs.items()
    }


def database(settings: Settings, clock: Clock) -> Store:
    url = settings.database.url.reveal() or f"sqlite:///{settings.data.folder.resolve()}/pilothouse.db"
    settings.data.folder.mkdir(parents=True, exist_ok=True)
    return open_store(url, clock=clock)


def prune(store: Store) -> None:
    """What nobody needs any more, by the retention of each table."""
    if isinstance(store, DatabaseStore):
        retention.prune(store)


def named_checks(parts: Parts, store: Store) -> tuple[tuple[str, Callable[[], str]], ...]:
    """What doctor asks, by name; each raises IntegrationError."""
    return (
        ("database", store.ping),
        *((f"cluster {name}", cluster.ping) for name, cluster in parts.clusters.items()),
        ("registry", parts.images.ping),
        ("logs", parts.logs.ping),
        ("metrics", parts.metrics.ping),
        ("alerts", parts.alerts.ping),
        ("builds", parts.builds.ping),
    )
