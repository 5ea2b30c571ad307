"""The demo world: one cluster, two tenants with staging and prod, four apps with versions that fail in known ways.

What the playground shows and scenario tests start from; its names are those of the conversations' cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.clock import Clock
from bot.domain.templates import Template
from integrations.simulated import behaviours
from integrations.simulated.behaviours import GOOD, Behaviour
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.registry import Registry
from integrations.simulated.world import REGISTRY, SimulatedWorld

CLUSTER = "eu-1"
APP_LABEL = "app.kubernetes.io/name"
HISTORY = timedelta(hours=2)

NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "staging": {"team-web": "web-staging", "team-pay": "pay-staging"},
    "prod": {"team-web": "web-prod", "team-pay": "pay-prod"},
}
"""Env to tenant to namespace, as in the settings."""

VERSIONS: Mapping[str, Mapping[str, Behaviour]] = {
    "web": {
        "1.8.0": GOOD,
        "1.8.1": GOOD,
        "1.8.2": GOOD,
        "1.9.0": behaviours.ERRORS,
        "1.9.1": behaviours.CRASHES,
        "1.9.2": behaviours.NEVER_READY,
        "1.9.3": behaviours.OUT_OF_MEMORY,
        "1.9.4": behaviours.SLOW,
        "1.9.5": behaviours.CRASHES_LATER,
        "1.9.6": behaviours.LIVENESS,
        "1.9.7": behaviours.CANNOT_START,
        "1.9.8": behaviours.INIT_FAILS,
        "1.10.0": GOOD,
    },
    "checkout": {"2.3.0": GOOD, "2.3.1": GOOD, "2.4.0": behaviours.ERRORS, "2.4.1": GOOD},
    "cart": {"3.1.0": GOOD, "3.1.1": GOOD, "3.2.0": behaviours.SLOW, "3.2.1": GOOD},
    "payments": {"5.0.2": GOOD, "5.0.3": GOOD, "5.1.0": behaviours.CRASHES_LATER, "5.1.1": GOOD},
}
_ALIASES = {"web": ("latest", "1.8.2"), "checkout": ("latest", "2.3.1"), "cart": ("latest", "3.1.1")}


@dataclass(frozen=True, slots=True)
class DemoApp:
    tenant: str
    version: str
    pods: Mapping[str, int]
    """By env."""
    requests: Mapping[str, float]
    """A second, by env."""
    config: Mapping[str, str]
    cpu: str = "250m"
    memory: str = "384Mi"
    bounds: tuple[int, int] | None = None
    """Of its autoscaler on prod."""


APPS: Mapping[str, DemoApp] = {
    "web": DemoApp(
        tenant="team-web",
        version="1.8.1",
        pods={"staging": 2, "prod": 6},
        requests={"staging": 2.0, "prod": 48.0},
        config={"CART_URL": "http://cart", "LOG_LEVEL": "info", "SESSION_MINUTES": "30"},
    ),
    "checkout": DemoApp(
        tenant="team-web",
        version="2.3.0",
        pods={"staging": 1, "prod": 6},
        requests={"staging": 1.0, "prod": 54.0},
        config={"PAYMENTS_URL": "http://payments.pay-prod", "RETRIES": "3"},
        cpu="100m",
        bounds=(2, 6),
    ),
    "cart": DemoApp(
        tenant="team-web",
        version="3.1.0",
        pods={"staging": 1, "prod": 3},
        requests={"staging": 1.0, "prod": 21.0},
        config={"CURRENCY": "EUR"},
    ),
    "payments": DemoApp(
        tenant="team-pay",
        version="5.0.2",
        pods={"staging": 1, "prod": 4},
        requests={"staging": 0.5, "prod": 9.0},
        config={"PROVIDER": "acme-pay", "TIMEOUT_MS": "3000"},
    ),
}


ROUTED = ("checkout", "cart")
"""Apps with an HTTPRoute before them on prod, so that both kinds of canary can be seen."""


def demo_world(clock: Clock, *, seed: int = 1, pace: float = 1.0, history: timedelta = HISTORY) -> SimulatedWorld:
    world = SimulatedWorld(clock, seed=seed, pace=pace, history=history)
    for repository, versions in VERSIONS.items():
        push_versions(world.registry, repository, versions)
    state = world.add_cluster(CLUSTER)
    for env, namespaces in NAMESPACES.items():
        for tenant, namespace in namespaces.items():
            is_prod = env == "prod"
            limits = {"pods": 40.0, "requests.cpu": 12.0} if is_prod else {"pods": 16.0, "requests.cpu": 4.0}
            state.add_quota(namespace, f"{tenant}-quota", limits)
    for name, app in APPS.items():
        for env in NAMESPACES:
            add_app(state, NAMESPACES[env][app.tenant], name, app, env=env)
    for name in ROUTED:
        state.add_route(NAMESPACES["prod"][APPS[name].tenant], name, name)
    return world


def push_versions(registry: Registry, app: str, versions: Mapping[str, Behaviour]) -> None:
    repository = f"{REGISTRY}/{app}"
    for tag, behaviour in versions.items():
        registry.push(repository, tag, behaviour)
    if app in _ALIASES:
        registry.retag(repository, *_ALIASES[app])


def add_app(state: ClusterState, namespace: str, name: str, app: DemoApp, *, env: str) -> None:
    config = f"{name}-config"
    state.add_config(namespace, config, {**app.config, "ENVIRONMENT": env})
    template = template_of(name, app.version, config=config, cpu=app.cpu, memory=app.memory)
    state.add_deployment(
        namespace,
        name,
        template,
        replicas=app.pods[env],
        selector={APP_LABEL: name},
        labels={APP_LABEL: name, "app.kubernetes.io/part-of": app.tenant},
        max_surge="1",
        max_unavailable="1",
        managers=("kubectl-client-side-apply",),
    )
    state.add_service(namespace, name, {APP_LABEL: name})
    state.traffic.put(namespace, name, app.requests[env])
    if env == "prod" and app.bounds is None:
        state.add_budget(namespace, name, {APP_LABEL: name}, min_available=app.pods[env] - 1)
    if env == "prod" and app.bounds is not None:
        state.add_autoscaler(namespace, name, target=name, minimum=app.bounds[0], maximum=app.bounds[1], cpu=70)


def template_of(
    name: str,
    tag: str,
    *,
    config: str = "",
    cpu: str = "250m",
    memory: str = "384Mi",
    labels: Mapping[str, str] | None = None,
) -> Template:
    """A pod template as a team writes one: probes, a drain, limits."""
    container: dict[str, object] = {
        "name": name,
        "image": f"{REGISTRY}/{name}:{tag}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "resources": {"requests": {"cpu": cpu, "memory": "128Mi"}, "limits": {"memory": memory}},
    }
    if config:
        container["envFrom"] = [{"configMapRef": {"name": config}}]
    return Template.of(
        {"metadata": {"labels": {APP_LABEL: name, **(labels or {})}}, "spec": {"containers": [container]}}
    )
