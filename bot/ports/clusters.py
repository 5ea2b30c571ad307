"""One cluster, read and written, in our words. Every call has a deadline and raises IntegrationError only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.domain.guards import Guarded
from bot.domain.refs import ObjectRef
from bot.domain.templates import Template
from bot.domain.workloads import Mark, Rollout, Surroundings, Workload
from bot.ports.progressive import NoProgressive, ProgressiveWriter
from bot.ports.traffic import NoTraffic, Traffic, TrafficWriter


class Workloads(Protocol):
    """Live reads by the bot's own read role (no secrets)."""

    def list(self, namespace: str) -> tuple[Workload, ...]: ...

    def find(self, namespace: str, name: str) -> Workload | None: ...

    def rollout(self, ref: ObjectRef) -> Rollout:
        """Raises Missing when the object is gone or another one (uid) stands in its place. A `ref` without uid is
        looked up by name alone."""
        ...

    def surroundings(self, workload: Workload) -> Surroundings: ...

    def logs(
        self, ref: ObjectRef, *, since: timedelta, limit: int, pod: str = "", previous: bool = False
    ) -> tuple[PodLine, ...]:
        """The newest `limit` lines of the workload's pods (or one pod), oldest first, at most 1 MiB."""
        ...

    def config(self, namespace: str, names: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        """ConfigMaps' data by name; a missing one is left out."""
        ...


@dataclass(frozen=True, slots=True)
class PodLine:
    pod: str
    container: str
    at: str
    """RFC 3339, as the cluster gives it."""
    words: str


class WorkloadWriter(Protocol):
    """Writes as one acting person. A `ref` without uid means the object of that name that bears the mark of the same
    operation (one that this operation created); any other there is a Conflict.
    Each is one JSON patch that tests uid, the fence label as last read and the
    before-values, and puts the mark's labels on the object's metadata with the change.

    Raises Conflict when a test failed and our own mark with the after-value is not there, or when a higher fence is;
    Refused (403, quota, admission), Missing (gone, other uid), Unavailable (no answer: the write may have happened).
    """

    def replace_template(
        self, ref: ObjectRef, *, before: Template, after: Template, min_ready: tuple[int, int], mark: Mark
    ) -> None:
        """`min_ready`: minReadySeconds before and after."""
        ...

    def scale(self, ref: ObjectRef, *, before: int, after: int, mark: Mark) -> None: ...

    def create_copy(
        self,
        source: ObjectRef,
        *,
        name: str,
        template: Template,
        selector: Mapping[str, str],
        replicas: int,
        mark: Mark,
    ) -> ObjectRef:
        """A second Deployment beside `source`, with its strategy and minReadySeconds but no annotations of an owner.
        AlreadyExists with our operation's mark is success; with another's, Conflict."""
        ...

    def delete(self, ref: ObjectRef, *, mark: Mark) -> None:
        """With UID precondition, Background, never Orphan. Gone already is success."""
        ...

    def stamp(self, ref: ObjectRef, *, mark: Mark) -> None:
        """Writes the mark alone: what was sent before it with a lower fence then fails its test. Gone is success.
        `ref` is of any kind that a plan writes: Deployment, Rollout, Service, HorizontalPodAutoscaler, a route."""
        ...


class ServiceWriter(Protocol):
    def select(self, ref: ObjectRef, *, before: Mapping[str, str], after: Mapping[str, str], mark: Mark) -> None: ...


class AutoscalerWriter(Protocol):
    def bound(self, ref: ObjectRef, *, before: tuple[int, int], after: tuple[int, int], mark: Mark) -> None: ...

    def hold_scale_down(self, ref: ObjectRef, *, before: str, after: str, mark: Mark) -> None:
        """`spec.behavior.scaleDown.selectPolicy`; empty removes it."""
        ...


class ConfigWriter(Protocol):
    def create(self, namespace: str, name: str, data: Mapping[str, str], *, mark: Mark) -> None:
        """An immutable ConfigMap. One of that name with the same data is success, with other data a Conflict."""
        ...


class Guards(Protocol):
    """Live reads by the bot's own read role."""

    def guarded(self, namespace: str) -> Guarded:
        """What selects pods or Services there by labels."""
        ...


class NoGuards:
    """Of a cluster in which nothing selects by labels."""

    def guarded(self, namespace: str) -> Guarded:
        return Guarded()


@dataclass(frozen=True, slots=True)
class ClusterReads:
    name: str
    workloads: Workloads
    traffic: Traffic = field(default_factory=NoTraffic)
    guards: Guards = field(default_factory=NoGuards)


@dataclass(frozen=True, slots=True)
class ClusterWrites:
    workloads: WorkloadWriter
    services: ServiceWriter
    autoscalers: AutoscalerWriter
    configs: ConfigWriter
    traffic: TrafficWriter = field(default_factory=NoTraffic)
    progressive: ProgressiveWriter = field(default_factory=NoProgressive)


@dataclass(frozen=True, slots=True)
class Acting:
    """Whom a cluster sees: a user, the user's groups, and the operation that it is done for."""

    user: str
    groups: tuple[str, ...]
    operation: str = ""


class Cluster(Protocol):
    """An adapter of one cluster: real or simulated."""

    @property
    def name(self) -> str: ...

    def ping(self) -> str:
        """A short word for doctor (`v1.36.3, uid 4f1c...`); raises IntegrationError, also when the cluster's UID is
        not the pinned one."""
        ...

    def uid(self) -> str:
        """Of its `kube-system` namespace, read live."""
        ...

    def reads(self) -> ClusterReads: ...

    def writes(self, acting: Acting) -> ClusterWrites:
        """One client per acting person; never shared between people."""
        ...
