"""Argo Rollouts as API servers give them, in our words."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from bot.domain.progressive import StepList
from integrations.kubernetes import progressive, shapes

WEB: dict[str, Any] = {"containers": [{"name": "web", "image": "x:1"}]}
DEFAULTED: dict[str, Any] = {"containers": [{"name": "web", "image": "x:1", "imagePullPolicy": "IfNotPresent"}]}


def rollout(*, status: dict[str, Any] | None = None, **spec: Any) -> progressive.Rollout:
    raw = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "r", "generation": 3},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": WEB},
            "strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}},
            **spec,
        },
        "status": {"observedGeneration": "3", "stableRS": "aaa", "currentPodHash": "bbb", **(status or {})},
    }
    return msgspec.json.decode(json.dumps(raw), type=progressive.Rollout)


def replica_set(hash: str, owner: str = "r") -> shapes.ReplicaSet:
    labels = {"app": "web", progressive.HASH: hash}
    raw = {
        "metadata": {"name": f"web-{hash}", "uid": hash, "labels": labels, "ownerReferences": [{"uid": owner}]},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": DEFAULTED}},
    }
    return msgspec.json.decode(json.dumps(raw), type=shapes.ReplicaSet)


SETS = [replica_set("bbb", owner="another"), replica_set("aaa"), replica_set("bbb")]


def test_the_newest_pods_are_known_by_their_hash_though_their_template_has_defaults() -> None:
    found = progressive.newest(rollout(), SETS)
    assert found is SETS[2]


def test_before_its_controller_has_looked_there_are_none() -> None:
    assert progressive.newest(rollout(status={"observedGeneration": "2"}), SETS) is None
    assert progressive.newest(rollout(status={"observedGeneration": "5f9c"}), SETS) is None


def test_the_stable_template_is_that_of_its_pods() -> None:
    found = progressive.workload(rollout(), "alpha", sets=SETS).progressive
    assert found is not None
    assert found.stable_template is not None
    assert found.stable_template.raw() == {"metadata": {"labels": {"app": "web"}}, "spec": DEFAULTED}
    alone = progressive.workload(rollout(), "alpha").progressive
    assert alone is not None
    assert alone.stable_template is None


def test_a_template_that_stands_elsewhere_is_shown_by_what_runs() -> None:
    elsewhere = rollout(template=None, workloadRef={"kind": "Deployment", "name": "web"})
    found = progressive.workload(elsewhere, "alpha", sets=SETS)
    assert found.template.images == {"web": "x:1"}
    assert found.progressive is not None
    assert "workloadRef" in found.progressive.limits[0].plain()
    assert progressive.workload(elsewhere, "alpha").template.images == {}


def test_where_it_stands_in_words() -> None:
    status = {
        "currentStepIndex": 1,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}],
        "phase": "Paused",
        "message": "CanaryPauseStep",
        "canary": {"weights": {"canary": {"weight": 10}, "stable": {"weight": 90}}},
    }
    canary = {"steps": [{"setWeight": 10}, {"pause": {}}], "trafficRouting": {"traefik": {}}}
    found = progressive.workload(rollout(status=status, strategy={"canary": canary}), "alpha").progressive
    assert found is not None
    assert (found.index, found.weight, found.is_waiting, found.words) == (1, 10, True, "CanaryPauseStep")
    assert not found.is_promoted
    by_hand = {**status, "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]}
    other = progressive.workload(rollout(status=by_hand), "alpha").progressive
    assert other is not None
    assert (other.weight, other.is_waiting) == (None, False)


def test_the_stops_of_a_list_of_steps() -> None:
    own = StepList.of(
        [
            {"setWeight": 5},
            {"pause": {"duration": "1m30s"}},
            {"analysis": {"templates": []}},
            {"pause": {}},
            {"setWeight": 50},
            {"pause": {"duration": 20}},
            {"pause": {}},
        ]
    )
    assert [(stop.index, stop.percent) for stop in own.stops] == [(3, 5), (6, 50)]
    assert own.waits.total_seconds() == 110
    assert own.others == ("analysis",)
    assert [stop.percent for stop in own.with_end().stops] == [5, 50, 100]
    assert [(stop.index, stop.percent) for stop in StepList.shares([10]).stops] == [(1, 10), (3, 100)]
