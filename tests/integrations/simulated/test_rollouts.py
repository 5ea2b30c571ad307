"""What pods and Deployments do in time: rolling out, failing in each known way, scaling, going."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Missing
from bot.domain.templates import Template
from bot.domain.workloads import Strategy, TroubleKind
from integrations.simulated.clusters import SimulatedCluster
from integrations.simulated.seed import CLUSTER, demo_world, template_of
from tests.integrations.simulated.conftest import Scene, mark
from tests.kit.clocks import ManualClock


def test_the_demo_world_settles_within_seconds(clock: ManualClock) -> None:
    scene = Scene(clock, demo_world(clock, history=timedelta(0)))
    assert scene.workload().ready == 0
    took = scene.until(lambda rollout: rollout.workload.is_settled)
    assert 2 <= took <= 6
    assert scene.workload().ready == 6


def test_a_rolling_update_completes_and_never_goes_below_what_is_allowed(scene: Scene) -> None:
    before = scene.deploy("1.8.2", min_ready=10)
    least, most = 6, 0
    for _ in range(400):
        now = scene.reads.rollout(before.ref).workload
        least, most = min(least, now.available), max(most, now.total)
        if now.is_settled:
            break
        scene.clock.sleep(0.25)
    found = scene.reads.rollout(before.ref)
    assert found.workload.is_settled
    assert found.workload.updated == len(found.pods) == 6
    assert (least, most) == (5, 7)
    digest = scene.world.registry.find("registry.test/web", "1.8.2")
    assert digest is not None
    assert {pod.image_ids["web"] for pod in found.pods} == {digest.digest}


def test_a_change_is_observed_a_moment_later(scene: Scene) -> None:
    scene.deploy("1.8.2")
    changed = scene.workload()
    assert changed.observed_generation < changed.generation
    scene.clock.sleep(0.2)
    assert scene.workload().observed_generation == changed.generation


@pytest.mark.parametrize(
    ("tag", "kind", "is_fatal", "soonest", "latest"),
    [
        ("9.9.9", TroubleKind.PULL, True, 0.5, 3.0),
        ("1.9.7", TroubleKind.START, True, 0.5, 3.0),
        ("1.9.8", TroubleKind.INIT, True, 0.5, 3.0),
        ("1.9.1", TroubleKind.CRASH, True, 2.0, 6.5),
        ("1.9.3", TroubleKind.OUT_OF_MEMORY, True, 2.0, 6.5),
        ("1.9.6", TroubleKind.LIVENESS, True, 2.0, 6.5),
        ("1.9.2", TroubleKind.NOT_READY, False, 0.5, 3.0),
    ],
)
def test_each_failure_shows_its_trouble_in_time(
    scene: Scene, tag: str, kind: TroubleKind, is_fatal: bool, soonest: float, latest: float
) -> None:
    scene.deploy(tag, min_ready=10)
    took = scene.until(lambda rollout: bool(rollout.troubles))
    trouble = scene.reads.rollout(scene.workload().ref).troubles[0]
    assert (trouble.kind, trouble.is_fatal) == (kind, is_fatal)
    assert soonest <= took <= latest
    scene.clock.sleep(120)
    assert scene.reads.rollout(scene.workload().ref).troubles[0].kind is kind
    assert scene.workload().available == 5


def test_a_missing_config_is_said_and_waited_for_by_nobody(scene: Scene) -> None:
    before = scene.workload()
    after = before.template.with_config_maps({"web-config": "web-gone"})
    scene.writes.workloads.replace_template(
        before.ref, before=before.template, after=after, min_ready=(0, 0), mark=mark()
    )
    scene.until(lambda rollout: any(each.kind is TroubleKind.CONFIG for each in rollout.troubles), within=3)
    scene.writes.configs.create("web-prod", "web-gone", {"A": "1"}, mark=mark("2"))
    scene.until(lambda rollout: rollout.workload.is_settled)


def test_a_missing_volume_is_said_and_waited_out(scene: Scene) -> None:
    web = scene.workload()
    raw = web.template.raw()
    raw["spec"]["volumes"] = [{"name": "pages", "configMap": {"name": "web-pages"}}]
    scene.writes.workloads.replace_template(
        web.ref, before=web.template, after=Template.of(raw), min_ready=(0, 0), mark=mark()
    )
    scene.until(lambda rollout: any(each.kind is TroubleKind.MOUNT for each in rollout.troubles), within=3)
    scene.world.scene(CLUSTER).add_config("web-prod", "web-pages", {"index.html": "hi"})
    scene.until(lambda rollout: rollout.workload.is_settled)


def test_pods_beyond_the_quota_are_refused(scene: Scene) -> None:
    scene.world.scene(CLUSTER).add_quota("web-prod", "tight", {"pods": 16.0})
    scene.deploy("1.8.2")
    took = scene.until(lambda rollout: any(each.kind is TroubleKind.QUOTA for each in rollout.troubles))
    assert took <= 1
    trouble = scene.reads.rollout(scene.workload().ref).troubles[0]
    assert "exceeded quota: tight" in trouble.words
    scene.until(lambda rollout: rollout.workload.is_settled)


def test_pods_without_room_wait_until_there_is_some(scene: Scene) -> None:
    nodes = scene.world.scene(CLUSTER).nodes
    for node in nodes:
        node.is_cordoned = True
    web = scene.workload()
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    scene.until(lambda rollout: any(each.kind is TroubleKind.UNSCHEDULABLE for each in rollout.troubles), within=3)
    nodes[0].is_cordoned = False
    scene.until(lambda rollout: rollout.workload.is_settled and rollout.workload.ready == 7)


def test_an_unreachable_registry_is_told_from_a_missing_image_and_waited_out(scene: Scene) -> None:
    scene.world.registry.is_down = True
    scene.deploy("1.8.2")
    scene.until(lambda rollout: any(each.kind is TroubleKind.REGISTRY_DOWN for each in rollout.troubles), within=3)
    scene.world.registry.is_down = False
    scene.until(lambda rollout: rollout.workload.is_settled)


def test_a_crash_loop_backs_off_and_counts_its_restarts(scene: Scene) -> None:
    scene.deploy("1.9.1")
    scene.clock.sleep(15)
    early = max(pod.restarts for pod in scene.reads.rollout(scene.workload().ref).pods)
    scene.clock.sleep(105)
    late = max(pod.restarts for pod in scene.reads.rollout(scene.workload().ref).pods)
    assert 1 <= early <= 2
    assert early < late <= 5


def test_more_memory_mends_what_was_killed_for_it(scene: Scene) -> None:
    web = scene.workload()
    after = template_of("web", "1.9.3", config="web-config", memory="1Gi")
    scene.writes.workloads.replace_template(web.ref, before=web.template, after=after, min_ready=(0, 0), mark=mark())
    scene.until(lambda rollout: rollout.workload.is_settled)
    scene.clock.sleep(60)
    assert scene.reads.rollout(web.ref).troubles == ()


def test_going_back_mid_way_uses_the_old_replica_set_again(scene: Scene) -> None:
    old = {pod.name for pod in scene.reads.rollout(scene.workload().ref).pods}
    before = scene.deploy("1.9.2", min_ready=10)
    scene.clock.sleep(20)
    bad = scene.workload()
    scene.writes.workloads.replace_template(
        before.ref, before=bad.template, after=before.template, min_ready=(10, 0), mark=mark("u1")
    )
    scene.until(lambda rollout: rollout.workload.is_settled)
    assert len(old & {pod.name for pod in scene.reads.rollout(before.ref).pods}) == 5


def test_recreate_has_no_pod_of_either_kind_in_between(scene: Scene) -> None:
    scene.world.scene(CLUSTER).deployment("web-prod", "web").strategy = Strategy.RECREATE
    scene.deploy("1.8.2")
    scene.until(lambda rollout: rollout.workload.total == 0)
    assert scene.workload().terminating > 0
    scene.until(lambda rollout: rollout.workload.is_settled)


def test_a_paused_deployment_takes_the_change_and_does_nothing(scene: Scene) -> None:
    deployment = scene.world.scene(CLUSTER).deployment("web-prod", "web")
    deployment.is_paused = True
    scene.deploy("1.8.2")
    scene.clock.sleep(60)
    assert (scene.workload().updated, scene.workload().ready, scene.workload().is_paused) == (0, 6, True)


def test_pods_that_are_taken_away_end_for_a_few_seconds(scene: Scene) -> None:
    web = scene.workload()
    scene.writes.workloads.scale(web.ref, before=6, after=2, mark=mark())
    scene.clock.sleep(0.5)
    assert (scene.workload().total, scene.workload().terminating, scene.workload().is_settled) == (2, 4, False)
    assert 1 <= scene.until(lambda rollout: rollout.workload.is_settled) <= 4


def test_a_deleted_deployment_is_gone_at_once_and_its_pods_soon(scene: Scene) -> None:
    web = scene.workload()
    scene.writes.workloads.delete(web.ref, mark=mark())
    assert scene.reads.find("web-prod", "web") is None
    with pytest.raises(Missing):
        scene.reads.rollout(web.ref)
    scene.clock.sleep(5)
    assert not [pod for pod in scene.world.scene(CLUSTER).namespace("web-prod").pods.values() if pod.workload == "web"]


def test_an_autoscaler_undoes_a_size_outside_its_bounds(scene: Scene) -> None:
    checkout = scene.workload("checkout")
    scene.writes.workloads.scale(checkout.ref, before=6, after=9, mark=mark())
    scene.clock.sleep(20)
    assert scene.workload("checkout").replicas == 6


def test_an_autoscaler_follows_the_load_and_holds_while_it_may_not_shrink(scene: Scene) -> None:
    scaler = scene.reads.surroundings(scene.workload("checkout")).autoscaler
    assert scaler is not None
    scene.writes.autoscalers.hold_scale_down(scaler.ref, before="", after="Disabled", mark=mark())
    state = scene.world.scene(CLUSTER)
    with scene.world.entered():
        state.traffic.put("web-prod", "checkout", 10.0)
    scene.clock.sleep(180)
    assert scene.workload("checkout").replicas == 6
    scene.writes.autoscalers.hold_scale_down(scaler.ref, before="Disabled", after="", mark=mark("u1"))
    scene.clock.sleep(180)
    assert scene.workload("checkout").replicas == 2


def test_the_disruption_budget_and_the_quota_count_what_is_there(scene: Scene) -> None:
    around = scene.reads.surroundings(scene.workload())
    assert [(each.name, each.allowed) for each in around.budgets] == [("web", 1)]
    used = {each.resource: each.used for each in around.quotas}
    assert used["pods"] == 15
    assert used["requests.cpu"] == pytest.approx(6 * 0.25 + 6 * 0.1 + 3 * 0.25)


def test_the_same_seed_gives_the_same_world_however_often_it_is_looked_at(clock: ManualClock) -> None:
    other_clock = ManualClock()
    one = Scene(clock, demo_world(clock, seed=3, history=timedelta(0)))
    two = Scene(other_clock, demo_world(other_clock, seed=3, history=timedelta(0)))
    for _ in range(120):
        one.workload()
        clock.sleep(0.25)
    other_clock.sleep(30)
    for each in (one, two):
        each.deploy("1.9.1")
        each.clock.sleep(20)
    assert one.reads.rollout(one.workload().ref) == two.reads.rollout(two.workload().ref)


def test_another_seed_gives_another_world(clock: ManualClock) -> None:
    one, two = (Scene(clock, demo_world(clock, seed=seed, history=timedelta(0))) for seed in (1, 2))
    assert one.workload().ref.uid != two.workload().ref.uid


def test_pace_makes_everything_faster(clock: ManualClock) -> None:
    scene = Scene(clock, demo_world(clock, pace=10.0, history=timedelta(0)))
    clock.sleep(1)
    assert scene.workload().is_settled
    scene.deploy("1.8.2", min_ready=10)
    assert scene.until(lambda rollout: rollout.workload.is_settled) <= 5


def test_history_gives_the_world_a_past(clock: ManualClock) -> None:
    scene = Scene(clock, demo_world(clock, history=timedelta(hours=1)))
    started = {pod.started for pod in scene.reads.rollout(scene.workload().ref).pods}
    assert all(each is not None and clock.now() - each > timedelta(minutes=59) for each in started)
    assert replace(scene.workload().ref, uid="").name == "web"


def test_many_may_look_and_write_at_once(scene: Scene) -> None:
    names = ("web", "checkout", "cart")

    def work(name: str) -> None:
        for step in range(20):
            found = scene.workload(name)
            scene.reads.rollout(found.ref)
            scene.reads.logs(found.ref, since=timedelta(seconds=30), limit=20)
            scene.clock.sleep(0.2)
            scene.writes.workloads.stamp(found.ref, mark=mark(str(step)))

    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(work, names))
    assert len(scene.world.effects) == 60


def test_two_clusters_are_apart(scene: Scene) -> None:
    second = scene.world.add_cluster("us-1")
    second.add_deployment("web-prod", "web", template_of("web", "1.8.1"), replicas=2)
    other = SimulatedCluster(scene.world, "us-1")
    scene.clock.sleep(10)
    found = other.reads().workloads.find("web-prod", "web")
    assert found is not None
    assert (found.ready, found.ref.cluster) == (2, "us-1")
    assert other.uid() != scene.cluster.uid()
    assert scene.workload().ready == 6
