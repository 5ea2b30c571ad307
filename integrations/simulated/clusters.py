"""The Cluster port over one simulated cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Missing, Refused
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import (
    Autoscaler,
    DisruptionBudget,
    Pod,
    Quota,
    Rollout,
    Service,
    Surroundings,
    Workload,
    selects,
)
from bot.ports.clusters import Acting, ClusterReads, ClusterWrites, PodLine
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.controllers import use_of
from integrations.simulated.guards import SimulatedGuards
from integrations.simulated.loglines import pod_lines
from integrations.simulated.marks import mark_of
from integrations.simulated.moments import moment
from integrations.simulated.objects import Deployment, SimulatedPod, Stage
from integrations.simulated.progressive import SimulatedProgressiveWriter
from integrations.simulated.rollouts import SimulatedRollout, progressive
from integrations.simulated.traffic_routes import SimulatedTraffic, SimulatedTrafficWriter
from integrations.simulated.troubles import troubles
from integrations.simulated.world import SimulatedWorld
from integrations.simulated.writing import (
    SYSTEM,
    SimulatedAutoscalerWriter,
    SimulatedConfigWriter,
    SimulatedServiceWriter,
    SimulatedWorkloadWriter,
    Writer,
)

VERSION = "v1.36.3"


class SimulatedCluster:
    """`expected_uid`: as a real one is pinned; None takes whatever is there."""

    def __init__(self, world: SimulatedWorld, name: str, *, expected_uid: str | None = None) -> None:
        self._world = world
        self._state = world.state(name)
        self._expected_uid = expected_uid

    @property
    def name(self) -> str:
        return self._state.name

    def ping(self) -> str:
        found = self.uid()
        self._pin()
        return f"{VERSION}, uid {found}"

    def uid(self) -> str:
        self._world.meet(SYSTEM, "uid")
        return self._state.uid

    def reads(self) -> ClusterReads:
        return ClusterReads(
            self.name,
            SimulatedWorkloads(self._world, self._state),
            SimulatedTraffic(self._world, self._state),
            SimulatedGuards(self._world, self._state),
        )

    def writes(self, acting: Acting) -> ClusterWrites:
        writer = Writer(self._state, acting, self._pin)
        return ClusterWrites(
            workloads=SimulatedWorkloadWriter(writer),
            services=SimulatedServiceWriter(writer),
            autoscalers=SimulatedAutoscalerWriter(writer),
            configs=SimulatedConfigWriter(writer),
            traffic=SimulatedTrafficWriter(writer),
            progressive=SimulatedProgressiveWriter(writer),
        )

    def _pin(self) -> None:
        if self._expected_uid is not None and self._state.uid != self._expected_uid:
            what = text("What answers as cluster {cluster} is another cluster.", cluster=self.name)
            raise Refused(SYSTEM, what)


@dataclass(frozen=True, slots=True)
class SimulatedWorkloads:
    world: SimulatedWorld
    state: ClusterState

    def list(self, namespace: str) -> tuple[Workload, ...]:
        self.world.meet(SYSTEM, "list")
        with self.world.entered():
            found = self.state.namespace(namespace).deployments
            return tuple(workload(self.state, each) for _, each in sorted(found.items()))

    def find(self, namespace: str, name: str) -> Workload | None:
        self.world.meet(SYSTEM, "find")
        with self.world.entered():
            found = self.state.namespace(namespace).deployments.get(name)
            return None if found is None else workload(self.state, found)

    def rollout(self, ref: ObjectRef) -> Rollout:
        self.world.meet(SYSTEM, "rollout")
        with self.world.entered():
            found = self._deployment(ref)
            newest = found.newest
            pods = self.state.pods_of(newest) if newest else []
            return Rollout(
                workload=workload(self.state, found),
                pods=tuple(_pod(each) for each in sorted(pods, key=lambda each: each.name)),
                troubles=troubles(self.state, found),
                replica_set=newest.name if newest else "",
            )

    def surroundings(self, workload: Workload) -> Surroundings:
        self.world.meet(SYSTEM, "surroundings")
        with self.world.entered():
            found = self.state.namespace(workload.ref.namespace)
            labels = workload.template.labels
            services = [each for _, each in sorted(found.services.items()) if selects(each.selector, labels)]
            return Surroundings(
                services=tuple(
                    Service(
                        ref=ObjectRef(self.state.name, each.namespace, "Service", each.name, each.uid),
                        selector=dict(each.selector),
                        has_session_affinity=each.has_session_affinity,
                        mark=mark_of(each.labels),
                    )
                    for each in services
                ),
                autoscaler=self._autoscaler(workload.ref),
                budgets=self._budgets(workload),
                quotas=tuple(
                    Quota(each.name, resource, used=use_of(found, resource), hard=hard)
                    for each in found.quotas
                    for resource, hard in sorted(each.hard.items())
                ),
            )

    def logs(
        self, ref: ObjectRef, *, since: timedelta, limit: int, pod: str = "", previous: bool = False
    ) -> tuple[PodLine, ...]:
        self.world.meet(SYSTEM, "logs")
        with self.world.entered():
            pods = self.state.pods(self._deployment(ref))
            chosen = [each for each in pods if pod in {"", each.name}]
            if pod and not chosen:
                raise Missing(SYSTEM, text("{target} has no pod {pod}.", target=str(ref), pod=pod))
            now = self.world.timeline.now
            return pod_lines(
                self.state, chosen, since=now - since.total_seconds(), until=now, limit=limit, previous=previous
            )

    def config(self, namespace: str, names: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        self.world.meet(SYSTEM, "config")
        with self.world.entered():
            configs = self.state.namespace(namespace).configs
            return {name: dict(configs[name].data) for name in names if name in configs}

    def _deployment(self, ref: ObjectRef) -> Deployment:
        found = self.state.namespace(ref.namespace).deployments.get(ref.name)
        if found is None:
            raise Missing(SYSTEM, text("{target} is gone.", target=str(ref)))
        if ref.uid and found.uid != ref.uid:
            raise Missing(SYSTEM, text("Another {target} stands there now.", target=str(ref)))
        return found

    def _autoscaler(self, ref: ObjectRef) -> Autoscaler | None:
        namespace = self.state.namespace(ref.namespace)
        found = next((each for each in namespace.autoscalers.values() if each.target == ref.name), None)
        if found is None:
            return None
        target = namespace.deployments.get(found.target)
        return Autoscaler(
            ref=ObjectRef(self.state.name, found.namespace, "HorizontalPodAutoscaler", found.name, found.uid),
            minimum=found.minimum,
            maximum=found.maximum,
            current=target.replicas if target else 0,
            target=f"{found.cpu} % CPU",
            now="" if found.utilisation is None else f"{found.utilisation} %",
            scale_down=found.scale_down,
            mark=mark_of(found.labels),
        )

    def _budgets(self, workload: Workload) -> tuple[DisruptionBudget, ...]:
        namespace = self.state.namespace(workload.ref.namespace)
        found = []
        for each in namespace.budgets:
            if not selects(each.selector, workload.template.labels):
                continue
            healthy = sum(
                pod.is_ready and pod.is_active and selects(each.selector, pod.labels) for pod in namespace.pods.values()
            )
            found.append(DisruptionBudget(each.name, dict(each.selector), max(0, healthy - each.min_available)))
        return tuple(found)


def workload(state: ClusterState, found: Deployment) -> Workload:
    pods = state.pods(found)
    active = [pod for pod in pods if pod.is_active]
    newest = found.newest
    return Workload(
        ref=ObjectRef(state.name, found.namespace, found.kind, found.name, found.uid),
        labels=dict(found.labels),
        annotations=dict(found.annotations),
        selector=dict(found.selector),
        template=found.template,
        replicas=found.replicas,
        generation=found.generation,
        observed_generation=found.observed_generation,
        updated=sum(newest is not None and pod.owner == newest.uid for pod in active),
        ready=sum(pod.is_ready for pod in active),
        available=sum(state.is_available(found, pod) for pod in active),
        total=len(active),
        terminating=len(pods) - len(active),
        min_ready_seconds=found.min_ready_seconds,
        max_unavailable=found.max_unavailable,
        strategy=found.strategy,
        is_paused=found.is_paused,
        mark=mark_of(found.labels),
        managers=found.managers,
        progressive=progressive(state, found) if isinstance(found, SimulatedRollout) else None,
    )


def _pod(pod: SimulatedPod) -> Pod:
    return Pod(
        name=pod.name,
        uid=pod.uid,
        phase="Running" if pod.stage in {Stage.RUNNING, Stage.ENDED} else "Pending",
        is_ready=pod.is_ready,
        is_terminating=not pod.is_active,
        restarts=pod.restarts,
        started=moment(pod.created) if pod.node else None,
        node=pod.node,
        image_ids={pod.container: pod.digest} if pod.digest else {},
    )
