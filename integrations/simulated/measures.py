"""What can be measured of a set of simulated pods at a moment; metrics and alert rules ask the same here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import assert_never

from bot.ports.observing import Measure
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.objects import SimulatedPod


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
        case Measure.RESTARTS:
            return float(restarts(there, at))
        case Measure.REQUESTS | Measure.ERRORS | Measure.LATENCY | Measure.CPU:
            pass
        case _:
            assert_never(what)
    samples = [state.traffic.sample(pod, at) for pod in there]
    requests = sum(each.requests for each in samples)
    match what:
        case Measure.REQUESTS:
            return requests
        case Measure.CPU:
            return sum(each.cpu for each in samples)
        case Measure.ERRORS:
            return sum(each.errors * each.requests for each in samples) / requests if requests else None
        case Measure.LATENCY:
            return sum(each.latency * each.requests for each in samples) / requests if requests else None
        case _:
            assert_never(what)


def restarts(pods: Sequence[SimulatedPod], at: float) -> int:
    return sum(bisect_right(pod.restarted, at) for pod in pods)
