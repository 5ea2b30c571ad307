"""Requests to simulated services: how many there are, which pods get them, and what that does to those pods.

Every figure is a function of the moment and of what stood then, also for moments long past: metrics and logs are drawn
from here and agree with each other.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.domain.workloads import selects
from integrations.simulated.objects import SimulatedPod, resources

if TYPE_CHECKING:
    from integrations.simulated.cluster_state import ClusterState

BASE_ERRORS = 0.004
BASE_LATENCY = 0.205
"""Seconds, 95th percentile."""
_KEPT = 26 * 3600.0
_LOOKED_BACK = 2048
_IDLE_CORES = 0.01
_MIB = 1 << 20


@lru_cache(maxsize=4096, typed=True)
def grain(*keys: str | int) -> float:
    """Chance that is the same whenever it is asked for: 0 to below 1."""
    said = "/".join(map(str, keys))
    return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=6).digest(), "big") / (1 << 48)


def _around(spread: float, *keys: str | int) -> float:
    return 1 + spread * (2 * grain(*keys) - 1)


def _standing(changes: Sequence[tuple[float, object]], at: float) -> int:
    """How many of them had come by then. Most questions are about now."""
    if changes and changes[-1][0] <= at:
        return len(changes)
    return bisect_right(changes, at, key=lambda each: each[0])


@dataclass(frozen=True, slots=True)
class Served:
    """What one pod did with its requests at one moment."""

    requests: float
    """A second."""
    errors: float
    """Share of its requests that fail."""
    latency: float
    """Seconds, 95th percentile."""


@dataclass(frozen=True, slots=True)
class Sample(Served):
    """One pod at one moment."""

    cpu: float
    """Cores."""


Parts = tuple[tuple[SimulatedPod, float], ...]
"""Pods and the part of the requests that each gets; less than 1 in all where some find no pod."""


@dataclass(slots=True)
class Flow:
    """What comes in at one service."""

    namespace: str
    service: str
    rates: list[tuple[float, float]] = field(default_factory=list)
    """Since when how many requests a second, on average."""
    segments: list[tuple[float, Parts]] = field(default_factory=list)
    """Since when which pods get them."""

    def rate(self, at: float) -> float:
        index = _standing(self.rates, at)
        if not index:
            return 0.0
        wave = 1 + 0.1 * math.sin(2 * math.pi * at / 1800 + 6 * grain(self.namespace, self.service))
        return self.rates[index - 1][1] * wave * _around(0.04, self.namespace, self.service, int(at // 10))

    def endpoints(self, at: float) -> Parts:
        index = _standing(self.segments, at)
        return self.segments[index - 1][1] if index else ()


class Traffic:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._by_namespace: dict[str, list[Flow]] = {}
        self._past = lru_cache(maxsize=_LOOKED_BACK)(self._serve)
        """What is past stays as it was: a canary asks for the same moments with every look."""

    def put(self, namespace: str, service: str, requests: float) -> None:
        """From now on so many requests a second."""
        now = self._state.world.timeline.now
        flows = self._by_namespace.setdefault(namespace, [])
        flow = next((each for each in flows if each.service == service), None)
        if flow is None:
            flow = Flow(namespace, service)
            flows.append(flow)
        flow.rates.append((now, requests))
        self.rebalance(namespace)

    def flows(self, namespace: str) -> tuple[Flow, ...]:
        return tuple(self._by_namespace.get(namespace, ()))

    def rebalance(self, namespace: str) -> None:
        now = self._state.world.timeline.now
        found = self._state.namespace(namespace)
        for flow in self.flows(namespace):
            parts = tuple(
                (pod, share / len(pods))
                for name, share in found.shares(flow.service).items()
                for pods in [self._endpoints(namespace, name)]
                for pod in pods
            )
            if flow.segments and flow.segments[-1][1] == parts:
                continue
            flow.segments.append((now, parts))
            while len(flow.segments) > 1 and flow.segments[1][0] < now - _KEPT:
                flow.segments.pop(0)

    def _endpoints(self, namespace: str, name: str) -> list[SimulatedPod]:
        found = self._state.namespace(namespace)
        service = found.services.get(name)
        if service is None:
            return []
        pods = found.pods.values()
        return [pod for pod in pods if pod.is_ready and pod.is_active and selects(service.selector, pod.labels)]

    # --- of one pod ---------------------------------------------------------------------------------

    def sample(self, pod: SimulatedPod, at: float) -> Sample:
        [each] = self.served((pod,), at)
        return Sample(each.requests, each.errors, each.latency, self._cores(pod, each.requests, at))

    def served(self, pods: Sequence[SimulatedPod], at: float) -> Sequence[Served]:
        """What alert rules ask for, every few seconds of all the time that passes."""
        serve = self._past if at < self._state.world.timeline.now else self._serve
        return serve(tuple(pods), at)

    def _serve(self, pods: tuple[SimulatedPod, ...], at: float) -> Sequence[Served]:
        requests = self._requests(pods, at)
        return tuple([self._served(pod, requests[pod], at) for pod in pods])

    @staticmethod
    def _served(pod: SimulatedPod, requests: float, at: float) -> Served:
        behaviour, quarter = pod.behaviour, int(at // 15)
        load = requests / behaviour.capacity
        usual = BASE_ERRORS * _around(0.25, pod.workload, quarter)
        own = behaviour.errors and behaviour.errors * _around(0.1, pod.uid, quarter)
        busy = 1 + 3 * max(0.0, load - 0.8)
        return Served(
            requests=requests,
            errors=min(1.0, usual + own + 0.5 * max(0.0, load - 1)),
            latency=BASE_LATENCY * behaviour.latency * busy * _around(0.06, pod.uid, quarter),
        )

    def cores(self, pods: Sequence[SimulatedPod], at: float) -> float:
        """Of all together. An autoscaler asks for it every few seconds of all the time that the world has had."""
        requests = self._requests(pods, at)
        return sum(self._cores(pod, requests[pod], at) for pod in pods)

    def _requests(self, pods: Sequence[SimulatedPod], at: float) -> dict[SimulatedPod, float]:
        """A second, of each."""
        found = dict.fromkeys(pods, 0.0)
        for namespace in dict.fromkeys(pod.namespace for pod in pods):
            for flow in self._by_namespace.get(namespace, ()):
                parts: dict[SimulatedPod, float] = {}
                for pod, part in flow.endpoints(at):
                    if pod in found:
                        parts[pod] = parts.get(pod, 0.0) + part
                if parts:
                    rate = flow.rate(at)
                    for pod, part in parts.items():
                        found[pod] += rate * part
        return found

    def _cores(self, pod: SimulatedPod, requests: float, at: float) -> float:
        wanted = _IDLE_CORES + requests * pod.behaviour.cpu * _around(0.05, pod.uid, "cpu", int(at // 15))
        limit = resources(pod.template, "limits", "cpu")
        return min(wanted, limit) if limit else wanted

    def memory(self, pod: SimulatedPod, at: float) -> float:
        """Bytes; 0 while its container does not run."""
        run = next((each for each in reversed(pod.runs) if each.start <= at), None)
        if run is None or (run.end is not None and run.end <= at):
            return 0.0
        warm_up = self._state.world.timeline.span(pod.behaviour.warm_up)
        warmth = min(1.0, (at - run.start) / warm_up)
        used = pod.behaviour.memory * _MIB * (0.35 + 0.65 * warmth) * _around(0.03, pod.uid, "memory", int(at // 30))
        limit = resources(pod.template, "limits", "memory")
        return min(used, limit) if limit else used
