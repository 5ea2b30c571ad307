"""The controllers of a simulated cluster: Deployment with its ReplicaSets, and the autoscaler. The real ones' arithmetic.

They decide how many pods there are; what becomes of a pod is the kubelet's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.domain.workloads import Strategy
from integrations.simulated.objects import (
    REVISION,
    Deployment,
    Namespace,
    ReplicaSet,
    SimulatedAutoscaler,
    SimulatedPod,
    resources,
)

if TYPE_CHECKING:
    from integrations.simulated.cluster_state import ClusterState

ROLLOUT_HASH = "rollouts-pod-template-hash"
HPA_PERIOD = 15.0
_STABILIZATION = 60.0
"""How long the highest recommendation counts before pods are taken away."""
_TOLERANCE = 0.1
_HISTORY = 10
_RETRY = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def _safe(digest: str) -> str:
    """As Kubernetes writes it into names: without vowels, so that no word comes of it."""
    return "".join(_SAFE[ord(letter) % len(_SAFE)] for letter in digest)


def part_of(written: str, replicas: int, *, up: bool) -> int:
    """`1` or `25%` of `replicas`, rounded up or down."""
    if written.endswith("%"):
        share = replicas * int(written[:-1]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(written)


class DeploymentController:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._world = state.world
        self._timeline = state.world.timeline

    def look(self, deployment: Deployment) -> None:
        """Makes one step towards what is wanted."""
        if not self._state.stands(deployment):
            return
        deployment.observed_generation = deployment.generation
        newest = deployment.newest
        if newest is None and not deployment.is_paused:
            newest = self.new_set(deployment)
        if newest is None or deployment.is_paused:
            self._resize_active(deployment)
        elif deployment.strategy is Strategy.RECREATE:
            self._recreate(deployment, newest)
        else:
            self._roll(deployment, newest)
        for each in deployment.sets:
            self.fill(deployment, each)
        used = [each for each in deployment.sets if each is newest or each.wanted or self._pods(each)]
        idle = [each for each in deployment.sets if each not in used]
        deployment.sets = [each for each in deployment.sets if each in used or each in idle[-_HISTORY:]]

    def new_set(self, deployment: Deployment) -> ReplicaSet:
        number = max((each.revision for each in deployment.sets), default=0) + 1
        digest = _safe(deployment.template.hash[:10])
        found = ReplicaSet(
            f"{deployment.name}-{digest}", self._world.uid(), digest, deployment.template, revision=number
        )
        deployment.sets.append(found)
        deployment.annotations[REVISION] = str(number)
        return found

    def _resize_active(self, deployment: Deployment) -> None:
        """A paused Deployment scales what it has and rolls nothing out."""
        active = [each for each in deployment.sets if each.wanted] or deployment.sets[-1:]
        if len(active) == 1:
            active[0].wanted = deployment.replicas

    def _recreate(self, deployment: Deployment, newest: ReplicaSet) -> None:
        older = [each for each in deployment.sets if each is not newest]
        for each in older:
            each.wanted = 0
        if not any(self._pods(each) for each in older):
            newest.wanted = deployment.replicas

    def _roll(self, deployment: Deployment, newest: ReplicaSet) -> None:
        top = max(each.revision for each in deployment.sets)
        if newest.revision != top:
            newest.revision = top + 1
            deployment.annotations[REVISION] = str(newest.revision)
        wanted = deployment.replicas
        surge = part_of(deployment.max_surge, wanted, up=True)
        missing = part_of(deployment.max_unavailable, wanted, up=False)
        if not surge and not missing:
            missing = 1
        older = [each for each in deployment.sets if each is not newest and each.wanted]
        total = newest.wanted + sum(each.wanted for each in older)
        if newest.wanted > wanted:
            newest.wanted = wanted
        elif newest.wanted < wanted:
            newest.wanted = min(wanted, newest.wanted + max(0, wanted + surge - total))
        self._shrink(deployment, newest, older, least=wanted - missing)

    def _shrink(self, deployment: Deployment, newest: ReplicaSet, older: list[ReplicaSet], *, least: int) -> None:
        """As many old pods fewer as availability allows; those that do not work anyhow go first."""
        total = newest.wanted + sum(each.wanted for each in older)
        new_missing = newest.wanted - self._available(deployment, newest)
        spare = total - least - new_missing
        for each in older:
            broken = max(0, each.wanted - self._available(deployment, each))
            drop = min(broken, max(0, spare))
            each.wanted -= drop
            spare -= drop
        available = sum(self._available(deployment, each) for each in (newest, *older))
        spare = available - least
        for each in older:
            drop = min(each.wanted, max(0, spare))
            each.wanted -= drop
            spare -= drop

    def _available(self, deployment: Deployment, owner: ReplicaSet) -> int:
        return sum(self._state.is_available(deployment, pod) for pod in self._pods(owner) if pod.is_active)

    def _pods(self, owner: ReplicaSet) -> list[SimulatedPod]:
        return self._state.pods_of(owner)

    # --- ReplicaSet ---------------------------------------------------------------------------------

    def fill(self, deployment: Deployment, owner: ReplicaSet) -> None:
        active = [pod for pod in self._pods(owner) if pod.is_active]
        for _ in range(owner.wanted - len(active)):
            if not self._create(deployment, owner):
                break
        else:
            owner.failure, owner.retries = "", 0
        surplus = len(active) - owner.wanted
        if surplus > 0:
            # As the real one: those that do not work first, then the youngest.
            for pod in sorted(active, key=lambda pod: (pod.is_ready, -(pod.ready_since or 0.0), -pod.created))[
                :surplus
            ]:
                self._state.kubelet.delete(pod)

    def _create(self, deployment: Deployment, owner: ReplicaSet) -> bool:
        namespace = self._state.namespace(deployment.namespace)
        name = f"{owner.name}-{self._world.suffix(5)}"
        if refusal := quota_refusal(namespace, name, owner):
            owner.failure = refusal
            self._retry(deployment, owner)
            return False
        pod = SimulatedPod(
            namespace=deployment.namespace,
            name=name,
            uid=self._world.uid(),
            labels={**owner.template.labels, deployment.hash_label: owner.hash},
            template=owner.template,
            owner=owner.uid,
            workload=deployment.name,
            created=self._timeline.now,
        )
        self._state.admit(pod)
        return True

    def _retry(self, deployment: Deployment, owner: ReplicaSet) -> None:
        if owner.is_retrying:
            return
        owner.is_retrying = True

        def again() -> None:
            owner.is_retrying = False
            self._state.wake(deployment)

        self._timeline.after(_RETRY[min(owner.retries, len(_RETRY) - 1)], again)
        owner.retries += 1


def use_of(namespace: Namespace, resource: str) -> float:
    if resource == "pods":
        return float(len(namespace.pods))
    kind, _, name = resource.partition(".")
    return sum(resources(pod.template, kind, name) for pod in namespace.pods.values())


def quota_refusal(namespace: Namespace, name: str, owner: ReplicaSet) -> str:
    """The API server's words, or nothing."""
    for quota in namespace.quotas:
        for resource, hard in quota.hard.items():
            kind, _, what = resource.partition(".")
            more = 1.0 if resource == "pods" else resources(owner.template, kind, what)
            used = use_of(namespace, resource)
            if used + more > hard + 1e-9:
                return (
                    f'pods "{name}" is forbidden: exceeded quota: {quota.name}, requested: {resource}={more:g}, '
                    f"used: {resource}={used:g}, limited: {resource}={hard:g}"
                )
    return ""


class AutoscalerController:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._timeline = state.world.timeline

    def begin(self, namespace: str, name: str) -> None:
        # Requests keep the clock's pace: of the time before anybody could look, more looks than that would tell nothing.
        left = min(HPA_PERIOD, self._state.world.present - self._timeline.now)
        self._timeline.after_clock(max(self._timeline.span(HPA_PERIOD), left), lambda: self._look(namespace, name))

    def _look(self, namespace: str, name: str) -> None:
        found = self._state.namespace(namespace)
        scaler = found.autoscalers.get(name)
        if scaler is None:
            return
        self.begin(namespace, name)
        target = found.deployments.get(scaler.target)
        if target is None or target.replicas == 0:
            return
        self._measure(scaler, target)
        wanted = self._wanted(scaler, target)
        if wanted != target.replicas:
            target.replicas = wanted
            target.generation += 1
            self._state.wake(target)

    def _measure(self, scaler: SimulatedAutoscaler, target: Deployment) -> None:
        requested = resources(target.template, "requests", "cpu")
        pods = [
            pod
            for each in target.sets
            for pod in self._state.pods_of(each)
            if pod.is_active and pod.started is not None
        ]
        if not pods or not requested:
            scaler.utilisation = None
            return
        cores = self._state.traffic.cores(pods, self._timeline.now)
        scaler.utilisation = round(100 * cores / (requested * len(pods)))

    def _wanted(self, scaler: SimulatedAutoscaler, target: Deployment) -> int:
        now, current = self._timeline.now, target.replicas
        wanted = current
        if scaler.utilisation is not None:
            ratio = scaler.utilisation / scaler.cpu
            if abs(ratio - 1) > _TOLERANCE:
                wanted = math.ceil(current * ratio)
        wanted = min(max(wanted, scaler.minimum), scaler.maximum)
        scaler.recommendations.append((now, wanted))
        since = now - self._timeline.span(_STABILIZATION)
        scaler.recommendations = [each for each in scaler.recommendations if each[0] >= since]
        if wanted < current <= scaler.maximum:
            if scaler.scale_down == "Disabled":
                return current
            wanted = min(current, max(each for _, each in scaler.recommendations))
        return wanted
