"""What a real node's pods look like to us: each way of failing, logs, and the whole road of a deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Missing
from bot.domain.refs import OperationId
from bot.domain.templates import Template
from bot.domain.workloads import Mark, Rollout, Trouble, TroubleKind, Workload
from bot.ports.clusters import Acting, PodLine, Workloads
from tests.cluster.kubernetes_stage import KubectlStage
from tests.rig.rig import Namespace, Rig
from tests.rig.sample import SampleApp
from tests.rig.waiting import until

ANN = Acting("ann", ("devs",), "op-7")


@pytest.fixture
def stage(namespace: Namespace) -> KubectlStage:
    return KubectlStage.of(namespace)


@pytest.fixture
def reads(stage: KubectlStage) -> Workloads:
    return stage.cluster.reads().workloads


@pytest.fixture
def image(rig: Rig) -> str:
    return rig.push_image("web", "1.0", VERSION="1.0")


def running(namespace: Namespace, reads: Workloads, image: str, *, replicas: int = 2) -> Workload:
    namespace.deploy(SampleApp("web", image, replicas=replicas))
    found = reads.find(namespace.name, "web")
    assert found is not None
    return found


def replaced(stage: KubectlStage, web: Workload, template: Template) -> None:
    mark = Mark(OperationId("op-7"), "1", 5)
    stage.cluster.writes(ANN).workloads.replace_template(
        web.ref, before=web.template, after=template, min_ready=(web.min_ready_seconds, 10), mark=mark
    )


def changed(web: Workload, **container: object) -> Template:
    """The template with other fields of its one container."""
    raw = web.template.raw()
    raw["spec"]["containers"][0].update(container)
    return Template.of(raw)


def variables(**env: str) -> list[Mapping[str, str]]:
    return [{"name": name, "value": value} for name, value in env.items()]


def trouble_of(reads: Workloads, web: Workload, kind: TroubleKind) -> tuple[Trouble, Rollout]:
    def found() -> tuple[Trouble, Rollout] | None:
        rollout = reads.rollout(web.ref)
        return next(((each, rollout) for each in rollout.troubles if each.kind is kind), None)

    return until(f"trouble {kind}", found, seconds=60, detail=lambda: reads.rollout(web.ref).troubles)


def test_a_good_version_settles_and_its_digest_is_what_was_asked_for(
    rig: Rig, namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str
) -> None:
    web = running(namespace, reads, image)
    new = rig.push_image("web", "2.0", VERSION="2.0")
    replaced(stage, web, web.template.with_image("web", new))
    first = reads.rollout(web.ref)
    assert not first.workload.is_settled
    until("the new version to settle", lambda: reads.rollout(web.ref).workload.is_settled, seconds=90)
    rollout = reads.rollout(web.ref)
    assert rollout.troubles == ()
    assert len(rollout.pods) == 2
    assert {pod.name.rpartition("-")[0] for pod in rollout.pods} == {rollout.replica_set}
    assert all(pod.is_ready and not pod.restarts and pod.node == "node1" for pod in rollout.pods)
    assert {digest for pod in rollout.pods for digest in pod.image_ids.values()} == {new.rpartition("@")[2]}
    # Setting the image takes it over: its owner is known only before our first write.
    assert (web.managers, rollout.workload.managers) == (("kubectl",), ())


BROKEN: Mapping[str, tuple[TroubleKind, Mapping[str, object]]] = {
    "crash": (TroubleKind.CRASH, {"env": variables(CRASH="1")}),
    "command": (TroubleKind.START, {"command": ["/no/such/program"]}),
    "config": (
        TroubleKind.CONFIG,
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no-such-map", "key": "a"}}}]},
    ),
    "tag": (TroubleKind.PULL, {"image": "registry.test/web:no-such-tag"}),
    "name": (TroubleKind.PULL, {"image": "registry.test/no-such-app:1"}),
    "registry": (TroubleKind.REGISTRY_DOWN, {"image": "nowhere.invalid/web:1"}),
    "readiness": (TroubleKind.NOT_READY, {"env": variables(FAIL_READY="1")}),
    "liveness": (
        TroubleKind.LIVENESS,
        {
            "livenessProbe": {
                "httpGet": {"path": "/no-such-page", "port": 1},
                "periodSeconds": 1,
                "failureThreshold": 1,
            }
        },
    ),
    "memory": (
        TroubleKind.OUT_OF_MEMORY,
        {"env": variables(LEAK_MB="256"), "resources": {"limits": {"memory": "48Mi"}}},
    ),
    "room": (TroubleKind.UNSCHEDULABLE, {"resources": {"requests": {"memory": "900Gi"}}}),
    "quota": (TroubleKind.QUOTA, {"resources": {"requests": {"cpu": "50"}}}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_way_of_failing_is_told_from_the_others(
    rig: Rig, namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str, name: str
) -> None:
    kind, container = BROKEN[name]
    web = running(namespace, reads, image, replicas=1)
    old = {pod.uid for pod in reads.rollout(web.ref).pods}
    assert old
    if kind is TroubleKind.QUOTA:
        rig.kubectl("create", "quota", "small", "--hard=requests.cpu=1", "-n", namespace.name)
    replaced(stage, web, changed(web, **container))
    trouble, rollout = trouble_of(reads, web, kind)
    assert trouble.words
    assert rollout.workload.ready >= 1, "the old version serves on"
    assert not old & {pod.uid for pod in rollout.pods}
    if kind is not TroubleKind.QUOTA:
        assert trouble.pod in {pod.name for pod in rollout.pods}
    if kind is TroubleKind.OUT_OF_MEMORY:
        assert rollout.workload.template.memory_limit(trouble.container) == "48Mi"
    fatal_first = [each.is_fatal for each in rollout.troubles]
    assert fatal_first == sorted(fatal_first, reverse=True)


def test_an_init_container_that_fails(namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str) -> None:
    web = running(namespace, reads, image, replicas=1)
    raw = web.template.raw()
    raw["spec"]["initContainers"] = [{"name": "prepare", "image": image, "env": variables(CRASH="1")}]
    replaced(stage, web, Template.of(raw))
    trouble, _ = trouble_of(reads, web, TroubleKind.INIT)
    assert trouble.container == "prepare"


def test_a_volume_that_is_not_there(namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str) -> None:
    web = running(namespace, reads, image, replicas=1)
    raw = web.template.raw()
    raw["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "no-such-map"}}]
    raw["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    replaced(stage, web, Template.of(raw))
    trouble, _ = trouble_of(reads, web, TroubleKind.MOUNT)
    assert "no-such-map" in trouble.words


def test_the_newest_lines_of_all_pods_come_in_their_order(namespace: Namespace, reads: Workloads, image: str) -> None:
    web = running(namespace, reads, image)
    pods = {pod.name for pod in reads.rollout(web.ref).pods}
    lines = until("lines of both pods", lambda: several(reads, web, pods))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert all(line.container == "web" and line.words for line in lines)
    last = reads.logs(web.ref, since=timedelta(hours=1), limit=1)
    assert len(last) == 1
    one = next(iter(pods))
    assert {line.pod for line in reads.logs(web.ref, since=timedelta(hours=1), limit=50, pod=one)} == {one}
    assert reads.logs(web.ref, since=timedelta(hours=1), limit=50, previous=True) == ()
    with pytest.raises(Missing):
        reads.logs(web.ref, since=timedelta(hours=1), limit=50, pod="no-such-pod")


def several(reads: Workloads, web: Workload, pods: set[str]) -> tuple[PodLine, ...] | None:
    lines = reads.logs(web.ref, since=timedelta(hours=1), limit=100)
    return lines if {line.pod for line in lines} == pods else None


def test_what_a_crashed_container_said_last(
    namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str
) -> None:
    web = running(namespace, reads, image, replicas=1)
    replaced(stage, web, changed(web, env=variables(CRASH="1")))
    trouble_of(reads, web, TroubleKind.CRASH)

    def said() -> object:
        crashed = next(iter(reads.rollout(web.ref).pods), None)
        return crashed and reads.logs(web.ref, since=timedelta(hours=1), limit=20, pod=crashed.name, previous=True)

    until("its last words", said)


def test_a_deleted_deployment_and_its_name_taken_again(
    namespace: Namespace, stage: KubectlStage, reads: Workloads, image: str
) -> None:
    web = running(namespace, reads, image, replicas=1)
    stage.delete("web")
    again = stage.deploy("web", replicas=1)
    with pytest.raises(Missing):
        reads.rollout(web.ref)
    assert reads.rollout(replace(web.ref, uid="")).workload.ref.uid == again.ref.uid
