"""Changes of workloads, services and autoscalers, each in one acting person's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.templates import Template
from bot.domain.workloads import Mark
from integrations.kubernetes import marks
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.decoding import template_of
from integrations.kubernetes.errors import SYSTEM
from integrations.kubernetes.patching import STAMP, Change, Object, Operations, Patcher, refuse_higher_fence

Pin = Callable[[], None]
"""Raises Refused where this is not the cluster that the settings pin."""


@dataclass(frozen=True, slots=True)
class KubernetesWorkloadWriter:
    reads: Connection
    writes: Connection
    pin: Pin

    def replace_template(
        self, ref: ObjectRef, *, before: Template, after: Template, min_ready: tuple[int, int], mark: Mark
    ) -> None:
        def has(template: Template, seconds: int) -> Callable[[Object], bool]:
            return lambda found: (
                template_of(found["spec"]["template"]) == template
                and found["spec"].get("minReadySeconds", 0) == seconds
            )

        change = Change(
            before=has(before, min_ready[0]),
            after=has(after, min_ready[1]),
            operations=lambda found: _replace(
                found["spec"], {"template": after.raw(), "minReadySeconds": min_ready[1]}, "/spec"
            ),
        )
        self._apply(ref, change, mark)

    def scale(self, ref: ObjectRef, *, before: int, after: int, mark: Mark) -> None:
        # On the object itself: the scale subresource keeps no labels.
        change = Change(
            before=lambda found: found["spec"].get("replicas", 1) == before,
            after=lambda found: found["spec"].get("replicas", 1) == after,
            operations=lambda found: _replace(found["spec"], {"replicas": after}, "/spec"),
        )
        self._apply(ref, change, mark)

    def create_copy(
        self,
        source: ObjectRef,
        *,
        name: str,
        template: Template,
        selector: Mapping[str, str],
        replicas: int,
        mark: Mark,
    ) -> ObjectRef:
        self.pin()
        patcher = Patcher(self.reads, self.writes)
        target = replace(source, name=name, uid="")
        model = patcher.find(source)
        if model is None:
            raise Missing(SYSTEM, text("{target} is gone.", target=str(source)))
        body = _copy(model, target, template=template, selector=selector, replicas=replicas, mark=mark)
        try:
            data = self.writes.create(place("Deployment", target.namespace), body)
        except Conflict:
            found = patcher.find(target)
            if found is None:
                raise Conflict(SYSTEM, text("{target} came and went.", target=str(target))) from None
            refuse_higher_fence(found, target, mark)
        else:
            found = msgspec.json.decode(data, type=dict[str, Any])
        return replace(target, uid=found["metadata"]["uid"])

    def delete(self, ref: ObjectRef, *, mark: Mark) -> None:
        self.pin()
        Patcher(self.reads, self.writes).delete(ref, mark)

    def stamp(self, ref: ObjectRef, *, mark: Mark) -> None:
        try:
            self._apply(ref, STAMP, mark)
        except Missing:
            return

    def _apply(self, ref: ObjectRef, change: Change, mark: Mark) -> None:
        self.pin()
        Patcher(self.reads, self.writes).apply(ref, change, mark)


@dataclass(frozen=True, slots=True)
class KubernetesServiceWriter:
    reads: Connection
    writes: Connection
    pin: Pin

    def select(self, ref: ObjectRef, *, before: Mapping[str, str], after: Mapping[str, str], mark: Mark) -> None:
        self.pin()
        change = Change(
            before=lambda found: found["spec"].get("selector", {}) == dict(before),
            after=lambda found: found["spec"].get("selector", {}) == dict(after),
            operations=lambda found: _replace(found["spec"], {"selector": dict(after)}, "/spec"),
        )
        Patcher(self.reads, self.writes).apply(ref, change, mark)


@dataclass(frozen=True, slots=True)
class KubernetesAutoscalerWriter:
    reads: Connection
    writes: Connection
    pin: Pin

    def bound(self, ref: ObjectRef, *, before: tuple[int, int], after: tuple[int, int], mark: Mark) -> None:
        self.pin()
        change = Change(
            before=lambda found: _bounds(found) == before,
            after=lambda found: _bounds(found) == after,
            operations=lambda found: _replace(
                found["spec"], {"minReplicas": after[0], "maxReplicas": after[1]}, "/spec"
            ),
        )
        Patcher(self.reads, self.writes).apply(ref, change, mark)

    def hold_scale_down(self, ref: ObjectRef, *, before: str, after: str, mark: Mark) -> None:
        self.pin()
        change = Change(
            before=lambda found: scale_down_of(found) == before,
            after=lambda found: scale_down_of(found) == after,
            operations=lambda found: _scale_down(found, after),
        )
        Patcher(self.reads, self.writes).apply(ref, change, mark)


@dataclass(frozen=True, slots=True)
class KubernetesConfigWriter:
    writes: Connection
    """Reads too: what a ConfigMap holds is for the person to see, not for the bot."""
    pin: Pin

    def create(self, namespace: str, name: str, data: Mapping[str, str], *, mark: Mark) -> None:
        self.pin()
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": marks.labels_of(mark)},
            "immutable": True,
            "data": dict(data),
        }
        try:
            self.writes.create(place("ConfigMap", namespace), body)
        except Conflict:
            standing = msgspec.json.decode(self.writes.get(place("ConfigMap", namespace, name)), type=dict[str, Any])
            if (standing.get("data") or {}) != dict(data) or standing.get("binaryData"):
                what = text("ConfigMap {name} is there with other contents.", name=name)
                raise Conflict(SYSTEM, what) from None


def _replace(parent: Mapping[str, Any], values: Mapping[str, Any], path: str) -> Operations:
    """Tests each field as it was read (absent: null) and puts the new value."""
    tested = [{"op": "test", "path": f"{path}/{key}", "value": parent.get(key)} for key in values]
    return [*tested, *({"op": "add", "path": f"{path}/{key}", "value": value} for key, value in values.items())]


def _copy(
    model: Object,
    target: ObjectRef,
    *,
    template: Template,
    selector: Mapping[str, str],
    replicas: int,
    mark: Mark,
) -> Object:
    """No annotations and none of the labels of the model: by those Helm, Argo CD and Flux know what is theirs."""
    kept = ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")
    ours = {key: value for key, value in template.labels.items() if key.startswith("pilothouse.io/")}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "labels": {**ours, **marks.labels_of(mark)},
        },
        "spec": {
            **{key: model["spec"][key] for key in kept if key in model["spec"]},
            "replicas": replicas,
            "selector": {"matchLabels": dict(selector)},
            "template": template.raw(),
        },
    }


def _bounds(found: Object) -> tuple[int, int]:
    return found["spec"].get("minReplicas", 1), found["spec"]["maxReplicas"]


_DEFAULT_POLICY = "Max"
_DEFAULT_BEHAVIOR = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
}
"""What the API server fills in once a behaviour is given; to the controller the same as none."""


def scale_down_of(found: Object) -> str:
    policy = str(((found["spec"].get("behavior") or {}).get("scaleDown") or {}).get("selectPolicy", ""))
    return "" if policy == _DEFAULT_POLICY else policy


def _scale_down(found: Object, policy: str) -> Operations:
    behavior = found["spec"].get("behavior")
    wanted = {
        **(behavior or {}),
        "scaleDown": {**((behavior or {}).get("scaleDown") or {}), "selectPolicy": policy or _DEFAULT_POLICY},
    }
    if not policy and wanted == _DEFAULT_BEHAVIOR:
        return [
            {"op": "test", "path": "/spec/behavior", "value": behavior},
            {"op": "remove", "path": "/spec/behavior"},
        ]
    return _replace(found["spec"], {"behavior": wanted}, "/spec")
