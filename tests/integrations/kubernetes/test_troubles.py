"""What a pod's states and events mean, from objects as kubelets of several ages report them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.workloads import Trouble, TroubleKind
from integrations.kubernetes import shapes
from integrations.kubernetes.troubles import FORGOTTEN, MOST, WORDS, Told, troubles

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-11-24T11:59:00Z"}}
NOT_FOUND = (
    'failed to pull and unpack image "registry.test/web:9": failed to resolve reference: registry.test/web:9: not found'
)


def at(before: timedelta) -> str:
    return (NOW - before).isoformat().replace("+00:00", "Z")


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(reason: str = "Error", code: int = 1, ago: timedelta = timedelta(seconds=5), **more: str) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "finishedAt": at(ago), **more}}


def container(
    state: dict[str, Any], *, last: dict[str, Any] | None = None, restarts: int = 0, ready: bool = False
) -> dict[str, Any]:
    return {
        "name": "web",
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
        "image": "",
        "imageID": "",
    }


def pod(
    *containers: dict[str, Any], inits: tuple[dict[str, Any], ...] = (), name: str = "web-1", **more: Any
) -> shapes.Pod:
    is_ready = all(each["ready"] for each in containers)
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
        "containerStatuses": list(containers),
        "initContainerStatuses": list(inits),
        **more.pop("status", {}),
    }
    raw = {"metadata": {"name": name, "uid": name, **more}, "spec": {"containers": [{"name": "web"}]}, "status": status}
    return msgspec.convert(raw, shapes.Pod)


def event(reason: str, message: str, *, of: str = "web-1", count: int = 1, ago: int = 1) -> shapes.Event:
    raw = {
        "involvedObject": {"uid": of, "fieldPath": "spec.containers{web}"},
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": at(timedelta(seconds=ago)),
    }
    return msgspec.convert(raw, shapes.Event)


def deployment(*conditions: Mapping[str, str]) -> shapes.Deployment:
    raw = {
        "metadata": {"name": "web", "uid": "d", "generation": 2},
        "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 2, "conditions": list(conditions)},
    }
    return msgspec.convert(raw, shapes.Deployment)


def replica_set(*conditions: Mapping[str, str]) -> shapes.ReplicaSet:
    raw = {"metadata": {"name": "web-x"}, "spec": {"template": {}}, "status": {"conditions": list(conditions)}}
    return msgspec.convert(raw, shapes.ReplicaSet)


def seen(*pods: shapes.Pod, events: tuple[shapes.Event, ...] = ()) -> tuple[Trouble, ...]:
    return troubles(deployment(), replica_set(), pods, Told.of(events), NOW)


def kinds(*pods: shapes.Pod, events: tuple[shapes.Event, ...] = ()) -> list[TroubleKind]:
    return [each.kind for each in seen(*pods, events=events)]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (waiting("ErrImagePull", NOT_FOUND), TroubleKind.PULL),
        (waiting("ImagePullBackOff", f'Back-off pulling image "x": ErrImagePull: {NOT_FOUND}'), TroubleKind.PULL),
        (
            waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization"),
            TroubleKind.PULL,
        ),
        (waiting("ErrImagePull", "failed to authorize: 401 Unauthorized"), TroubleKind.PULL),
        (waiting("InvalidImageName", 'couldn\'t parse image name "UPPER"'), TroubleKind.PULL),
        (waiting("ErrImagePull", "dial tcp 10.0.0.1:443: connect: connection refused"), TroubleKind.REGISTRY_DOWN),
        (waiting("ErrImagePull", "dial tcp: lookup registry.test: no such host"), TroubleKind.REGISTRY_DOWN),
        (waiting("ErrImagePull", "net/http: TLS handshake timeout"), TroubleKind.REGISTRY_DOWN),
        (
            waiting("ErrImagePull", "unexpected status from HEAD request: 503 Service Unavailable"),
            TroubleKind.REGISTRY_DOWN,
        ),
        (waiting("ErrImagePull", "toomanyrequests: You have reached your pull rate limit"), TroubleKind.REGISTRY_DOWN),
        (waiting("RegistryUnavailable", ""), TroubleKind.REGISTRY_DOWN),
        (waiting("CreateContainerConfigError", 'configmap "web" not found'), TroubleKind.CONFIG),
        (waiting("RunContainerError", "exec: no such file"), TroubleKind.START),
        (waiting("CreateContainerError", "name is reserved"), TroubleKind.START),
        (ended("StartError", 128, message="exec: not found"), TroubleKind.START),
        (ended("Error", 3), TroubleKind.CRASH),
        (ended("Completed", 0), TroubleKind.CRASH),
        (ended("OOMKilled", 137), TroubleKind.OUT_OF_MEMORY),
        (ended("Error", 137), TroubleKind.CRASH),
    ],
)
def test_the_state_of_a_container_says_what_is_wrong(state: dict[str, Any], kind: TroubleKind) -> None:
    assert kinds(pod(container(state))) == [kind]


@pytest.mark.parametrize(
    "state",
    [waiting("ContainerCreating"), waiting("PodInitializing"), RUNNING, {}],
    ids=["creating", "initializing", "running", "nothing"],
)
def test_what_has_only_begun_is_no_trouble(state: dict[str, Any]) -> None:
    assert kinds(pod(container(state))) == []


@pytest.mark.parametrize("state", [waiting("CrashLoopBackOff", "back-off 10s"), RUNNING, waiting("ContainerCreating")])
@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (ended("Error", 2), TroubleKind.CRASH),
        (ended("OOMKilled", 137), TroubleKind.OUT_OF_MEMORY),
        (ended("StartError", 128), TroubleKind.START),
    ],
)
def test_the_end_before_the_restart_counts(state: dict[str, Any], last: dict[str, Any], kind: TroubleKind) -> None:
    [trouble] = seen(pod(container(state, last=last, restarts=4)))
    assert (trouble.kind, trouble.count, trouble.pod, trouble.container) == (kind, 4, "web-1", "web")


def test_a_crash_between_two_starts_is_seen_with_its_exit_code() -> None:
    [trouble] = seen(pod(container(ended("Error", 42))))
    assert (trouble.kind, trouble.exit_code, trouble.count) == (TroubleKind.CRASH, 42, 1)
    assert trouble.is_fatal


def test_a_restart_that_was_long_ago_and_recovered_is_forgotten() -> None:
    old = ended("Error", 1, FORGOTTEN + timedelta(seconds=1))
    recent = ended("Error", 1, FORGOTTEN - timedelta(seconds=1))
    assert kinds(pod(container(RUNNING, last=old, restarts=1, ready=True))) == []
    assert kinds(pod(container(RUNNING, last=old, restarts=1, ready=False))) == [TroubleKind.CRASH]
    assert kinds(pod(container(RUNNING, last=recent, restarts=1, ready=True))) == [TroubleKind.CRASH]


@pytest.mark.parametrize("words", ["Liveness probe failed: HTTP probe failed", "Startup probe failed: timeout"])
@pytest.mark.parametrize("code", [0, 137])
def test_a_probe_that_kills_is_told_from_a_crash_by_its_event(words: str, code: int) -> None:
    killed = pod(container(RUNNING, last=ended("Error" if code else "Completed", code), restarts=2))
    [trouble] = seen(killed, events=(event("Unhealthy", words),))
    assert (trouble.kind, trouble.count, trouble.exit_code) == (TroubleKind.LIVENESS, 2, code)
    assert words.startswith(trouble.words[:10])


def test_a_liveness_probe_that_failed_without_a_restart_is_no_liveness_kill() -> None:
    assert kinds(pod(container(RUNNING, ready=True)), events=(event("Unhealthy", "Liveness probe failed"),)) == []


def test_events_of_another_pod_say_nothing() -> None:
    crashed = pod(container(ended("Error", 1)))
    assert kinds(crashed, events=(event("Unhealthy", "Liveness probe failed", of="other"),)) == [TroubleKind.CRASH]


def test_a_failing_readiness_probe_is_known_from_its_event_while_it_fails() -> None:
    words = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count=7)
    [trouble] = seen(pod(container(RUNNING)), events=(words,))
    assert (trouble.kind, trouble.container, trouble.count) == (TroubleKind.NOT_READY, "web", 7)
    assert not trouble.is_fatal
    assert seen(pod(container(RUNNING, ready=True)), events=(words,)) == ()


def test_the_newest_of_several_events_is_told() -> None:
    old, new = (event("Unhealthy", f"Readiness probe failed: {n}", ago=ago) for n, ago in (("old", 60), ("new", 1)))
    assert seen(pod(container(RUNNING)), events=(new, old))[0].words.endswith("new")


def test_a_volume_that_cannot_be_mounted_is_known_from_its_event() -> None:
    words = event("FailedMount", 'MountVolume.SetUp failed for volume "x": configmap "x" not found')
    assert kinds(pod(container(waiting("ContainerCreating"))), events=(words,)) == [TroubleKind.MOUNT]
    assert kinds(pod(container(RUNNING)), events=(words,)) == []


def test_a_pod_without_a_node_waits() -> None:
    nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    [trouble] = seen(pod(status={"phase": "Pending", "conditions": [nowhere]}))
    assert (trouble.kind, trouble.words, trouble.is_fatal) == (TroubleKind.UNSCHEDULABLE, "0/3 nodes", False)


@pytest.mark.parametrize(
    "init",
    [
        container(ended("Error", 1)),
        container(waiting("CrashLoopBackOff"), last=ended("Error", 1), restarts=2),
        container(waiting("RunContainerError", "no such file")),
        container(ended("OOMKilled", 137)),
    ],
)
def test_an_init_container_that_fails(init: dict[str, Any]) -> None:
    [trouble] = seen(pod(container(waiting("PodInitializing")), inits=(init,)))
    assert trouble.kind in {TroubleKind.INIT, TroubleKind.OUT_OF_MEMORY}


@pytest.mark.parametrize(
    "init",
    [
        container(ended("Completed", 0)),
        container(ended("Completed", 0), last=ended("Error", 1), restarts=3),
        container(RUNNING),
        container(waiting("PodInitializing")),
    ],
)
def test_an_init_container_that_ended_well_or_runs_is_no_trouble(init: dict[str, Any]) -> None:
    assert kinds(pod(container(RUNNING, ready=True), inits=(init,))) == []


def test_a_bare_back_off_is_explained_by_the_event_before_it() -> None:
    bare = pod(container(waiting("ImagePullBackOff", 'Back-off pulling image "registry.test/web:9"')))
    down = event("Failed", 'Failed to pull image "x": dial tcp 10.0.0.1:443: i/o timeout')
    assert kinds(bare) == [TroubleKind.PULL]
    assert kinds(bare, events=(down,)) == [TroubleKind.REGISTRY_DOWN]


def test_pods_that_go_or_were_thrown_out_say_nothing() -> None:
    crashed = container(ended("Error", 1))
    assert kinds(pod(crashed, deletionTimestamp="2026-11-24T12:00:00Z")) == []
    assert kinds(pod(crashed, status={"phase": "Failed", "reason": "Evicted"})) == []


def test_pods_that_may_not_be_created() -> None:
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: small"}
    over = {**quota, "status": "False"}
    [trouble] = troubles(deployment(), replica_set(quota), (), Told.of(()), NOW)
    assert (trouble.kind, trouble.words, trouble.pod) == (TroubleKind.QUOTA, "exceeded quota: small", "")
    assert troubles(deployment(), replica_set(over), (), Told.of(()), NOW) == ()
    # The Deployment still speaks of the ReplicaSet before: only without a new one does it count.
    assert troubles(deployment(quota), replica_set(), (), Told.of(()), NOW) == ()
    assert troubles(deployment(quota), None, (), Told.of(()), NOW)[0].kind is TroubleKind.QUOTA


def test_fatal_ones_come_first_and_words_and_numbers_are_bounded() -> None:
    crashed = [pod(container(ended("Error", 1, message="x" * 900)), name=f"web-{n}") for n in range(MOST * 2)]
    nowhere = pod(
        name="nowhere",
        status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
    )
    found = seen(nowhere, *crashed[:3])
    assert [each.kind for each in found] == [TroubleKind.CRASH] * 3 + [TroubleKind.UNSCHEDULABLE]
    assert len(found[0].words) == WORDS
    assert len(seen(*crashed)) == MOST
