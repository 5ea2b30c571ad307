"""The few fields of Kubernetes' objects that we read, as the API gives them: nothing here means anything yet.

msgspec skips all other fields while it parses, which is what makes large lists cheap.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class Owner(Struct):
    uid: str = ""


class Managed(Struct, rename="camel"):
    manager: str = ""
    fields_v1: dict[str, Any] | None = field(name="fieldsV1", default=None)


class Meta(Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    owner_references: list[Owner] | None = None


class ManagedMeta(Meta):
    managed_fields: list[Managed] | None = None


class ListMeta(Struct, rename="camel"):
    continue_: str = field(name="continue", default="")


class Page(Struct, Generic[T]):
    metadata: ListMeta
    items: list[T] | None = None


class Requirement(Struct):
    key: str
    operator: str
    values: list[str] | None = None


class Selector(Struct, rename="camel"):
    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None


class Condition(Struct, rename="camel"):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class RollingUpdate(Struct, rename="camel"):
    max_unavailable: int | str = "25%"


class DeploymentStrategy(Struct, rename="camel"):
    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Struct, rename="camel"):
    selector: Selector
    template: dict[str, Any]
    replicas: int = 1
    strategy: DeploymentStrategy = field(default_factory=DeploymentStrategy)
    min_ready_seconds: int = 0
    paused: bool = False


class DeploymentStatus(Struct, rename="camel"):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    """Absent before Kubernetes 1.35."""
    conditions: list[Condition] | None = None


class Deployment(Struct):
    metadata: ManagedMeta
    spec: DeploymentSpec
    status: DeploymentStatus = field(default_factory=DeploymentStatus)


class ReplicaSetSpec(Struct):
    template: dict[str, Any]


class ReplicaSetStatus(Struct):
    conditions: list[Condition] | None = None


class ReplicaSet(Struct):
    metadata: Meta
    spec: ReplicaSetSpec
    status: ReplicaSetStatus = field(default_factory=ReplicaSetStatus)


class Waiting(Struct):
    reason: str = ""
    message: str = ""


class Terminated(Struct, rename="camel"):
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class ContainerState(Struct):
    waiting: Waiting | None = None
    running: dict[str, Any] | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct, rename="camel"):
    name: str
    ready: bool = False
    restart_count: int = 0
    image_id: str = field(name="imageID", default="")
    state: ContainerState = field(default_factory=ContainerState)
    last_state: ContainerState = field(default_factory=ContainerState)


class PodStatus(Struct, rename="camel"):
    phase: str = ""
    reason: str = ""
    start_time: datetime | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Container(Struct):
    name: str


class PodSpec(Struct, rename="camel"):
    node_name: str = ""
    containers: list[Container] = []


class Pod(Struct):
    metadata: Meta
    spec: PodSpec
    status: PodStatus = field(default_factory=PodStatus)


class Involved(Struct, rename="camel"):
    uid: str = ""
    field_path: str = ""


class Event(Struct, rename="camel"):
    involved_object: Involved
    reason: str = ""
    message: str = ""
    count: int = 0
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class ServiceSpec(Struct, rename="camel"):
    selector: dict[str, str] | None = None
    session_affinity: str = "None"


class Service(Struct):
    metadata: Meta
    spec: ServiceSpec


class Target(Struct, rename="camel"):
    average_utilization: int | None = None


class ResourceMetric(Struct):
    name: str = ""
    target: Target | None = None
    current: Target | None = None


class Metric(Struct, rename="camel"):
    type: str = ""
    resource: ResourceMetric | None = None
    container_resource: ResourceMetric | None = None

    @property
    def measured(self) -> ResourceMetric | None:
        return self.resource or self.container_resource


class ScaleTarget(Struct, rename="camel"):
    kind: str = ""
    name: str = ""
    api_version: str = ""


class ScalingRules(Struct, rename="camel"):
    select_policy: str = ""


class Behavior(Struct, rename="camel"):
    scale_down: ScalingRules | None = None


class AutoscalerSpec(Struct, rename="camel"):
    scale_target_ref: ScaleTarget
    max_replicas: int
    min_replicas: int = 1
    metrics: list[Metric] | None = None
    behavior: Behavior | None = None


class AutoscalerStatus(Struct, rename="camel"):
    current_replicas: int = 0
    current_metrics: list[Metric] | None = None


class Autoscaler(Struct):
    metadata: Meta
    spec: AutoscalerSpec
    status: AutoscalerStatus = field(default_factory=AutoscalerStatus)


class BudgetSpec(Struct):
    selector: Selector | None = None


class BudgetStatus(Struct, rename="camel"):
    disruptions_allowed: int = 0


class Budget(Struct):
    metadata: Meta
    spec: BudgetSpec = field(default_factory=BudgetSpec)
    status: BudgetStatus = field(default_factory=BudgetStatus)


class QuotaStatus(Struct):
    hard: dict[str, str] | None = None
    used: dict[str, str] | None = None


class ResourceQuota(Struct):
    metadata: Meta
    status: QuotaStatus = field(default_factory=QuotaStatus)


class ConfigMap(Struct):
    metadata: Meta
    data: dict[str, str] | None = None


class Named(Struct):
    """Any object of which only the name counts."""

    metadata: Meta


class Version(Struct, rename="camel"):
    git_version: str
