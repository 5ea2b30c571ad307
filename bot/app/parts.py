"""The outside, chosen by the settings: real adapters, or one simulated world. The only module that names integrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.app.either_logs import EitherLogs
from bot.app.worlds import Parts
from bot.domain.clock import Clock
from bot.domain.errors import Unavailable
from bot.domain.refs import EnvName
from bot.domain.reply import text
from bot.ports.builds import NoBuilds
from bot.ports.clusters import Cluster
from bot.ports.observing import Alert, Image, MetricQuery, Samples
from bot.ports.store import Store
from bot.road.directory import Site
from bot.settings import Settings
from integrations.alertmanager.alerts import Alertmanager, AlertmanagerPlace
from integrations.alertmanager.webhook import AlertmanagerWebhook
from integrations.database import retention
from integrations.database.store import DatabaseStore, open_store
from integrations.elasticsearch.logs import ElasticsearchLogs, ElasticsearchPlace
from integrations.elasticsearch.query import Fields
from integrations.fallback_logs.logs import PodLogs
from integrations.jenkins.builds import JenkinsBuilds, JenkinsPlace
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Deadlines, InCluster, Kubeconfig
from integrations.log_patterns.drain import mine
from integrations.prometheus.metrics import PrometheusMetrics, PrometheusPlace
from integrations.registry.images import RegistryImages, RegistryPlace
from integrations.simulated.alerts import SimulatedAlerts
from integrations.simulated.builds import SimulatedBuilds
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.images import SimulatedImages
from integrations.simulated.logs import SimulatedLogs
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.seed import NAMESPACES, demo_world
from integrations.simulated.world import SimulatedWorld


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
    limits = settings.timeouts
    clusters = {
        name: KubernetesCluster(
            name,
            Kubeconfig(str(place.kubeconfig), place.context) if place.kubeconfig else InCluster(),
            expected_uid=place.uid,
            clock=clock,
            deadlines=Deadlines(connect=limits.connect, read=limits.read),
        )
        for name, place in settings.clusters.items()
    }
    registries = tuple(
        RegistryPlace(each.prefix, each.url, each.username, each.password, each.insecure)
        for each in settings.registries
    )
    images = RegistryImages(registries, clock, connect=limits.connect, read=limits.read)
    logs, metrics, alertmanager = (
        _logs(settings, clusters, clock),
        _metrics(settings),
        _alertmanager(settings, clock),
    )
    builds = _builds(settings)
    kept = (*clusters.values(), images, logs, metrics, alertmanager)
    return Parts(
        clusters=clusters,
        images=images,
        logs=logs,
        metrics=metrics,
        alerts=alertmanager,
        alert_writer=alertmanager,
        builds=builds,
        build_writer=builds,
        closers=tuple(each.close for each in kept if not isinstance(each, NotConfigured | PodLogs)),
    )


def _logs(settings: Settings, clusters: Mapping[str, Cluster], clock: Clock) -> EitherLogs | PodLogs:
    place = settings.elasticsearch
    pods = PodLogs({name: cluster.reads() for name, cluster in clusters.items()}, mine, clock)
    if place.url is None:
        return pods
    fields = Fields(
        namespace=place.namespace_field,
        pod=place.pod_field,
        container=place.container_field,
        level=place.level_field,
        message=place.message_field,
        time=place.time_field,
        cluster=place.cluster_field or "",
    )
    found = ElasticsearchPlace(url=place.url, index=place.index, api_key=place.api_key, fields=fields)
    index = ElasticsearchLogs(found, mine, deadline=settings.timeouts.search)
    return EitherLogs(index, pods, index.close)


def _metrics(settings: Settings) -> PrometheusMetrics | NotConfigured:
    place = settings.prometheus
    if place.url is None:
        return NotConfigured("prometheus")
    found = PrometheusPlace(
        url=place.url,
        token=place.token,
        namespace_label=place.namespace_label,
        pod_label=place.pod_label,
        cluster_label=place.cluster_label,
        window=place.window,
        templates=place.templates,
    )
    return PrometheusMetrics(found, connect=settings.timeouts.connect, deadline=settings.timeouts.search)


def _alertmanager(settings: Settings, clock: Clock) -> Alertmanager | NotConfigured:
    place = settings.alertmanager
    if place.url is None:
        return NotConfigured("alertmanager")
    found = AlertmanagerPlace(url=place.url, token=place.token)
    return Alertmanager(found, clock, connect=settings.timeouts.connect, read=settings.timeouts.read)


def _builds(settings: Settings) -> JenkinsBuilds | NoBuilds:
    place = settings.jenkins
    if place.url is None:
        return NoBuilds()
    found = JenkinsPlace(place.url, place.user, place.token, template=place.job, jobs=place.jobs)
    return JenkinsBuilds(found, connect=settings.timeouts.connect, read=settings.timeouts.read)


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


@dataclass(frozen=True, slots=True)
class Simulation:
    """The demo world and its parts."""

    world: SimulatedWorld
    parts: Parts
    alarms: SimulatedAlerts


def simulated(clock: Clock, *, seed: int = 1, pace: float = 1.0) -> Simulation:
    world = demo_world(clock, seed=seed, pace=pace)
    alarms = SimulatedAlerts(world)
    builds = SimulatedBuilds(world)
    parts = Parts(
        clusters={name: SimulatedCluster(world, name) for name in world.clusters()},
        images=SimulatedImages(world),
        logs=SimulatedLogs(world),
        metrics=SimulatedMetrics(world),
        alerts=alarms,
        alert_writer=alarms,
        builds=builds,
        build_writer=builds,
    )
    return Simulation(world, parts, alarms)


def simulated_sites(channels: Mapping[str, str]) -> Mapping[EnvName, tuple[Site, ...]]:
    """`channels`: where a tenant's alerts go."""
    return {
        EnvName(env): tuple(
            Site("eu-1", tenant, namespace, channels.get(tenant, "")) for tenant, namespace in tenants.items()
        )
        for env, tenants in NAMESPACES.items()
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
