"""The contract of Images, Logs, Metrics and Alerts on the real registry, Elasticsearch, Prometheus and Alertmanager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.refs import Secret
from bot.ports.observing import Logs, Scope
from integrations.alertmanager.alerts import Alertmanager, AlertmanagerPlace
from integrations.alertmanager.webhook import AlertmanagerWebhook
from integrations.elasticsearch.logs import ElasticsearchLogs, ElasticsearchPlace
from integrations.fallback_logs.logs import PodLogs
from integrations.kubernetes.connection import Kubeconfig
from integrations.log_patterns.drain import mine
from integrations.prometheus.metrics import PrometheusMetrics, PrometheusPlace
from integrations.registry.images import RegistryImages, RegistryPlace
from tests.cluster.kubernetes_stage import CONTEXT, SystemClock, cluster, uid_of
from tests.contracts.observing_suite import ObservingContract
from tests.integrations.loopback import Received, Sent, serving
from tests.rig.load import Load
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp
from tests.rig.waiting import until

CLUSTER = "test"
SECONDS = timedelta(seconds=1)
LAG = timedelta(seconds=5)
"""Within it every line has come to Elasticsearch, and every sample to Prometheus."""


@dataclass(frozen=True, slots=True)
class RealStage:
    images: RegistryImages
    logs: Logs
    metrics: PrometheusMetrics
    alerts: Alertmanager
    web: Scope
    other: Scope
    repository: str = "registry.test/web"
    tag: str = "1.0"

    @property
    def silences(self) -> Alertmanager:
        return self.alerts

    def now(self) -> datetime:
        return datetime.now(UTC) - LAG

    def until(self, what: str, is_so: Callable[[], bool]) -> None:
        until(what, is_so, seconds=60, every=0.5)


@pytest.fixture(scope="module")
def apps(rig: Rig) -> Iterator[tuple[str, str]]:
    """The namespaces of two tenants, each with an app called web that is under load and fails half of the time."""
    image = rig.push_image("web", "1.0")
    app = SampleApp("web", image, env={"ERROR_RATE": "0.5"}, labels={"app": "web"})
    with ExitStack() as stack:
        names = []
        for prefix in ("web", "pay"):
            namespace = stack.enter_context(rig.namespace(prefix))
            namespace.allow_bot()
            stack.enter_context(Load(namespace.deploy(app), rate=5, threads=2))
            names.append(namespace.name)
        for name in names:
            rig.elasticsearch.wait_for_lines(namespace=name, text="request", level="error", at_least=20, seconds=60)
            rig.prometheus.wait_for_series(f'rate(http_requests_total{{namespace="{name}",code="500"}}[15s]) > 0')
        yield names[0], names[1]


@pytest.fixture(scope="module")
def real(rig: Rig, apps: tuple[str, str]) -> Iterator[RealStage]:
    clock = SystemClock()
    place = RegistryPlace("registry.test", rig.registry.url, is_insecure=True)
    images = RegistryImages((place,), clock, connect=3 * SECONDS, read=10 * SECONDS)
    logs = ElasticsearchLogs(
        ElasticsearchPlace(rig.addresses.elasticsearch, rig.addresses.log_index), mine, deadline=10 * SECONDS
    )
    metrics = PrometheusMetrics(
        PrometheusPlace(rig.addresses.prometheus, window=15 * SECONDS), connect=3 * SECONDS, deadline=10 * SECONDS
    )
    alerts = Alertmanager(AlertmanagerPlace(rig.alertmanager.url), clock, connect=3 * SECONDS, read=10 * SECONDS)
    web, pay = (Scope(CLUSTER, name, "web") for name in apps)
    yield RealStage(images, logs, metrics, alerts, web, pay)
    for each in (images, logs, metrics, alerts):
        each.close()


class TestRealServers(ObservingContract):
    @pytest.fixture
    def stage(self, real: RealStage) -> RealStage:
        return real


class TestRealPodLogs(ObservingContract):
    @pytest.fixture
    def stage(self, rig: Rig, real: RealStage) -> RealStage:
        access = Kubeconfig(rig.addresses.bot_kubeconfig, CONTEXT)
        reads = cluster(access, uid_of(rig.kubectl), name=CLUSTER).reads()
        return replace(real, logs=PodLogs({CLUSTER: reads}, mine, SystemClock()))


def test_alertmanagers_own_delivery_is_verified_and_read(rig: Rig, apps: tuple[str, str]) -> None:
    secret = "0123456789abcdef0123"
    hook = AlertmanagerWebhook((Secret(secret),))

    def answer(request: Received) -> Sent:
        return Sent(200 if hook.verify(request.headers, request.body) else 401)

    with serving(answer) as server:
        rig.alertmanager.send_to(server.url + "/hooks/alertmanager", namespace=apps[1], token=secret)
        until("a delivery", lambda: server.received, seconds=60)
        delivery = server.received[0]
        rig.alertmanager.stop_sending(namespace=apps[1])
    assert hook.verify(delivery.headers, delivery.body)
    group = hook.decode(delivery.body)
    assert (group.is_firing, group.labels["alertname"], group.labels["namespace"]) == (True, "HighErrorRate", apps[1])
    assert [(alert.name, alert.is_firing, alert.ends) for alert in group.alerts] == [("HighErrorRate", True, None)]
