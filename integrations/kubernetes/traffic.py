"""The Traffic port on a real cluster: HTTPRoutes of the Gateway API, Traefik's own objects, ingress-nginx annotations.

The first three kinds are alike: somewhere on the object stands a list of backends with weights. A list is ours to split
where the app's Service stands in it alone; it is tested whole before it is set, since header rules shift its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.domain.codec import canonical
from bot.domain.errors import Conflict, Missing, Refused
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark, Service
from bot.ports.traffic import FoundRoutes, Match, Route, Split
from integrations.kubernetes import marks, shapes, traffic_ingress
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.decoding import service as decoded_service
from integrations.kubernetes.errors import SYSTEM
from integrations.kubernetes.patching import Change, Object, Operations, Patcher, labels, refuse_higher_fence
from integrations.kubernetes.traffic_rules import at, bind, can_match, lists_at, places, state_of
from integrations.kubernetes.writing import Pin

LISTED = ("HTTPRoute", "TraefikService", "IngressRoute")
"""The most exact first: where one kind leads to the app, the others are not looked at."""
_LONGEST = 300
_PAGE = 500


@dataclass(frozen=True, slots=True)
class KubernetesTraffic:
    cluster: str
    observer: Connection

    def routes(self, namespace: str, service: str, *, canary: str, match: Match | None = None) -> FoundRoutes:
        refused: list[Text] = []
        for kind in LISTED:
            splits, owners, unmatched = [], [], []
            for found in self._all(kind, namespace):
                lists, others = _lists(kind, found, service)
                name = f"{kind} {found['metadata']['name']}"
                if others:
                    refused.append(text("{name} *shares requests already*; it is left as it is", name=name))
                elif lists and kind == "HTTPRoute" and not _parents(found):
                    refused.append(text("No gateway accepts {name}", name=name))
                elif lists:
                    narrowed = match
                    if match is not None and (
                        why := can_match(kind, found, service, match, is_traefik=_is_traefik(found))
                    ):
                        unmatched.append(text("{name}: {why}", name=name, why=why))
                        narrowed = None
                    bound = bind(kind, found, lists, narrowed)
                    splits.append(Route(self._ref(kind, found), service, canary, bound, narrowed))
                    if owner := _owner(found):
                        owners.append(
                            text("*{owner}* also writes {name} and may take the share back", owner=owner, name=name)
                        )
            if splits:
                return FoundRoutes(tuple(splits), tuple(refused), tuple(owners), tuple(unmatched))
        hindrance = traffic_ingress.cannot_match(match)
        ingresses = [
            replace(route, match=None if hindrance else match)
            for found in self._all("Ingress", namespace)
            if (route := traffic_ingress.route(found, self.cluster, service, canary)) is not None
        ]
        return FoundRoutes(tuple(ingresses), tuple(refused), unmatched=(hindrance,) if hindrance and ingresses else ())

    def split(self, route: Route) -> Split:
        found = Patcher(self.observer, self.observer).find(route.ref)
        if route.ref.kind == "Ingress":
            return traffic_ingress.split(found, route)
        if found is None:
            raise Missing(SYSTEM, text("{target} is gone.", target=str(route.ref)))
        is_observed, trouble = _taken_up(found) if route.ref.kind == "HTTPRoute" else (True, "")
        weight, is_matched = state_of(route, found) or (None, False)
        mark = marks.mark_of(labels(found))
        return Split(weight, is_observed, mark, is_matched, trouble=trouble[:_LONGEST])

    def service(self, namespace: str, name: str) -> Service | None:
        try:
            data = self.observer.get(place("Service", namespace, name))
        except Missing:
            return None
        return decoded_service(msgspec.json.decode(data, type=shapes.Service), self.cluster)

    def _all(self, kind: str, namespace: str) -> list[Object]:
        """None where the cluster does not know the kind, or does not let us look."""
        items: list[Object] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            try:
                page = msgspec.json.decode(self.observer.get(place(kind, namespace), query), type=dict[str, Any])
            except (Missing, Refused):
                return items
            items += page.get("items") or []
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return items

    def _ref(self, kind: str, found: Object) -> ObjectRef:
        meta = found["metadata"]
        return ObjectRef(self.cluster, meta["namespace"], kind, meta["name"], meta["uid"])


@dataclass(frozen=True, slots=True)
class KubernetesTrafficWriter:
    reads: Connection
    writes: Connection
    pin: Pin

    def set_weight(self, route: Route, *, before: tuple[int, ...], after: int, mark: Mark) -> None:
        self._put(route, before, (after, route.match is not None), mark)

    def restore(self, route: Route, *, before: tuple[int, ...], mark: Mark) -> None:
        self._put(route, before, (0, False), mark)

    def _put(self, route: Route, before: tuple[int, ...], after: tuple[int, bool], mark: Mark) -> None:
        self.pin()
        patcher = Patcher(self.reads, self.writes)
        if route.ref.kind == "Ingress":
            traffic_ingress.put(patcher, route, before=before, after=after, mark=mark)
            return
        weight, is_matched = after
        change = Change(
            before=lambda found: (state_of(route, found) or (None, False))[0] in before,
            after=lambda found: state_of(route, found) == after,
            operations=lambda found: _operations(route, found, weight, is_matched=is_matched),
        )
        patcher.apply(route.ref, change, mark)

    def create_service(self, model: ObjectRef, *, name: str, selector: Mapping[str, str], mark: Mark) -> None:
        self.pin()
        patcher = Patcher(self.reads, self.writes)
        target = replace(model, name=name, uid="")
        found = patcher.find(model)
        if found is None:
            raise Missing(SYSTEM, text("{target} is gone.", target=str(model)))
        kept = ("name", "port", "protocol", "targetPort", "appProtocol")
        ports = [{key: port[key] for key in kept if key in port} for port in found["spec"].get("ports") or []]
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name,
                "namespace": model.namespace,
                "labels": {**selector, **marks.labels_of(mark)},
            },
            "spec": {"type": "ClusterIP", "selector": dict(selector), "ports": ports},
        }
        try:
            self.writes.create(place("Service", model.namespace), body)
        except Conflict:
            standing = patcher.find(target)
            if standing is None:
                raise Conflict(SYSTEM, text("{target} came and went.", target=str(target))) from None
            refuse_higher_fence(standing, target, mark)

    def delete_service(self, ref: ObjectRef, *, mark: Mark) -> None:
        self.pin()
        Patcher(self.reads, self.writes).delete(ref, mark)


_OWNERS = {"helm": "Helm", "argocd": "Argo CD", "flux": "Flux", "kustomize-controller": "Flux"}


def _owner(found: Object) -> str:
    meta = found["metadata"]
    signs = [*(meta.get("annotations") or {}), *(meta.get("labels") or {}), *(meta.get("labels") or {}).values()]
    signs += [each.get("manager", "") for each in meta.get("managedFields") or []]
    return next((name for word, name in _OWNERS.items() if any(word in sign.lower() for sign in signs)), "")


def _operations(route: Route, found: Object, weight: int, *, is_matched: bool) -> Operations:
    tests = [{"op": "test", "path": pointer, "value": at(found, pointer)} for pointer in route.backends]
    wanted = lists_at(route, weight, is_matched=is_matched)
    return [*tests, *({"op": "add", "path": pointer, "value": value} for pointer, value in wanted.items())]


def _lists(kind: str, found: Object, service: str) -> tuple[dict[str, str], int]:
    """Lists in which the Service stands alone, by place, and how many hold it among others."""
    alone: dict[str, str] = {}
    others = 0
    for pointer, backends in places(kind, found.get("spec") or {}):
        mine = [each for each in backends if _is_service(each, service, found["metadata"]["namespace"])]
        if mine and len(backends) == 1 and mine[0].get("weight") != 0:
            alone[pointer] = canonical(backends)
        elif mine:
            others += 1
    return alone, others


def _is_service(backend: Mapping[str, Any], service: str, namespace: str) -> bool:
    is_here = backend.get("namespace", namespace) == namespace
    return backend.get("name") == service and backend.get("kind", "Service") == "Service" and is_here


def _parents(found: Object) -> list[Mapping[str, Any]]:
    parents: list[Mapping[str, Any]] = (found.get("status") or {}).get("parents") or []
    return parents


def _is_traefik(found: Object) -> bool:
    """Every gateway that takes it is Traefik's."""
    names = {str(parent.get("controllerName", "")) for parent in _parents(found)}
    return bool(names) and all(name.startswith("traefik.io/") for name in names)


def _taken_up(found: Object) -> tuple[bool, str]:
    """Every gateway has seen the newest generation; and what it does not like about it."""
    generation = found["metadata"].get("generation", 0)
    conditions = [each for parent in _parents(found) for each in parent.get("conditions") or []]
    is_observed = bool(conditions) and all(each.get("observedGeneration", 0) >= generation for each in conditions)
    wanted = ("Accepted", "ResolvedRefs")
    bad = [each for each in conditions if each.get("type") in wanted and each.get("status") != "True"]
    return is_observed, str(bad[0].get("message") or bad[0].get("reason")) if bad else ""
