"""Objects as API servers give them, in our words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark, Strategy
from integrations.kubernetes import decoding, marks, shapes

WEB: dict[str, Any] = {"containers": [{"name": "web", "image": "x"}]}


def deployment(**more: Any) -> shapes.Deployment:
    raw: dict[str, Any] = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 3, **more.pop("metadata", {})},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": WEB},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 1}},
            **more.pop("spec", {}),
        },
        "status": more.pop("status", {}),
    }
    return msgspec.json.decode(json.dumps(raw), type=shapes.Deployment)


def replica_set(uid: str, template: dict[str, Any], *, owner: str = "d", **metadata: Any) -> shapes.ReplicaSet:
    raw = {
        "metadata": {"name": uid, "uid": uid, "ownerReferences": [{"uid": owner}], **metadata},
        "spec": {"template": template},
    }
    return msgspec.convert(raw, shapes.ReplicaSet)


def hashed(value: str, image: str = "x") -> dict[str, Any]:
    labels = {"app": "web", "pod-template-hash": value}
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}


def test_the_empty_timestamp_of_older_api_servers_is_no_part_of_a_template() -> None:
    old = {"metadata": {"creationTimestamp": None, "labels": {"app": "web"}}, "spec": WEB}
    new = {"metadata": {"labels": {"app": "web"}}, "spec": WEB}
    assert decoding.template_of(old) == decoding.template_of(new)
    assert "creationTimestamp" in old["metadata"]


def test_pods_that_end_are_counted_where_the_api_server_does_not_say() -> None:
    assert decoding.workload(deployment(), "alpha", terminating=2).terminating == 2
    said = deployment(status={"terminatingReplicas": 1})
    assert decoding.workload(said, "alpha", terminating=2).terminating == 1


def test_defaults_and_strategies() -> None:
    found = decoding.workload(deployment(spec={"strategy": {"type": "Recreate"}, "paused": True}), "alpha")
    assert (found.strategy, found.is_paused, found.max_unavailable) == (Strategy.RECREATE, True, "")
    rolling = decoding.workload(deployment(), "alpha")
    assert (rolling.strategy, rolling.max_unavailable, rolling.observed_generation) == (Strategy.ROLLING, "25%", 0)


def test_the_newest_replica_set_has_the_deployments_template_and_is_its_own() -> None:
    sets = [
        replica_set("other", hashed("1"), owner="another"),
        replica_set("old", hashed("2", image="y")),
        replica_set("new", hashed("3")),
    ]
    found = decoding.newest(deployment(), sets)
    assert found is not None
    assert found.metadata.uid == "new"
    assert decoding.newest(deployment(), sets[:2]) is None


def test_of_equal_replica_sets_the_oldest_is_the_one_in_use() -> None:
    sets = [
        replica_set("younger", hashed("1"), creationTimestamp="2026-02-01T00:00:00Z"),
        replica_set("older", hashed("2"), creationTimestamp="2026-01-01T00:00:00Z"),
    ]
    found = decoding.newest(deployment(), sets)
    assert found is not None
    assert found.metadata.uid == "older"


def test_after_an_upgrade_of_the_api_server_the_revision_decides() -> None:
    upgraded = deployment(
        metadata={"annotations": {decoding.REVISION: "4"}},
        status={"observedGeneration": 3},
        spec={"template": {"metadata": {"labels": {"app": "web"}}, "spec": {**WEB, "newField": True}}},
    )
    sets = [
        replica_set("old", hashed("1"), annotations={decoding.REVISION: "3"}),
        replica_set("new", hashed("2"), annotations={decoding.REVISION: "4"}),
    ]
    found = decoding.newest(upgraded, sets)
    assert found is not None
    assert found.metadata.uid == "new"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ()),
        ({"annotations": {"meta.helm.sh/release-name": "web"}}, ("helm",)),
        ({"labels": {"argocd.argoproj.io/instance": "web"}}, ("argocd-controller",)),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "web"}}, ("argocd-controller",)),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "web"}}, ("kustomize-controller",)),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "web"}}, ("helm-controller",)),
    ],
)
def test_owners_by_what_they_note_on_the_object(metadata: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert decoding.workload(deployment(metadata=metadata), "alpha").managers == expected


def test_owners_of_the_image_are_those_who_set_it_and_not_we() -> None:
    def manager(name: str, *fields: str) -> dict[str, Any]:
        container: dict[str, Any] = {'k:{"name":"web"}': {".": {}, **{field: {} for field in fields}}}
        spec = {"f:template": {"f:spec": {"f:containers": container}}}
        return {"manager": name, "operation": "Update", "fieldsV1": {"f:spec": spec}}

    fields = [manager("helm", "f:image"), manager("hpa", "f:resources"), manager("pilothouse", "f:image")]
    fields.append({"manager": "kubelet", "fieldsV1": {"f:status": {}}})
    assert decoding.workload(deployment(metadata={"managedFields": fields}), "alpha").managers == ("helm",)


def test_the_digest_that_runs_is_taken_from_either_form() -> None:
    def image(image_id: str) -> dict[str, str]:
        raw = {
            "metadata": {"name": "p"},
            "spec": {},
            "status": {"containerStatuses": [{"name": "web", "imageID": image_id}]},
        }
        return dict(decoding.pod(msgspec.convert(raw, shapes.Pod)).image_ids)

    assert image("registry.test/web@sha256:ab") == {"web": "sha256:ab"}
    assert image("sha256:ab") == {"web": "sha256:ab"}
    assert image("") == {}


@pytest.mark.parametrize(
    ("selector", "is_match", "text"),
    [
        ({}, True, ""),
        ({"matchLabels": {"app": "web"}}, True, "app=web"),
        ({"matchLabels": {"app": "db"}}, False, "app=db"),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True, "app in (web,db)"),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False, "app notin (web)"),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True, "tier notin (x)"),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True, "app"),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False, "!app"),
        ({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}, False, ""),
    ],
)
def test_selectors_match_as_kubernetes_does(selector: dict[str, Any], is_match: bool, text: str) -> None:
    found = msgspec.convert(selector, shapes.Selector)
    assert decoding.matches(found, {"app": "web"}) is is_match
    assert decoding.selector_text(found) == text


def test_an_autoscaler_in_words() -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    pods = {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue"}}}
    raw = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "h"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 6,
            "metrics": [pods, cpu],
            "behavior": {"scaleDown": {"selectPolicy": "Disabled"}},
        },
        "status": {
            "currentReplicas": 4,
            "currentMetrics": [
                {"type": ""},
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 83}}},
            ],
        },
    }
    shape = msgspec.convert(raw, shapes.Autoscaler)
    found = decoding.autoscaler(shape, "alpha")
    assert (found.minimum, found.maximum, found.current) == (1, 6, 4)
    assert (found.target, found.now, found.scale_down) == ("70 % CPU", "83 %", "Disabled")
    web = ObjectRef("alpha", "shop", "Deployment", "web", "")
    assert decoding.scales(shape, web)
    assert not decoding.scales(shape, replace(web, name="we"))
    assert not decoding.scales(shape, replace(web, kind="Rollout"))


def test_quotas_are_numbers_in_base_units() -> None:
    raw = {
        "metadata": {"name": "small"},
        "status": {
            "hard": {"limits.memory": "1Gi", "pods": "10", "requests.cpu": "1500m"},
            "used": {"requests.cpu": "250m"},
        },
    }
    found = decoding.quotas(msgspec.convert(raw, shapes.ResourceQuota))
    assert [(each.resource, each.used, each.hard) for each in found] == [
        ("limits.memory", 0.0, 2**30),
        ("pods", 0.0, 10.0),
        ("requests.cpu", 0.25, 1.5),
    ]


@pytest.mark.parametrize(
    "labels",
    [
        None,
        {},
        {"pilothouse.io/fence": "5"},
        {"pilothouse.io/operation": "op-1", "pilothouse.io/step": "1", "pilothouse.io/fence": "five"},
        {"pilothouse.io/operation": "op-1", "pilothouse.io/step": "1", "pilothouse.io/fence": "٣"},
    ],
)
def test_half_a_mark_is_no_mark(labels: dict[str, str] | None) -> None:
    assert marks.mark_of(labels) is None


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(OperationId("op-7"), "u3", 3 << 32)
    assert marks.mark_of(marks.labels_of(mark)) == mark
