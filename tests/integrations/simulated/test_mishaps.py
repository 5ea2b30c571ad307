"""Every switch of the demo world does what its sentence says, and its other half undoes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.domain.workloads import TroubleKind
from bot.ports.observing import LogQuery, Scope
from integrations.simulated.alerts import SimulatedAlerts
from integrations.simulated.logs import SimulatedLogs
from integrations.simulated.mishaps import MISHAPS, Mishap
from integrations.simulated.seed import CLUSTER
from tests.integrations.simulated.conftest import Scene, mark


def mishap(name: str) -> Mishap:
    return next(each for each in MISHAPS if each.name == name)


def undo(scene: Scene, name: str) -> None:
    off = mishap(name).off
    assert off is not None
    off(scene.world)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("registry-down", TroubleKind.REGISTRY_DOWN),
        ("no-room", TroubleKind.UNSCHEDULABLE),
        ("quota-full", TroubleKind.QUOTA),
    ],
)
def test_what_stands_in_the_way_of_new_pods_is_seen_and_ends(scene: Scene, name: str, kind: TroubleKind) -> None:
    mishap(name).on(scene.world)
    web = scene.workload()
    scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    scene.until(lambda rollout: any(each.kind is kind for each in rollout.troubles), within=3)
    undo(scene, name)
    scene.until(lambda rollout: rollout.workload.is_settled and rollout.workload.ready == 7)


def test_a_rush_makes_alerts_until_it_is_over(scene: Scene) -> None:
    alerts = SimulatedAlerts(scene.world)
    mishap("rush").on(scene.world)
    scene.clock.sleep(120)
    assert "HighErrorRate" in {alert.name for alert in alerts.list(("web-prod",))}
    undo(scene, "rush")
    scene.clock.sleep(60)
    assert alerts.list(("web-prod",)) == ()


def test_a_pod_that_crashes_once_comes_back(scene: Scene) -> None:
    mishap("crash").on(scene.world)
    assert scene.workload().ready == 5
    scene.clock.sleep(10)
    assert scene.workload().ready == 6
    assert sum(pod.restarts for pod in scene.reads.rollout(scene.workload().ref).pods) == 1


def test_a_log_store_that_does_not_answer_is_unavailable_and_comes_back(scene: Scene) -> None:
    now = scene.clock.now()
    query = LogQuery((Scope(CLUSTER, "web-prod", "web"),), now - timedelta(minutes=1), now)
    mishap("no-logs").on(scene.world)
    with pytest.raises(Unavailable):
        SimulatedLogs(scene.world).search(query)
    undo(scene, "no-logs")
    assert SimulatedLogs(scene.world).search(query).source == "simulated logs"


def test_a_cluster_that_does_not_answer_is_unavailable_and_comes_back(scene: Scene) -> None:
    mishap("cluster-unreadable").on(scene.world)
    with pytest.raises(Unavailable):
        scene.workload()
    undo(scene, "cluster-unreadable")
    assert scene.workload().is_settled


def test_mishaps_of_one_write_are_over_after_it(scene: Scene) -> None:
    web = scene.workload()
    mishap("lost-reply").on(scene.world)
    mishap("no-rights").on(scene.world)
    with pytest.raises(Unavailable):
        scene.writes.workloads.scale(web.ref, before=6, after=7, mark=mark())
    with pytest.raises(Refused):
        scene.writes.workloads.scale(web.ref, before=7, after=8, mark=mark("2"))
    scene.writes.workloads.scale(web.ref, before=7, after=8, mark=mark("2"))
    assert scene.workload().replicas == 8


def test_without_metrics_nothing_new_fires(scene: Scene) -> None:
    mishap("no-metrics").on(scene.world)
    scene.deploy("1.9.0")
    scene.clock.sleep(180)
    alerts = SimulatedAlerts(scene.world)
    assert alerts.list(("web-prod",)) == ()
    undo(scene, "no-metrics")
    scene.clock.sleep(90)
    assert len(alerts.list(("web-prod",))) == 1
