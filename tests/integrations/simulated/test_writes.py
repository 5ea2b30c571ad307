"""Writes under faults: what is applied, counted and recognised when answers are lost, late or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.errors import Conflict, Refused, Unavailable
from bot.domain.refs import OperationId
from bot.domain.workloads import Workload
from bot.ports.clusters import Acting
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.faults import How
from integrations.simulated.seed import CLUSTER
from tests.integrations.simulated.conftest import ANA, Scene, mark


def test_each_applied_write_is_listed_with_who_and_for_what(scene: Scene) -> None:
    web = scene.workload()
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    (effect,) = scene.world.effects_of(OperationId("op-7"))
    assert (effect.method, effect.target, effect.mark, effect.acting) == ("scale", web.ref, mark(), ANA)
    assert (effect.at, effect.words) == (scene.clock.now(), "replicas 6 -> 7")


def test_a_write_that_never_arrived_has_no_effect(scene: Scene) -> None:
    web = scene.workload()
    scene.world.faults.put("scale", How.BEFORE)
    with pytest.raises(Unavailable):
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert (scene.workload().replicas, scene.world.effects) == (6, [])
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert scene.workload().replicas == 7


def test_a_write_whose_answer_is_lost_has_its_effect_once(scene: Scene) -> None:
    web = scene.workload()
    scene.world.faults.put("writes", How.AFTER)
    with pytest.raises(Unavailable) as lost:
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert lost.value.why is not None
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert scene.workload().replicas == 7
    assert len(scene.world.effects) == 1


def test_a_late_write_lands_when_nothing_has_changed_meanwhile(scene: Scene) -> None:
    web = scene.workload()
    scene.world.faults.put("scale", How.LATE, delay=timedelta(seconds=30))
    with pytest.raises(Unavailable):
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert scene.workload().replicas == 6
    scene.clock.sleep(31)
    assert (scene.workload().replicas, scene.workload().mark) == (7, mark())


LATE: tuple[tuple[str, Callable[[Scene, Workload], object]], ...] = (
    ("scale", lambda scene, web: scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())),
    ("delete", lambda scene, web: scene.writes.workloads.delete(web.ref, mark=mark())),
    ("replace_template", lambda scene, _: scene.deploy("1.8.2")),
)


@pytest.mark.parametrize(("what", "write"), LATE)
def test_a_stamp_defeats_what_is_still_under_way(
    scene: Scene, what: str, write: Callable[[Scene, Workload], object]
) -> None:
    web = scene.workload()
    scene.world.faults.put(what, How.LATE, delay=timedelta(seconds=30))
    with pytest.raises(Unavailable):
        write(scene, web)
    scene.writes.workloads.stamp(web.ref, mark=mark(fence=6))
    scene.clock.sleep(31)
    left = scene.workload()
    assert (left.replicas, left.template, left.mark) == (6, web.template, mark(fence=6))
    assert [effect.method for effect in scene.world.effects] == ["stamp"]


def test_a_late_creation_lands_once(scene: Scene) -> None:
    web = scene.workload()
    labels = {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
    template = web.template.with_labels(put=labels)

    def create() -> None:
        scene.writes.workloads.create_copy(
            web.ref, name="web-canary", template=template, selector=labels, replicas=1, mark=mark()
        )

    scene.world.faults.put("create_copy", How.LATE)
    with pytest.raises(Unavailable):
        create()
    create()
    scene.clock.sleep(10)
    assert [effect.method for effect in scene.world.effects] == ["create_copy"]


def test_a_refusal_can_be_about_one_person(scene: Scene) -> None:
    web = scene.workload()
    scene.world.faults.put("writes", How.REFUSED, user="ana", times=5)
    with pytest.raises(Refused):
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    scene.cluster.writes(Acting("bo", ())).workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert scene.workload().replicas == 7


def test_slowness_takes_time_of_the_clock(scene: Scene) -> None:
    began = scene.clock.now()
    scene.world.faults.put("find", How.SLOW, delay=timedelta(seconds=8))
    scene.workload()
    assert scene.clock.now() - began == timedelta(seconds=8)


def test_reads_can_fail_too(scene: Scene) -> None:
    scene.world.faults.put("rollout", How.BEFORE, times=2)
    web = scene.workload()
    for _ in range(2):
        with pytest.raises(Unavailable):
            scene.reads.rollout(web.ref)
    assert scene.reads.rollout(web.ref).workload.is_settled


def test_another_cluster_under_the_pinned_name_is_refused(scene: Scene) -> None:
    pinned = SimulatedCluster(scene.world, CLUSTER, expected_uid="4f1c")
    with pytest.raises(Refused):
        pinned.ping()
    web = scene.workload()
    with pytest.raises(Refused):
        pinned.writes(ANA).workloads.scale(web.ref, before=6, after=7, mark=mark())
    assert scene.workload().replicas == 6


def test_an_object_made_anew_is_not_the_one_that_was_planned_for(scene: Scene) -> None:
    web = scene.workload()
    scene.world.scene(CLUSTER).add_deployment(
        "web-prod", "web", web.template, replicas=6, selector=web.selector, labels=web.labels
    )
    assert scene.workload().ref.uid != web.ref.uid
    scene.writes.workloads.stamp(web.ref, mark=mark())
    assert scene.workload().mark is None


def test_the_owner_of_the_image_is_no_longer_seen_after_our_first_write(scene: Scene) -> None:
    assert scene.workload().managers == ("kubectl-client-side-apply",)
    scene.deploy("1.8.2")
    assert scene.workload().managers == ()


def test_a_step_of_another_operation_does_not_pass_for_ours(scene: Scene) -> None:
    web = scene.workload()
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark(op=6, fence=4))
    with pytest.raises(Conflict):
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
