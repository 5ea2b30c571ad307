"""What a running app looks like to us: snapshots of workloads, pods and what surrounds them, and what their troubles mean.

Pure values. Adapters fill them from live reads (never a watch cache where an operation decides).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.progressive import Progressive
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.templates import Template

OPERATION_LABEL = "pilothouse.io/operation"
STEP_LABEL = "pilothouse.io/step"
FENCE_LABEL = "pilothouse.io/fence"
APP_LABEL = "pilothouse.io/app"
TRACK_LABEL = "pilothouse.io/track"


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands as labels on every object that we change: who did it; a lost reply is recognised, a zombie refused."""

    operation: OperationId
    step: str
    """The cursor, `u` before it while undoing: `3`, `u3`."""
    fence: int


class Strategy(StrEnum):
    ROLLING = "rolling"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or an Argo Rollout (`ref.kind`)."""

    ref: ObjectRef
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    selector: Mapping[str, str]
    template: Template
    replicas: int
    """Wanted (`spec.replicas`)."""
    generation: int
    observed_generation: int
    updated: int
    ready: int
    available: int
    total: int
    terminating: int
    min_ready_seconds: int
    max_unavailable: str
    """`1` or `25%`."""
    strategy: Strategy
    is_paused: bool
    mark: Mark | None
    managers: tuple[str, ...]
    """Field managers that own the containers' images: `helm`, `argocd-controller`, `kubectl-client-side-apply`..."""
    progressive: Progressive | None = None
    """Of a Rollout, where it stands."""

    @property
    def is_settled(self) -> bool:
        """Observed, all updated and available, none terminating. Kubernetes' own "complete" is not believed.

        A Rollout is settled once its template is the stable one: pods of the one before stay for a while, idle.
        """
        if self.progressive is not None:
            is_all = self.updated == self.replicas <= self.available
            return self.is_observed and is_all and self.progressive.is_promoted and self.progressive.is_healthy
        return (
            self.is_observed and self.updated == self.available == self.total == self.replicas and self.terminating == 0
        )

    @property
    def serving(self) -> int:
        """Available pods, of those that are wanted: on its way it has pods of two versions, more than are wanted of one."""
        return min(self.available, self.replicas)

    @property
    def running(self) -> Template:
        """What its pods run: of a Rollout the stable template, also where it is told another."""
        stands = self.progressive
        if stands is None or stands.is_promoted or stands.stable_template is None:
            return self.template
        return stands.stable_template

    @property
    def is_observed(self) -> bool:
        return self.observed_generation >= self.generation


class TroubleKind(StrEnum):
    QUOTA = "quota"
    """FailedCreate on the ReplicaSet or Deployment: quota, service account, admission."""
    PULL = "pull"
    """The image or tag does not exist, or may not be pulled."""
    REGISTRY_DOWN = "registry-down"
    CONFIG = "config"
    """CreateContainerConfigError: a ConfigMap, Secret or key is missing."""
    START = "start"
    """StartError, RunContainerError: the command cannot be run."""
    INIT = "init"
    CRASH = "crash"
    OUT_OF_MEMORY = "out-of-memory"
    LIVENESS = "liveness"
    UNSCHEDULABLE = "unschedulable"
    MOUNT = "mount"
    NOT_READY = "not-ready"


FATAL = frozenset(
    {
        TroubleKind.QUOTA,
        TroubleKind.PULL,
        TroubleKind.CONFIG,
        TroubleKind.START,
        TroubleKind.INIT,
        TroubleKind.CRASH,
        TroubleKind.OUT_OF_MEMORY,
        TroubleKind.LIVENESS,
    }
)
"""Seen on the new ReplicaSet's pods these roll back at once; the others are said and waited out (delivery.md)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    kind: TroubleKind
    pod: str
    """Empty where it is about the workload."""
    container: str
    words: str
    """The cluster's own words, capped at 300 characters."""
    count: int = 1
    """How often it was seen (restarts)."""
    exit_code: int | None = None

    @property
    def is_fatal(self) -> bool:
        return self.kind in FATAL


@dataclass(frozen=True, slots=True)
class Pod:
    name: str
    uid: str
    phase: str
    is_ready: bool
    is_terminating: bool
    restarts: int
    started: datetime | None
    node: str
    image_ids: Mapping[str, str]
    """Container to the digest that runs (`sha256:...`); the index's or the platform's."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One live look at a workload and the pods of its newest ReplicaSet (by ownerReference, not labels)."""

    workload: Workload
    pods: tuple[Pod, ...]
    troubles: tuple[Trouble, ...]
    """Of the newest ReplicaSet and its pods; the fatal ones first."""
    replica_set: str = ""
    """The newest ReplicaSet's name, which its pods' names begin with; empty while there is none."""


@dataclass(frozen=True, slots=True)
class Service:
    ref: ObjectRef
    selector: Mapping[str, str]
    has_session_affinity: bool
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, found by its scaleTargetRef only."""

    ref: ObjectRef
    minimum: int
    maximum: int
    current: int
    target: str
    """`70 % CPU`, empty where it is not about utilisation."""
    now: str
    """`83 %`, empty when unknown."""
    scale_down: str
    """`spec.behavior.scaleDown.selectPolicy`, empty where not set."""
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    name: str
    selector: Mapping[str, str]
    allowed: int


@dataclass(frozen=True, slots=True)
class Quota:
    """One resource of one ResourceQuota, in the resource's base unit (cores, bytes, objects)."""

    name: str
    resource: str
    used: float
    hard: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a workload and decides how it may be changed."""

    services: tuple[Service, ...]
    """Those whose selector matches the workload's pods."""
    autoscaler: Autoscaler | None
    budgets: tuple[DisruptionBudget, ...]
    """Those that select the workload's pods."""
    quotas: tuple[Quota, ...] = field(default=())


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """An empty selector selects nothing here: a Service without one has its endpoints from elsewhere."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
