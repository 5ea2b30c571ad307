"""Live reads of workloads and of what stands around them, by the bot's own read role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import msgspec

from bot.domain.clock import Clock
from bot.domain.errors import Missing, Refused, Unavailable
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Rollout, Surroundings, Workload, selects
from bot.ports.clusters import PodLine
from integrations.kubernetes import decoding, progressive, shapes
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.errors import SYSTEM
from integrations.kubernetes.podlogs import PodLogs
from integrations.kubernetes.troubles import Told, troubles

T = TypeVar("T")
PAGE = 500
_MOST_PAGES = 200
_ASKED_ABOUT = 5
"""Pods whose events are looked at: what stops the others is the same."""


@dataclass(frozen=True, slots=True)
class KubernetesWorkloads:
    cluster: str
    observer: Connection
    """As the bot itself: shapes and states, never contents."""
    reader: Connection
    """As the service principal, to whom each namespace grants what its contents are: logs and ConfigMaps."""
    clock: Clock

    def list(self, namespace: str) -> tuple[Workload, ...]:
        found = [
            decoding.workload(each, self.cluster) for each in self._all("Deployment", namespace, shapes.Deployment)
        ]
        try:
            others = self._all(progressive.KIND, namespace, progressive.Rollout)
        except (Missing, Refused):
            # Not known there, or not for us to see: most clusters have none.
            others = ()
        return (*found, *(progressive.workload(each, self.cluster) for each in others))

    def find(self, namespace: str, name: str) -> Workload | None:
        try:
            found = self._one("Deployment", namespace, name, shapes.Deployment)
        except Missing:
            return self._find_progressive(namespace, name)
        return decoding.workload(found, self.cluster)

    def _find_progressive(self, namespace: str, name: str) -> Workload | None:
        try:
            found = self._one(progressive.KIND, namespace, name, progressive.Rollout)
        except (Missing, Refused):
            return None
        sets, _ = self._owned(progressive.as_deployment(found))
        return progressive.workload(found, self.cluster, sets=sets)

    def rollout(self, ref: ObjectRef) -> Rollout:
        staged = self._rollout(ref) if ref.kind == progressive.KIND else None
        found = progressive.as_deployment(staged) if staged else self._deployment(ref)
        sets, pods = self._owned(found)
        newest = progressive.newest(staged, sets) if staged else decoding.newest(found, sets)
        terminating = sum(pod.metadata.deletion_timestamp is not None for pod in pods)
        new = [pod for pod in pods if newest is not None and decoding.is_owned(pod.metadata, newest.metadata.uid)]
        troubled = [pod for pod in new if _needs_events(pod)][:_ASKED_ABOUT]
        told = Told.of(event for pod in troubled for event in self._warnings(pod))
        return Rollout(
            workload=progressive.workload(staged, self.cluster, sets=sets, terminating=terminating)
            if staged
            else decoding.workload(found, self.cluster, terminating=terminating),
            pods=tuple(decoding.pod(each) for each in new),
            troubles=troubles(found, newest, new, told, self.clock.now()),
            replica_set=newest.metadata.name if newest else "",
        )

    def surroundings(self, workload: Workload) -> Surroundings:
        namespace, labels = workload.ref.namespace, workload.template.labels
        services = self._all("Service", namespace, shapes.Service)
        autoscalers = self._all("HorizontalPodAutoscaler", namespace, shapes.Autoscaler)
        budgets = self._all("PodDisruptionBudget", namespace, shapes.Budget)
        quotas = self._all("ResourceQuota", namespace, shapes.ResourceQuota)
        mine = [each for each in autoscalers if decoding.scales(each, workload.ref)]
        return Surroundings(
            services=tuple(
                decoding.service(each, self.cluster) for each in services if selects(each.spec.selector or {}, labels)
            ),
            autoscaler=decoding.autoscaler(mine[0], self.cluster) if mine else None,
            budgets=tuple(
                decoding.budget(each)
                for each in budgets
                if each.spec.selector is not None and decoding.matches(each.spec.selector, labels)
            ),
            quotas=tuple(quota for each in quotas for quota in decoding.quotas(each)),
        )

    def logs(
        self, ref: ObjectRef, *, since: timedelta, limit: int, pod: str = "", previous: bool = False
    ) -> tuple[PodLine, ...]:
        is_staged = ref.kind == progressive.KIND
        found = progressive.as_deployment(self._rollout(ref)) if is_staged else self._deployment(ref)
        _, pods = self._owned(found)
        chosen = [each for each in pods if not pod or each.metadata.name == pod]
        if pod and not chosen:
            raise Missing(SYSTEM, text("{target} has no pod {pod}.", target=str(ref), pod=pod))
        return PodLogs(self.reader, self.clock).newest(chosen, since=since, limit=limit, previous=previous)

    def config(self, namespace: str, names: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        for name in names:
            try:
                data = self.reader.get(place("ConfigMap", namespace, name))
            except Missing:
                continue
            found[name] = self._decoded(data, shapes.ConfigMap).data or {}
        return found

    def _deployment(self, ref: ObjectRef) -> shapes.Deployment:
        found = self._one("Deployment", ref.namespace, ref.name, shapes.Deployment)
        _check_same(found.metadata, ref)
        return found

    def _rollout(self, ref: ObjectRef) -> progressive.Rollout:
        found = self._one(progressive.KIND, ref.namespace, ref.name, progressive.Rollout)
        _check_same(found.metadata, ref)
        return found

    def _owned(self, found: shapes.Deployment) -> tuple[Sequence[shapes.ReplicaSet], Sequence[shapes.Pod]]:
        """By ownership: labels only narrow the question, another workload's may be the same."""
        meta, query = found.metadata, decoding.selector_text(found.spec.selector)
        sets = [
            each
            for each in self._all("ReplicaSet", meta.namespace, shapes.ReplicaSet, selector=query)
            if decoding.is_owned(each.metadata, meta.uid)
        ]
        owners = {each.metadata.uid for each in sets}
        pods = [
            each
            for each in self._all("Pod", meta.namespace, shapes.Pod, selector=query)
            if any(owner.uid in owners for owner in each.metadata.owner_references or ())
        ]
        return sets, pods

    def _warnings(self, pod: shapes.Pod) -> Sequence[shapes.Event]:
        query = f"type=Warning,involvedObject.uid={pod.metadata.uid}"
        return self._all("Event", pod.metadata.namespace, shapes.Event, fields=query)

    def _one(self, kind: str, namespace: str, name: str, shape: type[T]) -> T:
        return self._decoded(self.observer.get(place(kind, namespace, name)), shape)

    def _all(
        self,
        kind: str,
        namespace: str,
        shape: type[T],
        *,
        selector: str = "",
        fields: str = "",
    ) -> Sequence[T]:
        query: dict[str, str | int] = {"limit": PAGE}
        query |= {"labelSelector": selector} if selector else {}
        query |= {"fieldSelector": fields} if fields else {}
        found: list[T] = []
        for _ in range(_MOST_PAGES):
            page = self._decoded(self.observer.get(place(kind, namespace), query), shapes.Page[shape])  # type: ignore[valid-type]
            found.extend(page.items or ())
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        return found

    def _decoded(self, data: bytes, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=shape)
        except msgspec.MsgspecError as error:
            what = text("Cluster {cluster} gives answers that are not Kubernetes'.", cluster=self.cluster)
            raise Unavailable(SYSTEM, what) from error


def _check_same(found: shapes.Meta, ref: ObjectRef) -> None:
    if ref.uid and found.uid != ref.uid:
        raise Missing(SYSTEM, text("Another {target} stands there now.", target=str(ref)))


def _needs_events(pod: shapes.Pod) -> bool:
    """Where all is well nobody has to be asked."""
    return not decoding.is_ready(pod) or any(each.restart_count for each in pod.status.container_statuses or ())
