"""What stands in a simulated cluster: mutable records, changed only by the controllers, the kubelet and accepted writes.

Moments are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from bot.domain.guards import Guard
from bot.domain.templates import Template
from bot.domain.workloads import Strategy
from bot.ports.traffic import Match
from integrations.simulated.behaviours import GOOD, Behaviour

TEMPLATE_HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


@dataclass(slots=True, eq=False)
class Marked:
    """An object that bears marks: its identity and its labels."""

    namespace: str
    name: str
    uid: str
    labels: dict[str, str]


@dataclass(slots=True, eq=False)
class ReplicaSet:
    name: str
    uid: str
    hash: str
    template: Template
    wanted: int = 0
    failure: str = ""
    """The API server's words where it refuses another pod."""
    retries: int = 0
    is_retrying: bool = False
    """Another try is on its way."""
    revision: int = 1


@dataclass(slots=True, eq=False)
class Deployment(Marked):
    annotations: dict[str, str]
    selector: dict[str, str]
    template: Template
    replicas: int
    min_ready_seconds: int
    max_surge: str
    max_unavailable: str
    strategy: Strategy
    created: float
    is_paused: bool = False
    managers: tuple[str, ...] = ()
    generation: int = 1
    observed_generation: int = 0
    sets: list[ReplicaSet] = field(default_factory=list)
    is_queued: bool = False
    """A look by the controller is under way."""

    @property
    def kind(self) -> str:
        return "Deployment"

    @property
    def hash_label(self) -> str:
        """Which its pods bear, so that those of different templates can be told apart."""
        return TEMPLATE_HASH

    @property
    def newest(self) -> ReplicaSet | None:
        return next((each for each in self.sets if each.template == self.template), None)


class Stage(StrEnum):
    UNSCHEDULED = "unscheduled"
    WAITING = "waiting"
    """The container has not been started yet; `reason` says why, where something is wrong."""
    RUNNING = "running"
    ENDED = "ended"
    """Between two starts."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class End:
    """How a container ended."""

    reason: str
    """Error, OOMKilled, StartError, Completed."""
    exit_code: int
    words: str
    at: float
    by_liveness: bool = False
    is_init: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A line that is not about a request."""

    at: float
    level: str
    message: str


@dataclass(slots=True, eq=False)
class Run:
    """From the start of its container to its end."""

    start: float
    end: float | None = None


@dataclass(slots=True, eq=False)
class SimulatedPod:
    namespace: str
    name: str
    uid: str
    labels: dict[str, str]
    template: Template
    owner: str
    """uid of its ReplicaSet."""
    workload: str
    """Name of its Deployment."""
    created: float
    stage: Stage = Stage.UNSCHEDULED
    node: str = ""
    reason: str = ""
    words: str = ""
    behaviour: Behaviour = GOOD
    digest: str = ""
    version: str = ""
    """The tag that its image was pushed under."""
    tries: int = 0
    """Of pulling the image."""
    restarts: int = 0
    restarted: list[float] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    ready_since: float | None = None
    unready_since: float | None = None
    """The readiness probe has failed since then."""
    last_end: End | None = None
    deleted: float | None = None
    gone: float | None = None
    journal: list[Said] = field(default_factory=list)

    def is_there(self, at: float) -> bool:
        return self.created <= at and (self.gone is None or at < self.gone)

    @property
    def is_active(self) -> bool:
        return self.deleted is None

    @property
    def is_ready(self) -> bool:
        return self.ready_since is not None

    @property
    def started(self) -> float | None:
        """Of the container that runs now."""
        return self.runs[-1].start if self.runs and self.runs[-1].end is None else None

    @property
    def container(self) -> str:
        return next(iter(self.template.images))


@dataclass(slots=True, eq=False)
class SimulatedService(Marked):
    selector: dict[str, str]
    has_session_affinity: bool = False


@dataclass(slots=True, eq=False)
class SimulatedRoute(Marked):
    service: str
    """Where its requests come from: the flow of this service."""
    weights: dict[str, int]
    """Of services, as written."""
    applied: dict[str, int]
    """As the router has them, a moment later."""
    generation: int = 1
    observed_generation: int = 1
    match: Match | None = None
    """Requests that always go to the canary: none of those that come in here."""


@dataclass(slots=True, eq=False)
class SimulatedAutoscaler(Marked):
    target: str
    """Name of the Deployment."""
    minimum: int
    maximum: int
    cpu: int
    """Wanted utilisation of the requested CPU, per cent."""
    scale_down: str = ""
    utilisation: int | None = None
    recommendations: list[tuple[float, int]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SimulatedBudget:
    name: str
    selector: dict[str, str]
    min_available: int


@dataclass(slots=True, eq=False)
class SimulatedQuota:
    name: str
    hard: dict[str, float]
    """`pods`, `requests.cpu` (cores), `limits.memory` (bytes)."""


@dataclass(slots=True, eq=False)
class Node:
    name: str
    cpu: float
    is_cordoned: bool = False


@dataclass(slots=True, eq=False)
class ConfigMap(Marked):
    data: dict[str, str]
    is_immutable: bool = False


@dataclass(slots=True, eq=False)
class Namespace:
    name: str
    deployments: dict[str, Deployment] = field(default_factory=dict)
    services: dict[str, SimulatedService] = field(default_factory=dict)
    routes: dict[str, SimulatedRoute] = field(default_factory=dict)
    autoscalers: dict[str, SimulatedAutoscaler] = field(default_factory=dict)
    budgets: list[SimulatedBudget] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    """Network policies and monitors: they do nothing here."""
    quotas: list[SimulatedQuota] = field(default_factory=list)
    configs: dict[str, ConfigMap] = field(default_factory=dict)
    pods: dict[str, SimulatedPod] = field(default_factory=dict)
    """Those that are there, by uid; also those that end."""
    past: list[SimulatedPod] = field(default_factory=list)
    """Those that are gone, oldest first, kept for their logs and metrics."""

    def shares(self, service: str) -> dict[str, float]:
        """Which services get what comes in at one: all of it that one, unless a route says otherwise."""
        route = next((each for each in self.routes.values() if each.service == service), None)
        total = sum(route.applied.values()) if route else 0
        if route is None or not total:
            return {service: 1.0}
        return {name: weight / total for name, weight in route.applied.items() if weight}


_CPU_UNITS = {"m": 1e-3, "": 1.0}
_BYTE_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(written: str) -> float:
    """`250m`, `0.5`, `384Mi`; raises ValueError for what is no quantity."""
    number = written.rstrip("mkMGTi")
    unit = written[len(number) :]
    factor = _CPU_UNITS.get(unit, _BYTE_UNITS.get(unit))
    if factor is None:
        raise ValueError(f"no quantity: {written}")
    return float(number) * factor


@lru_cache(maxsize=4096)
def resources(template: Template, kind: str, resource: str) -> float:
    """Sum over the containers of `requests` or `limits`; 0 where nothing is said."""
    total = 0.0
    for container in template.raw()["spec"]["containers"]:
        said: Mapping[str, Any] = (container.get("resources") or {}).get(kind) or {}
        if resource in said:
            total += quantity(str(said[resource]))
    return total
