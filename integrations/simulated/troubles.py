"""What is wrong with the newest pods of a simulated workload, in the words of delivery."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.workloads import FATAL, Trouble, TroubleKind
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.objects import Deployment, End, SimulatedPod, Stage

_WORDS = 300
_MOST = 20
_FORGOTTEN = 600.0
"""A container that is ready and whose last end is older than this many seconds has recovered."""
_PROBE_PERIOD = 5.0


def troubles(state: ClusterState, deployment: Deployment) -> tuple[Trouble, ...]:
    """The fatal ones first."""
    newest = deployment.newest
    if newest is None:
        return ()
    seen = []
    if newest.failure:
        seen.append(Trouble(TroubleKind.QUOTA, "", "", newest.failure[:_WORDS]))
    for pod in state.pods_of(newest):
        if pod.is_active:
            seen.extend(_of_pod(state, pod))
    return tuple(sorted(seen, key=lambda each: each.kind not in FATAL)[:_MOST])


def _of_pod(state: ClusterState, pod: SimulatedPod) -> Iterator[Trouble]:
    now, span = state.world.timeline.now, state.world.timeline.span
    match pod.stage, pod.reason:
        case (Stage.UNSCHEDULED, _) if pod.words:
            yield Trouble(TroubleKind.UNSCHEDULABLE, pod.name, "", pod.words[:_WORDS])
        case (Stage.WAITING, "ErrImagePull"):
            is_down = "dial tcp" in pod.words
            kind = TroubleKind.REGISTRY_DOWN if is_down else TroubleKind.PULL
            yield Trouble(kind, pod.name, pod.container, pod.words[:_WORDS])
        case (Stage.WAITING, "CreateContainerConfigError"):
            yield Trouble(TroubleKind.CONFIG, pod.name, pod.container, pod.words[:_WORDS])
        case (Stage.WAITING, "FailedMount"):
            yield Trouble(TroubleKind.MOUNT, pod.name, "", pod.words[:_WORDS])
        case _:
            end = pod.last_end
            if end is not None and not (pod.is_ready and now - end.at > span(_FORGOTTEN)):
                yield _of_end(pod, end)
            elif pod.unready_since is not None:
                probes = 1 + int((now - pod.unready_since) / span(_PROBE_PERIOD))
                words = "Readiness probe failed: HTTP probe failed with statuscode: 503"
                yield Trouble(TroubleKind.NOT_READY, pod.name, pod.container, words, probes)


def _of_end(pod: SimulatedPod, end: End) -> Trouble:
    count, words = max(pod.restarts, 1), end.words[:_WORDS]
    if end.reason == "OOMKilled":
        kind = TroubleKind.OUT_OF_MEMORY
    elif end.reason == "StartError":
        return Trouble(TroubleKind.START, pod.name, pod.container, words, count)
    elif end.is_init:
        return Trouble(TroubleKind.INIT, pod.name, "migrate", words, count, end.exit_code)
    elif end.by_liveness:
        kind = TroubleKind.LIVENESS
    else:
        kind = TroubleKind.CRASH
        words = f"Error with exit code {end.exit_code}"
    return Trouble(kind, pod.name, pod.container, words, count, end.exit_code)
