"""What can be measured of a set of simulated pods at a moment; metrics and alert rules ask the same here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.ports.observing import Measure
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.objects import SimulatedPod
from integrations.simulated.traffic import Served


def measure(state: ClusterState, pods: Sequence[SimulatedPod], what: Measure, at: float) -> float | None:
    """None is "no data". Requests, cores, bytes and restarts are those of all pods together that are there, as the
    real queries sum them; errors and latency are weighed by requests.
    """
    there = [pod for pod in pods if pod.is_there(at)]
    if not there:
        return None
    match what:
        case Measure.MEMORY:
            used = [memory for pod in there if (memory := state.traffic.memory(pod, at))]
            return sum(used) if used else None
        case Measure.PEAK_MEMORY:
            return max((memory for pod in there if (memory := state.traffic.memory(pod, at))), default=None)
        case Measure.RESTARTS:
            return float(restarts(there, at))
        case Measure.CPU:
            return state.traffic.cores(there, at)
        case Measure.REQUESTS:
            return sum(each.requests for each in state.traffic.served(there, at))
        case Measure.ERRORS:
            return _weighed(state.traffic.served(there, at)).errors
        case Measure.LATENCY:
            return _weighed(state.traffic.served(there, at)).latency
        case _:
            assert_never(what)


@dataclass(frozen=True, slots=True)
class Quality:
    """What `measure` says of errors and of latency."""

    errors: float | None
    latency: float | None


def quality(state: ClusterState, pods: Sequence[SimulatedPod], at: float) -> Quality:
    """Both at the price of one."""
    return _weighed(state.traffic.served([pod for pod in pods if pod.is_there(at)], at))


def _weighed(samples: Sequence[Served]) -> Quality:
    requests = sum(each.requests for each in samples)
    if not requests:
        return Quality(None, None)
    return Quality(
        sum(each.errors * each.requests for each in samples) / requests,
        sum(each.latency * each.requests for each in samples) / requests,
    )


def restarts(pods: Sequence[SimulatedPod], at: float) -> int:
    return sum(bisect_right(pod.restarted, at) for pod in pods)
