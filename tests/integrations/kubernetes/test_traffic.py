"""Lists of backends on real objects, without a cluster: which are ours to split, and what they become."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bot.ports.traffic import FoundRoutes, Route
from integrations.kubernetes import traffic_ingress
from integrations.kubernetes.traffic import KubernetesTraffic, split_list, weight_of


class OneAnswer:
    """integrations.kubernetes.connection.Connection that knows lists of objects by the end of their path."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self._objects = objects

    def get(self, path: str, query: object = None) -> bytes:
        return msgspec.json.encode({"items": self._objects.get(path.rpartition("/")[2], [])})


def backend(name: str, **more: Any) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": name, "port": 80, "weight": 1, **more}


def http_route(*rules: list[dict[str, Any]], **metadata: Any) -> dict[str, Any]:
    accepted = [{"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}]
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 1, **metadata},
        "spec": {"rules": [{"backendRefs": backends} for backends in rules]},
        "status": {"parents": accepted},
    }


def routes(**objects: list[dict[str, Any]]) -> FoundRoutes:
    traffic = KubernetesTraffic("test", OneAnswer(**objects))  # type: ignore[arg-type]
    return traffic.routes("shop", "web", canary="web-canary")


def put(found: dict[str, Any], route: Route, weight: int) -> None:
    for pointer, was in route.backends.items():
        index = int(pointer.split("/")[3])
        found["spec"]["rules"][index]["backendRefs"] = split_list(was, route, weight)


def test_every_rule_that_leads_to_the_service_alone_is_split() -> None:
    found = http_route([backend("api")], [backend("web", port=8080)], [backend("web")])
    [route] = routes(httproutes=[found]).splits
    assert sorted(route.backends) == ["/spec/rules/1/backendRefs", "/spec/rules/2/backendRefs"]
    assert weight_of(route, found) == 0
    put(found, route, 25)
    assert weight_of(route, found) == 25
    assert found["spec"]["rules"][0]["backendRefs"] == [backend("api")]
    assert found["spec"]["rules"][1]["backendRefs"] == [
        backend("web", port=8080, weight=75),
        backend("web-canary", port=8080, weight=25),
    ]
    put(found, route, 0)
    assert found == http_route([backend("api")], [backend("web", port=8080)], [backend("web")])


@pytest.mark.parametrize("weight", [1, 33, 100])
def test_lists_that_disagree_or_moved_are_somebody_elses(weight: int) -> None:
    found = http_route([backend("web")], [backend("web")])
    [route] = routes(httproutes=[found]).splits
    put(found, route, weight)
    found["spec"]["rules"][1]["backendRefs"][0]["weight"] += 1
    assert weight_of(route, found) is None
    put(found, route, weight)
    found["spec"]["rules"].insert(0, {"backendRefs": [backend("header")]})
    assert weight_of(route, found) is None


@pytest.mark.parametrize(
    "backends",
    [
        [backend("web"), backend("old")],
        [backend("web", weight=0)],
        [backend("web"), backend("web-canary")],
    ],
    ids=["among others", "switched off", "beside a canary"],
)
def test_what_is_shared_already_is_left_alone_and_said(backends: list[dict[str, Any]]) -> None:
    found = routes(httproutes=[http_route(backends)])
    assert found.splits == ()
    assert "shares requests already" in found.refused[0].plain()


def test_another_namespaces_service_of_that_name_is_not_ours() -> None:
    assert routes(httproutes=[http_route([backend("web", namespace="other")])]).splits == ()


def test_a_route_that_no_gateway_accepts_is_not_counted() -> None:
    found = routes(httproutes=[{**http_route([backend("web")]), "status": {}}])
    assert found.splits == ()
    assert "No gateway accepts" in found.refused[0].plain()


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"managedFields": [{"manager": "kustomize-controller"}]}, "Flux"),
    ],
)
def test_who_else_writes_the_route_is_said(metadata: dict[str, Any], owner: str) -> None:
    found = routes(httproutes=[http_route([backend("web")], **metadata)])
    assert [each.plain() for each in found.owners] == [f"{owner} also writes HTTPRoute web and may take the share back"]
    assert routes(httproutes=[http_route([backend("web")])]).owners == ()


def test_the_most_exact_kind_is_chosen() -> None:
    service = {"name": "web", "port": 80}
    meta = {"name": "web", "namespace": "shop", "uid": "u2"}
    own = {"metadata": meta, "spec": {"routes": [{"services": [service]}]}}
    weighted = {"metadata": meta, "spec": {"weighted": {"services": [service]}}}
    everything = {"traefikservices": [weighted], "ingressroutes": [own], "httproutes": [http_route([backend("web")])]}
    assert [each.ref.kind for each in routes(**everything).splits] == ["HTTPRoute"]
    del everything["httproutes"]
    assert [each.ref.kind for each in routes(**everything).splits] == ["TraefikService"]
    del everything["traefikservices"]
    assert [each.ref.kind for each in routes(**everything).splits] == ["IngressRoute"]


def test_an_ingress_of_the_canary_counts_only_with_its_annotations() -> None:
    route = Route(routes_ref(), "web", "web-canary", {traffic_ingress.SPEC: "{}"})
    made = {"metadata": {"annotations": {traffic_ingress.CANARY: "true", traffic_ingress.WEIGHT: "30"}}}
    assert traffic_ingress.split(made, route).weight == 30
    assert traffic_ingress.split({"metadata": {}}, route).weight is None
    assert traffic_ingress.split(None, route).weight == 0


def routes_ref() -> Any:
    [route] = routes(httproutes=[http_route([backend("web")])]).splits
    return route.ref
