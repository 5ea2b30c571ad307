"""Lists of backends on real objects, without a cluster: which are ours to split, and what they become."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from bot.ports.traffic import FoundRoutes, Match, MatchKind, Route
from integrations.kubernetes import traffic_ingress
from integrations.kubernetes.traffic import KubernetesTraffic
from integrations.kubernetes.traffic_rules import lists_at, state_of


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


def routes(match: Match | None = None, /, **objects: list[dict[str, Any]]) -> FoundRoutes:
    traffic = KubernetesTraffic("test", OneAnswer(**objects))  # type: ignore[arg-type]
    return traffic.routes("shop", "web", canary="web-canary", match=match)


def put(found: dict[str, Any], route: Route, weight: int, *, is_matched: bool = False) -> None:
    for pointer, value in lists_at(route, weight, is_matched=is_matched).items():
        *path, last = pointer.split("/")[1:]
        place: Any = found
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = value


def weight_of(route: Route, found: dict[str, Any]) -> int | None:
    state = state_of(route, found)
    return state[0] if state else None


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
    made: Any = {
        "metadata": {"uid": "u2", "annotations": {traffic_ingress.CANARY: "true", traffic_ingress.WEIGHT: "30"}}
    }
    assert traffic_ingress.split(made, route).weight == 30
    assert traffic_ingress.split({"metadata": {"uid": "u2"}}, route).weight is None
    assert traffic_ingress.split(None, route).weight == 0


def routes_ref() -> Any:
    [route] = routes(httproutes=[http_route([backend("web")])]).splits
    return route.ref


# --- requests that always reach the canary -----------------------------------------------------------

HEADER = Match(MatchKind.HEADER, "x-canary", "always")
COOKIE = Match(MatchKind.COOKIE, "beta", "v1.2")
TRAEFIK = {"controllerName": "traefik.io/gateway-controller"}


def by_traefik(found: dict[str, Any]) -> dict[str, Any]:
    for parent in found["status"]["parents"]:
        parent.update(TRAEFIK)
    return found


def path(prefix: str, **more: Any) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": prefix}, **more}


def with_rules(*rules: dict[str, Any]) -> dict[str, Any]:
    found = http_route()
    found["spec"]["rules"] = list(rules)
    return found


def test_a_header_gets_a_rule_of_its_own_before_each_of_ours() -> None:
    api = {"matches": [path("/api")], "backendRefs": [backend("api")]}
    web = {"name": "web", "matches": [path("/"), path("/x", method="GET")], "backendRefs": [backend("web")]}
    found = with_rules(api, web)
    before = deepcopy(found)
    [route] = routes(HEADER, httproutes=[found]).splits
    assert list(route.backends) == ["/spec/rules"]
    assert state_of(route, found) == (0, False)
    put(found, route, 25, is_matched=True)
    assert state_of(route, found) == (25, True)
    headers = [{"name": "x-canary", "type": "Exact", "value": "always"}]
    always = {
        "matches": [path("/", headers=headers), path("/x", method="GET", headers=headers)],
        "backendRefs": [backend("web-canary")],
    }
    shared = {**web, "backendRefs": [backend("web", weight=75), backend("web-canary", weight=25)]}
    assert found["spec"]["rules"] == [api, always, shared]
    put(found, route, 0, is_matched=True)
    assert state_of(route, found) == (0, True)
    assert found["spec"]["rules"] == [api, always, web]
    put(found, route, 0)
    assert found == before


@pytest.mark.parametrize("weight", [0, 1, 50, 99, 100])
def test_whatever_else_changed_in_the_rules_is_somebody_elses(weight: int) -> None:
    found = with_rules({"matches": [path("/")], "backendRefs": [backend("web")]})
    [route] = routes(HEADER, httproutes=[found]).splits
    put(found, route, weight, is_matched=True)
    assert state_of(route, found) == (weight, True)
    found["spec"]["rules"].append({"matches": [path("/late")], "backendRefs": [backend("api")]})
    assert state_of(route, found) is None


def test_a_header_that_is_looked_at_already_is_refused() -> None:
    taken = [{"name": "X-Canary", "type": "Exact", "value": "never"}]
    found = with_rules({"matches": [path("/", headers=taken)], "backendRefs": [backend("web")]})
    answer = routes(HEADER, httproutes=[found])
    assert answer.splits[0].match is None
    assert "look at" in answer.unmatched[0].plain()


def test_a_cookie_is_an_expression_that_only_traefik_is_known_to_match() -> None:
    found = with_rules({"matches": [path("/")], "backendRefs": [backend("web")]})
    answer = routes(COOKIE, httproutes=[found])
    assert answer.splits[0].match is None
    assert "no rule for cookies" in answer.unmatched[0].plain()
    [route] = routes(COOKIE, httproutes=[by_traefik(found)]).splits
    put(found, route, 10, is_matched=True)
    [header] = found["spec"]["rules"][0]["matches"][0]["headers"]
    assert header == {"name": "Cookie", "type": "RegularExpression", "value": r"(^|.*;\s*)beta=v1\.2(;.*|$)"}


@pytest.mark.parametrize(
    ("more", "match", "says", "priority"),
    [
        ({}, HEADER, "(PathPrefix(`/`)) && Header(`x-canary`, `always`)", None),
        ({"syntax": "v2"}, HEADER, "(PathPrefix(`/`)) && Headers(`x-canary`, `always`)", None),
        ({"priority": 40}, HEADER, "(PathPrefix(`/`)) && Header(`x-canary`, `always`)", 41),
        ({}, COOKIE, r"(PathPrefix(`/`)) && HeaderRegexp(`Cookie`, `(^|.*;\s*)beta=v1\.2(;.*|$)`)", None),
    ],
)
def test_an_ingress_route_gets_an_expression_more(
    more: dict[str, Any], match: Match, says: str, priority: int | None
) -> None:
    rule: Any = {"kind": "Rule", "match": "PathPrefix(`/`)", "services": [{"name": "web", "port": 80}], **more}
    found: Any = {"metadata": {"name": "web", "namespace": "shop", "uid": "u1"}, "spec": {"routes": [rule]}}
    [route] = routes(match, ingressroutes=[found]).splits
    put(found, route, 10, is_matched=True)
    always, shared = found["spec"]["routes"]
    assert always["match"] == says
    assert always.get("priority") == priority
    assert always["services"] == [{"name": "web-canary", "port": 80}]
    assert shared["match"] == "PathPrefix(`/`)"
    put(found, route, 0)
    assert found["spec"]["routes"] == [rule]


def test_a_traefik_service_has_no_rules() -> None:
    found = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
        "spec": {"weighted": {"services": [{"name": "web", "port": 80, "weight": 1}]}},
    }
    answer = routes(HEADER, traefikservices=[found])
    assert answer.splits[0].match is None
    assert "has no rules" in answer.unmatched[0].plain()


def test_nginx_leads_only_a_cookie_that_says_always() -> None:
    assert traffic_ingress.cannot_match(COOKIE) is not None
    assert traffic_ingress.cannot_match(Match(MatchKind.COOKIE, "beta", "always")) is None
    assert traffic_ingress.cannot_match(HEADER) is None
