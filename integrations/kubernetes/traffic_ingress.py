"""ingress-nginx: a second Ingress with its canary annotations, made with the first share and removed with the last.

Written from its documentation and tried on an API server only: the controller itself was not at hand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bot.domain.codec import canonical
from bot.domain.errors import Conflict
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Mark
from bot.ports.traffic import Route, Split
from integrations.kubernetes import marks
from integrations.kubernetes.connection import place
from integrations.kubernetes.errors import SYSTEM
from integrations.kubernetes.patching import Change, Object, Operations, Patcher, labels

CANARY = "nginx.ingress.kubernetes.io/canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
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
    return Split(_weight(found), is_observed=True, mark=marks.mark_of(labels(found)))


def set_weight(patcher: Patcher, route: Route, *, before: tuple[int, ...], after: int, mark: Mark) -> None:
    if after == 0:
        patcher.delete(route.ref, mark)
        return
    if 0 in before and patcher.find(route.ref) is None:
        try:
            patcher.writes.create(place("Ingress", route.ref.namespace), _manifest(route, after, mark))
        except Conflict:
            found = patcher.find(route.ref)
            if found is None:
                raise Conflict(SYSTEM, text("{target} came and went.", target=str(route.ref))) from None
        else:
            return
    change = Change(
        before=lambda found: _weight(found) in before,
        after=lambda found: _weight(found) == after,
        operations=lambda found: _operations(found, after),
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
            "annotations": {CANARY: "true", WEIGHT: str(weight)},
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


def _weight(found: Object) -> int | None:
    annotations = found["metadata"].get("annotations") or {}
    weight = str(annotations.get(WEIGHT, ""))
    is_ours = annotations.get(CANARY) == "true" and weight.isascii() and weight.isdecimal() and len(weight) <= 3
    return int(weight) if is_ours else None


def _operations(found: Object, weight: int) -> Operations:
    standing = found["metadata"]["annotations"][WEIGHT]
    return [
        {"op": "test", "path": _WEIGHT_PATH, "value": standing},
        {"op": "replace", "path": _WEIGHT_PATH, "value": str(weight)},
    ]
