"""What is wrong with the newest pods of a workload, in the words of delivery: fatal, or to be waited out.

Pure. The pods' own states say most; what only events say (a probe that fails, a volume that cannot be mounted, the
cause behind a bare back-off) is taken from them. A crash may show as `terminated` between two starts, without
CrashLoopBackOff (kubelet 1.36 and later), so both are looked at, and the state before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.workloads import FATAL, Trouble, TroubleKind
from integrations.kubernetes import shapes
from integrations.kubernetes.decoding import is_ready
from integrations.kubernetes.errors import capped

WORDS = 300
FORGOTTEN = timedelta(minutes=10)
"""A container that is ready and whose last end is older than this has recovered."""
MOST = 20

_PULL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CONFIG = frozenset({"CreateContainerConfigError"})
_START = frozenset(
    {"RunContainerError", "StartError", "CreateContainerError", "ContainerCannotRun", "PostStartHookError"}
)
_PROBE_KILLS = ("Liveness probe failed", "Startup probe failed")
_UNREACHABLE = re.compile(
    r"dial tcp|no such host|i/o timeout|connection (?:refused|reset)|TLS handshake timeout|network is unreachable"
    r"|no route to host|deadline exceeded|Client\.Timeout|unexpected EOF|server misbehaving|too ?many ?requests"
    r"|(?:status(?: code)?|HTTP)[ :a-z]*5\d\d|50[0234] [A-Z]|service unavailable",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Told:
    """Warning events by the uid of what they are about, the newest last."""

    events: Mapping[str, Sequence[shapes.Event]]

    @classmethod
    def of(cls, events: Iterable[shapes.Event]) -> Told:
        found: dict[str, list[shapes.Event]] = {}
        for event in sorted(events, key=_when):
            found.setdefault(event.involved_object.uid, []).append(event)
        return cls(found)

    def newest(self, uid: str, *reasons: str, words: tuple[str, ...] = (), container: str = "") -> shapes.Event | None:
        """`words`: how the message may begin."""
        for event in reversed(self.events.get(uid, ())):
            if (
                event.reason in reasons
                and (not words or event.message.startswith(words))
                and (not container or f"{{{container}}}" in event.involved_object.field_path)
            ):
                return event
        return None


def _when(event: shapes.Event) -> float:
    at = event.last_timestamp or event.event_time
    return at.timestamp() if at else 0.0


def troubles(
    found: shapes.Deployment, newest: shapes.ReplicaSet | None, pods: Sequence[shapes.Pod], told: Told, now: datetime
) -> tuple[Trouble, ...]:
    """At most 20, the fatal ones first."""
    seen = [*_of_creation(found, newest)]
    for pod in pods:
        # Pods that go, and those that the node threw out, say nothing about the version that they ran.
        if pod.metadata.deletion_timestamp is None and not (pod.status.phase == "Failed" and pod.status.reason):
            seen.extend(_of_pod(pod, told, now))
    return tuple(sorted(seen, key=lambda each: each.kind not in FATAL)[:MOST])


def _of_creation(found: shapes.Deployment, newest: shapes.ReplicaSet | None) -> Iterator[Trouble]:
    conditions: list[shapes.Condition] = []
    if newest is not None:
        conditions = [each for each in newest.status.conditions or () if each.type == "ReplicaFailure"]
    elif found.status.observed_generation >= found.metadata.generation:
        conditions = [
            each
            for each in found.status.conditions or ()
            if each.type == "ReplicaFailure" or each.reason == "ReplicaSetCreateError"
        ]
    for each in conditions:
        if each.status == "True" or each.reason == "ReplicaSetCreateError":
            yield Trouble(TroubleKind.QUOTA, "", "", _words(each.message or each.reason))
            return


def _of_pod(pod: shapes.Pod, told: Told, now: datetime) -> Iterator[Trouble]:
    name, uid = pod.metadata.name, pod.metadata.uid
    for each in pod.status.conditions or ():
        if each.type == "PodScheduled" and each.status == "False" and each.reason == "Unschedulable":
            yield Trouble(TroubleKind.UNSCHEDULABLE, name, "", _words(each.message))
            return
    inits = list(pod.status.init_container_statuses or ())
    for status in inits:
        if trouble := _of_container(pod, status, told, now, is_init=True):
            yield trouble
            return
    is_any = False
    for status in pod.status.container_statuses or ():
        if trouble := _of_container(pod, status, told, now, is_init=False):
            is_any = True
            yield trouble
    if is_any or is_ready(pod):
        return
    if event := told.newest(uid, "FailedMount", "FailedAttachVolume"):
        if any(each.state.waiting for each in (*inits, *(pod.status.container_statuses or ()))):
            yield Trouble(TroubleKind.MOUNT, name, "", _words(event.message), max(event.count, 1))
    elif event := told.newest(uid, "Unhealthy", words=("Readiness probe",)):
        container = event.involved_object.field_path.partition("{")[2].rstrip("}")
        yield Trouble(TroubleKind.NOT_READY, name, container, _words(event.message), max(event.count, 1))


def _of_container(
    pod: shapes.Pod, status: shapes.ContainerStatus, told: Told, now: datetime, *, is_init: bool
) -> Trouble | None:
    waiting = status.state.waiting
    name, uid = pod.metadata.name, pod.metadata.uid
    if waiting and waiting.reason in _PULL:
        return _of_pull(pod, status, waiting, told)
    if waiting and waiting.reason in _CONFIG:
        return Trouble(TroubleKind.CONFIG, name, status.name, _words(waiting.message or waiting.reason))
    ended = _ended(status, now, is_init=is_init)
    start = waiting if waiting and waiting.reason in _START else None
    if start or (ended and ended.reason in _START):
        words = (ended.message if ended else "") or (start.message or start.reason if start else "")
        kind = TroubleKind.INIT if is_init else TroubleKind.START
        return Trouble(kind, name, status.name, _words(words or "it cannot be started"), max(status.restart_count, 1))
    if ended is None:
        return None
    count = max(status.restart_count, 1)
    if ended.reason == "OOMKilled":
        return Trouble(TroubleKind.OUT_OF_MEMORY, name, status.name, "OOMKilled", count, ended.exit_code)
    words = _words(ended.message or f"{ended.reason or 'ended'} with exit code {ended.exit_code}")
    if is_init:
        return Trouble(TroubleKind.INIT, name, status.name, words, count, ended.exit_code)
    if event := told.newest(uid, "Unhealthy", words=_PROBE_KILLS, container=status.name):
        return Trouble(TroubleKind.LIVENESS, name, status.name, _words(event.message), count, ended.exit_code)
    return Trouble(TroubleKind.CRASH, name, status.name, words, count, ended.exit_code)


def _ended(status: shapes.ContainerStatus, now: datetime, *, is_init: bool) -> shapes.Terminated | None:
    """The end that counts: the present one, or the one before the restart that still matters."""
    present = status.state.terminated
    if present is not None:
        # An init container that ended well is done, whatever it took to get there.
        return None if is_init and present.exit_code == 0 else present
    last = status.last_state.terminated
    if last is None or status.restart_count == 0 or (is_init and last.exit_code == 0):
        return None
    if status.ready and last.finished_at is not None and now - last.finished_at > FORGOTTEN:
        return None
    return last


def _of_pull(pod: shapes.Pod, status: shapes.ContainerStatus, waiting: shapes.Waiting, told: Told) -> Trouble:
    words = waiting.message or waiting.reason
    if waiting.reason == "ImagePullBackOff" and "ErrImagePull" not in words:
        # A bare back-off: the cause stands in the event of the attempt before it.
        event = told.newest(pod.metadata.uid, "Failed", words=("Failed to pull image",), container=status.name)
        words = event.message if event else words
    is_down = waiting.reason == "RegistryUnavailable" or _UNREACHABLE.search(words) is not None
    kind = TroubleKind.REGISTRY_DOWN if is_down else TroubleKind.PULL
    return Trouble(kind, pod.metadata.name, status.name, _words(words))


def _words(message: str) -> str:
    return capped(message, WORDS)
