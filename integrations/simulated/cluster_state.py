"""What one simulated cluster consists of, and how a scene is set in it; the Cluster port is another module's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from bot.domain.progressive import StepList
from bot.domain.reply import Text
from bot.domain.templates import Template
from bot.domain.workloads import Strategy
from integrations.simulated.controllers import AutoscalerController, DeploymentController
from integrations.simulated.kubelet import Kubelet
from integrations.simulated.objects import (
    ConfigMap,
    Deployment,
    Namespace,
    Node,
    ReplicaSet,
    SimulatedAutoscaler,
    SimulatedBudget,
    SimulatedPod,
    SimulatedQuota,
    SimulatedRoute,
    SimulatedService,
    resources,
)
from integrations.simulated.rollouts import RolloutController, SimulatedRollout
from integrations.simulated.traffic import Traffic

if TYPE_CHECKING:
    from integrations.simulated.world import SimulatedWorld

_CONTROLLER_DELAY = 0.08
_PAST_PODS = 2_000


class ClusterState:
    """Whoever calls is in the world already (`world.entered()`), unless the scene is still being set."""

    def __init__(self, world: SimulatedWorld, name: str, *, nodes: int, cores: float) -> None:
        self.world = world
        self.name = name
        self.uid = world.uid()
        """Of its kube-system namespace."""
        self.nodes = [Node(f"{name}-node-{index + 1}", cores) for index in range(nodes)]
        self._namespaces: dict[str, Namespace] = {}
        self._owned: dict[str, dict[str, SimulatedPod]] = {}
        self.traffic = Traffic(self)
        self.kubelet = Kubelet(self)
        self._deployments = DeploymentController(self)
        self._rollouts = RolloutController(self, self._deployments)
        self._autoscalers = AutoscalerController(self)

    # --- looking ------------------------------------------------------------------------------------

    def namespace(self, name: str) -> Namespace:
        """One that nobody made is empty."""
        return self._namespaces.setdefault(name, Namespace(name))

    def namespaces(self) -> tuple[Namespace, ...]:
        return tuple(self._namespaces.values())

    def deployment(self, namespace: str, name: str) -> Deployment:
        return self.namespace(namespace).deployments[name]

    def stands(self, deployment: Deployment) -> bool:
        return self.namespace(deployment.namespace).deployments.get(deployment.name) is deployment

    def deployment_of(self, pod: SimulatedPod) -> Deployment | None:
        found = self.namespace(pod.namespace).deployments.get(pod.workload)
        if found is None or all(each.uid != pod.owner for each in found.sets):
            return None
        return found

    def pods_of(self, owner: ReplicaSet) -> list[SimulatedPod]:
        return list(self._owned.get(owner.uid, {}).values())

    def pods(self, deployment: Deployment) -> list[SimulatedPod]:
        return [pod for each in deployment.sets for pod in self.pods_of(each)]

    def ever(self, namespace: str, workloads: tuple[str, ...]) -> list[SimulatedPod]:
        """Pods of these workloads or of these ReplicaSets, also those that are gone."""
        found = self.namespace(namespace)
        pods = (*found.past, *found.pods.values())
        return [pod for pod in pods if pod.workload in workloads or pod.name.rpartition("-")[0] in workloads]

    def is_available(self, deployment: Deployment, pod: SimulatedPod) -> bool:
        needed = self.world.timeline.span(deployment.min_ready_seconds)
        return pod.ready_since is not None and self.world.timeline.now - pod.ready_since >= needed

    def used_cpu(self) -> dict[str, float]:
        """Requested cores by node."""
        used: dict[str, float] = {}
        for pod in self._all_pods():
            if pod.node:
                used[pod.node] = used.get(pod.node, 0.0) + resources(pod.template, "requests", "cpu")
        return used

    def _all_pods(self) -> Iterator[SimulatedPod]:
        for namespace in self._namespaces.values():
            yield from namespace.pods.values()

    # --- what controllers and the kubelet tell each other ---------------------------------------------

    def wake(self, deployment: Deployment) -> None:
        """Its controller looks soon."""
        if deployment.is_queued:
            return
        deployment.is_queued = True

        def look() -> None:
            deployment.is_queued = False
            if isinstance(deployment, SimulatedRollout):
                self._rollouts.look(deployment)
            else:
                self._deployments.look(deployment)

        self.world.timeline.after(_CONTROLLER_DELAY, look)

    def changed(self, deployment: Deployment) -> None:
        """Its spec did."""
        deployment.generation += 1
        self.wake(deployment)
        if deployment.min_ready_seconds:
            self.world.timeline.after(deployment.min_ready_seconds + 0.1, lambda: self.wake(deployment))

    def admit(self, pod: SimulatedPod) -> None:
        self.namespace(pod.namespace).pods[pod.uid] = pod
        self._owned.setdefault(pod.owner, {})[pod.uid] = pod
        self.kubelet.create(pod)

    def forget(self, pod: SimulatedPod) -> None:
        namespace = self.namespace(pod.namespace)
        del namespace.pods[pod.uid]
        namespace.past.append(pod)
        del namespace.past[:-_PAST_PODS]
        owned = self._owned.get(pod.owner, {})
        owned.pop(pod.uid, None)
        if not owned:
            self._owned.pop(pod.owner, None)
        for each in namespace.deployments.values():
            self.wake(each)

    def routes_changed(self, namespace: str) -> None:
        self.traffic.rebalance(namespace)

    # --- setting the scene ----------------------------------------------------------------------------

    def add_deployment(
        self,
        namespace: str,
        name: str,
        template: Template,
        *,
        replicas: int,
        selector: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        min_ready_seconds: int = 0,
        max_surge: str = "25%",
        max_unavailable: str = "25%",
        strategy: Strategy = Strategy.ROLLING,
        managers: tuple[str, ...] = (),
    ) -> Deployment:
        """Replaces one of that name, which is then gone with its pods. Without selector it is the template's labels."""
        self.remove_deployment(namespace, name)
        made = Deployment(
            namespace=namespace,
            name=name,
            uid=self.world.uid(),
            labels=dict(labels or {}),
            annotations=dict(annotations or {}),
            selector=dict(selector if selector is not None else template.labels),
            template=template,
            replicas=replicas,
            min_ready_seconds=min_ready_seconds,
            max_surge=max_surge,
            max_unavailable=max_unavailable,
            strategy=strategy,
            created=self.world.timeline.now,
            managers=managers,
        )
        self.namespace(namespace).deployments[name] = made
        self.wake(made)
        return made

    def add_rollout(
        self,
        namespace: str,
        name: str,
        template: Template,
        *,
        replicas: int,
        steps: StepList,
        is_routed: bool = False,
        error_limit: float | None = None,
        labels: Mapping[str, str] | None = None,
        limits: tuple[Text, ...] = (),
    ) -> SimulatedRollout:
        """With a router it has a service NAME with a route before it, and NAME-next for the new version."""
        self.remove_deployment(namespace, name)
        services = (name, f"{name}-next") if is_routed else ("", "")
        made = SimulatedRollout(
            namespace=namespace,
            name=name,
            uid=self.world.uid(),
            labels=dict(labels or {}),
            annotations={},
            selector=dict(template.labels),
            template=template,
            replicas=replicas,
            min_ready_seconds=0,
            max_surge="25%",
            max_unavailable="25%",
            strategy=Strategy.ROLLING,
            created=self.world.timeline.now,
            steps=steps,
            stable_service=services[0],
            canary_service=services[1],
            error_limit=error_limit,
            limits=limits,
        )
        self.namespace(namespace).deployments[name] = made
        for service in services if is_routed else (name,):
            self.add_service(namespace, service, template.labels)
        if is_routed:
            route = self.add_route(namespace, name, name)
            route.weights = route.applied = {services[0]: 100, services[1]: 0}
        self.wake(made)
        return made

    def remove_deployment(self, namespace: str, name: str) -> None:
        """In the background, as Kubernetes does it: gone at once, its pods soon after."""
        found = self.namespace(namespace).deployments.pop(name, None)
        if found is None:
            return
        for pod in self.pods(found):
            self.kubelet.delete(pod)

    def add_service(
        self, namespace: str, name: str, selector: Mapping[str, str], *, has_session_affinity: bool = False
    ) -> SimulatedService:
        made = SimulatedService(namespace, name, self.world.uid(), {}, dict(selector), has_session_affinity)
        self.namespace(namespace).services[name] = made
        self.routes_changed(namespace)
        return made

    def add_route(self, namespace: str, name: str, service: str) -> SimulatedRoute:
        """An HTTPRoute through which everything comes that comes in at the service."""
        # Not by chance, so that a world with a route is the same as without it in everything else.
        uid = str(uuid5(UUID(self.uid), f"{namespace}/{name}/{self.world.timeline.now}"))
        made = SimulatedRoute(namespace, name, uid, {}, service, {service: 1}, {service: 1})
        self.namespace(namespace).routes[name] = made
        self.routes_changed(namespace)
        return made

    def route_changed(self, route: SimulatedRoute) -> None:
        """The router takes notice soon."""
        route.generation += 1
        generation, wanted = route.generation, dict(route.weights)

        def apply() -> None:
            if generation > route.observed_generation:
                route.observed_generation, route.applied = generation, wanted
                self.routes_changed(route.namespace)

        self.world.timeline.after(self.world.between(0.15, 0.35), apply)

    def add_autoscaler(
        self, namespace: str, name: str, *, target: str, minimum: int, maximum: int, cpu: int
    ) -> SimulatedAutoscaler:
        made = SimulatedAutoscaler(namespace, name, self.world.uid(), {}, target, minimum, maximum, cpu)
        is_new = name not in self.namespace(namespace).autoscalers
        self.namespace(namespace).autoscalers[name] = made
        if is_new:
            self._autoscalers.begin(namespace, name)
        return made

    def add_budget(self, namespace: str, name: str, selector: Mapping[str, str], *, min_available: int) -> None:
        self.namespace(namespace).budgets.append(SimulatedBudget(name, dict(selector), min_available))

    def add_quota(self, namespace: str, name: str, hard: Mapping[str, float]) -> SimulatedQuota:
        made = SimulatedQuota(name, dict(hard))
        self.namespace(namespace).quotas.append(made)
        return made

    def add_config(
        self, namespace: str, name: str, data: Mapping[str, str], *, labels: Mapping[str, str] | None = None
    ) -> ConfigMap:
        made = ConfigMap(namespace, name, self.world.uid(), dict(labels or {}), dict(data))
        self.namespace(namespace).configs[name] = made
        return made
