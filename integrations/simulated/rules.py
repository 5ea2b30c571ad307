"""Alert rules of the simulated world: when something is wrong with an app, and how to say it. Pure but for what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.domain.templates import Template
from bot.ports.observing import Measure
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.measures import Quality, quality, restarts
from integrations.simulated.objects import Deployment, SimulatedPod

APP_LABELS = ("pilothouse.io/app", "app.kubernetes.io/name")
ERROR_LIMIT = 0.02
LATENCY_LIMIT = 1.0
RESTART_LIMIT = 2
_RESTART_WINDOW = 300.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One app in one namespace: its workload and, while there is one, its canary."""

    state: ClusterState
    namespace: str
    app: str
    deployments: tuple[Deployment, ...]
    pods: tuple[SimulatedPod, ...]
    quality: Quality

    @property
    def labels(self) -> dict[str, str]:
        return {"cluster": self.state.name, "namespace": self.namespace, "app": self.app}

    @property
    def wanted(self) -> int:
        return sum(each.replicas for each in self.deployments)

    @property
    def ready(self) -> int:
        return sum(pod.is_ready for pod in self.pods)


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    severity: str
    holds: float
    """Seconds of the world that it has to be so before it fires."""
    look: Callable[[Watched, float], str | None]
    """What is wrong, or nothing."""
    expression: str = ""
    """Of one figure that the world measures and a number: `errors > 0.02`. Nobody here speaks more PromQL than that."""


def watched(state: ClusterState) -> tuple[Watched, ...]:
    found = []
    for namespace in state.namespaces():
        apps: dict[str, list[Deployment]] = {}
        for deployment in namespace.deployments.values():
            apps.setdefault(app_of(deployment), []).append(deployment)
        for app, deployments in apps.items():
            names = {each.name for each in deployments}
            pods = tuple(pod for pod in namespace.pods.values() if pod.workload in names and pod.is_active)
            measured = quality(state, pods, state.world.timeline.now)
            found.append(Watched(state, namespace.name, app, tuple(deployments), pods, measured))
    return tuple(found)


def app_of(deployment: Deployment) -> str:
    labels: Sequence[Mapping[str, str]] = (deployment.labels, _labels(deployment.template))
    return next((each[label] for each in labels for label in APP_LABELS if label in each), deployment.name)


@lru_cache(maxsize=256)
def _labels(template: Template) -> Mapping[str, str]:
    return template.labels


def _errors(about: Watched, at: float) -> str | None:
    value = about.quality.errors
    if value is None or value <= ERROR_LIMIT:
        return None
    bad = sum(about.state.traffic.sample(pod, at).errors > ERROR_LIMIT for pod in about.pods if pod.is_ready)
    return f"Errors {value:.1%}; limit {ERROR_LIMIT:.0%}. {bad} of {about.ready} pods.".replace("%", " %")


def _latency(about: Watched, _: float) -> str | None:
    value = about.quality.latency
    if value is None or value <= LATENCY_LIMIT:
        return None
    return f"95 % of the requests take up to {value * 1000:.0f} ms; limit {LATENCY_LIMIT * 1000:.0f} ms."


def _restarts(about: Watched, at: float) -> str | None:
    before = at - about.state.world.timeline.span(_RESTART_WINDOW)
    count = restarts(about.pods, at) - restarts(about.pods, before)
    return f"{count} restarts in 5 min." if count >= RESTART_LIMIT else None


def _none_ready(about: Watched, _: float) -> str | None:
    return f"None of {about.wanted} pods is ready." if about.wanted and not about.ready else None


def _missing(about: Watched, _: float) -> str | None:
    return f"{about.ready} of {about.wanted} pods are ready." if 0 < about.ready < about.wanted else None


RULES = (
    Rule("HighErrorRate", "critical", 45.0, _errors, f"{Measure.ERRORS} > {ERROR_LIMIT:g}"),
    Rule("HighLatency", "warning", 60.0, _latency, f"{Measure.LATENCY} > {LATENCY_LIMIT:g}"),
    Rule("PodCrashLooping", "warning", 0.0, _restarts),
    Rule("NoReadyPods", "critical", 20.0, _none_ready),
    Rule("PodsMissing", "warning", 180.0, _missing),
)
