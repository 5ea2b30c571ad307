"""Requests to simulated services: how many there are, which pods get them, and what that does to those pods.

Every figure is a function of the moment and of what stood then, also for moments long past: metrics and logs are drawn
from here and agree with each other.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.domain.workloads import selects
from integrations.simulated.objects import SimulatedPod, resources

if TYPE_CHECKING:
    from integrations.simulated.cluster_state import ClusterState

BASE_ERRORS = 0.004
BASE_LATENCY = 0.205
"""Seconds, 95th percentile."""
_KEPT = 26 * 3600.0
_IDLE_CORES = 0.01
_MIB = 1 << 20


def grain(*keys: object) -> float:
    """Chance that is the same whenever it is asked for: 0 to below 1."""
    said = "/".join(map(str, keys))
    return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=6).digest(), "big") / (1 << 48)


def _around(spread: float, *keys: object) -> float:
    return 1 + spread * (2 * grain(*keys) - 1)


@dataclass(slots=True)
class Flow:
    """What comes in at one service."""

    namespace: str
    service: str
    rates: list[tuple[float, float]] = field(default_factory=list)
    """Since when how many requests a second, on average."""
    segments: list[tuple[float, tuple[SimulatedPod, ...]]] = field(default_factory=list)
    """Since when which pods get them, in equal parts."""

    def rate(self, at: float) -> float:
        index = bisect_right(self.rates, at, key=lambda each: each[0])
        if not index:
            return 0.0
        wave = 1 + 0.1 * math.sin(2 * math.pi * at / 1800 + 6 * grain(self.namespace, self.service))
        return self.rates[index - 1][1] * wave * _around(0.04, self.namespace, self.service, int(at // 10))

    def endpoints(self, at: float) -> tuple[SimulatedPod, ...]:
        index = bisect_right(self.segments, at, key=lambda each: each[0])
        return self.segments[index - 1][1] if index else ()


class Traffic:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._flows: dict[tuple[str, str], Flow] = {}

    def put(self, namespace: str, service: str, requests: float) -> None:
        """From now on so many requests a second."""
        now = self._state.world.timeline.now
        flow = self._flows.setdefault((namespace, service), Flow(namespace, service))
        flow.rates.append((now, requests))
        self.rebalance(namespace)

    def flows(self, namespace: str) -> tuple[Flow, ...]:
        return tuple(flow for key, flow in self._flows.items() if key[0] == namespace)

    def rebalance(self, namespace: str) -> None:
        now = self._state.world.timeline.now
        found = self._state.namespace(namespace)
        for flow in self.flows(namespace):
            service = found.services.get(flow.service)
            pods = tuple(
                pod
                for pod in found.pods.values()
                if service is not None and pod.is_ready and pod.is_active and selects(service.selector, pod.labels)
            )
            if flow.segments and [each.uid for each in flow.segments[-1][1]] == [each.uid for each in pods]:
                continue
            flow.segments.append((now, pods))
            while len(flow.segments) > 1 and flow.segments[1][0] < now - _KEPT:
                flow.segments.pop(0)

    # --- of one pod ---------------------------------------------------------------------------------

    def requests(self, pod: SimulatedPod, at: float) -> float:
        total = 0.0
        for flow in self.flows(pod.namespace):
            pods = flow.endpoints(at)
            if pod in pods:
                total += flow.rate(at) / len(pods)
        return total

    def load(self, pod: SimulatedPod, at: float) -> float:
        return self.requests(pod, at) / pod.behaviour.capacity

    def errors(self, pod: SimulatedPod, at: float) -> float:
        """Share of its requests that fail."""
        usual = BASE_ERRORS * _around(0.25, pod.workload, int(at // 15))
        own = pod.behaviour.errors * _around(0.1, pod.uid, int(at // 15))
        return min(1.0, usual + own + 0.5 * max(0.0, self.load(pod, at) - 1))

    def latency(self, pod: SimulatedPod, at: float) -> float:
        """Seconds, 95th percentile."""
        busy = 1 + 3 * max(0.0, self.load(pod, at) - 0.8)
        return BASE_LATENCY * pod.behaviour.latency * busy * _around(0.06, pod.uid, int(at // 15))

    def cpu(self, pod: SimulatedPod, at: float) -> float:
        """Cores."""
        cores = _IDLE_CORES + self.requests(pod, at) * pod.behaviour.cpu * _around(0.05, pod.uid, "cpu", int(at // 15))
        limit = resources(pod.template, "limits", "cpu")
        return min(cores, limit) if limit else cores

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
