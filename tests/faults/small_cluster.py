"""A cluster of one Deployment that is always settled: small enough to be copied and put back. Not for rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.app.parts import NotConfigured
from bot.app.worlds import Parts
from bot.domain.clock import Clock
from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.templates import Template
from bot.domain.workloads import Mark, Rollout, Strategy, Surroundings, Workload
from bot.ports.clusters import Acting, ClusterReads, ClusterWrites, PodLine
from integrations.fallback_logs.logs import PodLogs
from integrations.log_patterns.drain import mine

KUBERNETES = "kubernetes"
TEMPLATE = Template.of(
    {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "registry.test/web:1"}]}}
)


@dataclass(frozen=True)
class Kept:
    replicas: int
    mark: Mark | None
    effects: tuple[tuple[Mark, int], ...]


class SmallCluster:
    """bot.ports.clusters.Cluster, and its own Workloads and writer: only `scale` and `stamp` do something."""

    def __init__(self, name: str, *, namespace: str, workload: str, replicas: int) -> None:
        self._name = name
        self._ref = ObjectRef(name, namespace, "Deployment", workload, "uid-1")
        self._now = Kept(replicas, None, ())

    @property
    def name(self) -> str:
        return self._name

    @property
    def effects(self) -> tuple[tuple[Mark, int], ...]:
        """Who set which number of pods, in order."""
        return self._now.effects

    def keep(self) -> Kept:
        return self._now

    def put_back(self, kept: Kept) -> None:
        self._now = kept

    def ping(self) -> str:
        return self._name

    def uid(self) -> str:
        return "cluster-1"

    def reads(self) -> ClusterReads:
        return ClusterReads(self._name, self)

    def writes(self, acting: Acting) -> ClusterWrites:
        return ClusterWrites(self, _Nothing(), _Nothing(), _Nothing())

    # --- reads ----------------------------------------------------------------------------------

    def list(self, namespace: str) -> tuple[Workload, ...]:
        return (self._workload(),) if namespace == self._ref.namespace else ()

    def find(self, namespace: str, name: str) -> Workload | None:
        return next((each for each in self.list(namespace) if each.ref.name == name), None)

    def rollout(self, ref: ObjectRef) -> Rollout:
        if ref != self._ref:
            raise Missing(KUBERNETES, text("{target} is gone.", target=str(ref)))
        return Rollout(self._workload(), (), ())

    def surroundings(self, workload: Workload) -> Surroundings:
        return Surroundings((), None, ())

    def logs(
        self, ref: ObjectRef, *, since: timedelta, limit: int, pod: str = "", previous: bool = False
    ) -> tuple[PodLine, ...]:
        return ()

    def config(self, namespace: str, names: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        return {}

    def _workload(self) -> Workload:
        pods = self._now.replicas
        return Workload(
            ref=self._ref,
            labels={},
            annotations={},
            selector={"app": "web"},
            template=TEMPLATE,
            replicas=pods,
            generation=1,
            observed_generation=1,
            updated=pods,
            ready=pods,
            available=pods,
            total=pods,
            terminating=0,
            min_ready_seconds=0,
            max_unavailable="1",
            strategy=Strategy.ROLLING,
            is_paused=False,
            mark=self._now.mark,
            managers=(),
        )

    # --- writes ---------------------------------------------------------------------------------

    def scale(self, ref: ObjectRef, *, before: int, after: int, mark: Mark) -> None:
        self._check(mark)
        if self._now.replicas != before:
            raise Conflict(KUBERNETES, text("Somebody else changed {target} meanwhile.", target=str(ref)))
        self._now = Kept(after, mark, (*self._now.effects, (mark, after)))

    def stamp(self, ref: ObjectRef, *, mark: Mark) -> None:
        self._check(mark)
        self._now = Kept(self._now.replicas, mark, self._now.effects)

    def _check(self, mark: Mark) -> None:
        if self._now.mark is not None and self._now.mark.fence > mark.fence:
            raise Conflict(KUBERNETES, text("A later operation has taken over."))

    def replace_template(
        self, ref: ObjectRef, *, before: Template, after: Template, min_ready: tuple[int, int], mark: Mark
    ) -> None:
        raise NotImplementedError

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
        raise NotImplementedError

    def delete(self, ref: ObjectRef, *, mark: Mark) -> None:
        raise NotImplementedError


class _Nothing:
    """No services, autoscalers, configs."""

    def select(self, ref: ObjectRef, *, before: Mapping[str, str], after: Mapping[str, str], mark: Mark) -> None:
        raise NotImplementedError

    def bound(self, ref: ObjectRef, *, before: tuple[int, int], after: tuple[int, int], mark: Mark) -> None:
        raise NotImplementedError

    def hold_scale_down(self, ref: ObjectRef, *, before: str, after: str, mark: Mark) -> None:
        raise NotImplementedError

    def create(self, namespace: str, name: str, data: Mapping[str, str], *, mark: Mark) -> None:
        raise NotImplementedError


def parts_of(cluster: SmallCluster, clock: Clock) -> Parts:
    """The cluster, and nothing else outside."""
    alerts = NotConfigured("alertmanager")
    return Parts(
        clusters={cluster.name: cluster},
        images=NotConfigured("registry"),
        logs=PodLogs({cluster.name: cluster.reads()}, mine, clock),
        metrics=NotConfigured("prometheus"),
        alerts=alerts,
        alert_writer=alerts,
    )
