"""ingress-nginx: a second Ingress with its canary annotations, made with the first share and removed with the last.

Written from its documentation and tried on an API server only: the controller itself was not at hand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bot.domain.codec import canonical
from bot.domain.errors import Conflict
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.ports.traffic import Match, MatchKind, Route, Split
from integrations.kubernetes import marks
from integrations.kubernetes.connection import place
from integrations.kubernetes.errors import SYSTEM
from integrations.kubernetes.patching import Change, Object, Operations, Patcher, labels

CANARY = "nginx.ingress.kubernetes.io/canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
HEADER, HEADER_VALUE = f"{CANARY}-by-header", f"{CANARY}-by-header-value"
COOKIE = f"{CANARY}-by-cookie"
ALWAYS = "always"
"""The one value of a cookie that it leads to the canary."""
_OLD_CLASS = "kubernetes.io/ingress.class"
_WEIGHT_PATH = "/metadata/annotations/" + WEIGHT.replace("/", "~1")
SPEC = "/spec"


def route(found: Object, cluster: str, service: str, canary: str) -> Route | None:
    """None where the Ingress is not nginx's, is a canary itself, or does not lead to the Service."""
    meta, spec = found["metadata"], found.get("spec") or {}
    annotations = meta.get("annotations") or {}
    if "nginx" not in (spec.get("ingressClassName") or annotations.get(_OLD_CLASS) or ""):
        return None
    copied = _spec(spec, service, canary)
    if annotations.get(CANARY) == "true" or not copied["rules"]:
        return None
    ref = ObjectRef(cluster, meta["namespace"], "Ingress", f"{meta['name']}-canary", "")
    return Route(ref, service, canary, {SPEC: canonical(copied)})


def split(found: Object | None, route: Route) -> Split:
    if found is None:
        return Split(0, is_observed=True, mark=None)
    uid = found["metadata"]["uid"]
    is_matched = route.match is not None
    return Split(
        _weight(found, route), is_observed=True, mark=marks.mark_of(labels(found)), is_matched=is_matched, uid=uid
    )


def cannot_match(match: Match | None) -> Text | None:
    """Why it cannot tell these requests apart; None where it can."""
    if match is not None and match.kind is MatchKind.COOKIE and match.value != ALWAYS:
        return text("ingress-nginx leads a cookie to a canary only if its value is {value}", value=ALWAYS)
    return None


def put(patcher: Patcher, route: Route, *, before: tuple[int, ...], after: tuple[int, bool], mark: Mark) -> None:
    """`after`: the share, and whether the requests of the route's match are led to the canary."""
    weight, is_matched = after
    if weight == 0 and not is_matched:
        patcher.delete(route.ref, mark)
        return
    if 0 in before and patcher.find(route.ref) is None:
        try:
            patcher.writes.create(place("Ingress", route.ref.namespace), _manifest(route, weight, mark))
        except Conflict:
            found = patcher.find(route.ref)
            if found is None:
                raise Conflict(SYSTEM, text("{target} came and went.", target=str(route.ref))) from None
        else:
            return
    change = Change(
        before=lambda found: _weight(found, route) in before,
        after=lambda found: _weight(found, route) == weight,
        operations=lambda found: _operations(found, weight),
    )
    patcher.apply(route.ref, change, mark)


def _manifest(route: Route, weight: int, mark: Mark) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": route.ref.name,
            "namespace": route.ref.namespace,
            "labels": marks.labels_of(mark),
            "annotations": {CANARY: "true", WEIGHT: str(weight), **_always(route.match)},
        },
        "spec": msgspec.json.decode(route.backends[SPEC], type=dict[str, Any]),
    }


def _spec(spec: Object, service: str, canary: str) -> dict[str, Any]:
    """The same hosts and paths, those that lead to the Service only, to the canary's."""
    rules = []
    for rule in spec.get("rules") or []:
        paths = [
            {**path, "backend": {"service": {**path["backend"]["service"], "name": canary}}}
            for path in (rule.get("http") or {}).get("paths") or []
            if (path["backend"].get("service") or {}).get("name") == service
        ]
        if paths:
            rules.append({**rule, "http": {"paths": paths}})
    kept: dict[str, Any] = {key: spec[key] for key in ("ingressClassName", "tls") if key in spec}
    return {**kept, "rules": rules}


def _always(match: Match | None) -> dict[str, str]:
    if match is None:
        return {}
    if match.kind is MatchKind.COOKIE:
        return {COOKIE: match.name}
    return {HEADER: match.name, HEADER_VALUE: match.value}


def _weight(found: Object, route: Route) -> int | None:
    annotations = found["metadata"].get("annotations") or {}
    if {key: annotations[key] for key in (HEADER, HEADER_VALUE, COOKIE) if key in annotations} != _always(route.match):
        return None
    weight = str(annotations.get(WEIGHT, ""))
    is_ours = annotations.get(CANARY) == "true" and weight.isascii() and weight.isdecimal() and len(weight) <= 3
    return int(weight) if is_ours else None


def _operations(found: Object, weight: int) -> Operations:
    standing = found["metadata"]["annotations"][WEIGHT]
    return [
        {"op": "test", "path": _WEIGHT_PATH, "value": standing},
        {"op": "replace", "path": _WEIGHT_PATH, "value": str(weight)},
    ]
