"""The real systems, as the settings name them. Apart from parts.py because their clients take long to import: who works
on the simulated world never loads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.app.either_logs import EitherLogs
from bot.app.parts import NotConfigured
from bot.app.worlds import Parts
from bot.domain.clock import Clock
from bot.ports.builds import NoBuilds
from bot.ports.clusters import Cluster
from bot.settings import Settings
from integrations.alertmanager.alerts import Alertmanager, AlertmanagerPlace
from integrations.elasticsearch.logs import ElasticsearchLogs, ElasticsearchPlace
from integrations.elasticsearch.query import Fields
from integrations.fallback_logs.logs import PodLogs
from integrations.jenkins.builds import JenkinsBuilds, JenkinsPlace
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Deadlines, InCluster, Kubeconfig
from integrations.log_patterns.drain import mine
from integrations.prometheus.metrics import PrometheusMetrics, PrometheusPlace
from integrations.registry.images import RegistryImages, RegistryPlace


def real_parts(settings: Settings, clock: Clock) -> Parts:
    limits = settings.timeouts
    clusters = real_clusters(settings, clock)
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


def real_clusters(settings: Settings, clock: Clock) -> dict[str, KubernetesCluster]:
    """Nothing is asked of them yet."""
    limits = settings.timeouts
    return {
        name: KubernetesCluster(
            name,
            Kubeconfig(str(place.kubeconfig), place.context) if place.kubeconfig else InCluster(),
            expected_uid=place.uid,
            clock=clock,
            deadlines=Deadlines(connect=limits.connect, read=limits.read),
        )
        for name, place in settings.clusters.items()
    }


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
