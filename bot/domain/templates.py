"""Pod templates as opaque canonical JSON, and the few pure things we do with them.

A template is compared and restored whole (delivery.md: roll back = replace `/spec/template` by the recorded one);
nothing but this module looks inside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Template:
    """`spec.template` of a workload as canonical JSON (sorted keys, no white space)."""

    json: str

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Template:
        return cls(json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    def raw(self) -> dict[str, Any]:
        """A fresh copy; changing it changes nothing here."""
        loaded: dict[str, Any] = json.loads(self.json)
        return loaded

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.json.encode()).hexdigest()[:12]

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.raw().get("metadata", {}).get("labels") or {})

    @property
    def images(self) -> dict[str, str]:
        """Container name to image, init containers left out."""
        return {c["name"]: c["image"] for c in self.raw()["spec"]["containers"]}

    @property
    def config_maps(self) -> tuple[str, ...]:
        """Names of the ConfigMaps that the pods read, sorted."""
        return tuple(sorted({reference["name"] for reference in _config_references(self.raw()["spec"])}))

    @property
    def has_readiness(self) -> bool:
        return all("readinessProbe" in c for c in self.raw()["spec"]["containers"])

    @property
    def drains(self) -> bool:
        """A preStop hook in each container that serves; an app that drains by itself cannot be told from outside."""
        return all("preStop" in (c.get("lifecycle") or {}) for c in self.raw()["spec"]["containers"] if c.get("ports"))

    def memory_limit(self, container: str) -> str:
        """As Kubernetes writes it (`384Mi`); empty without a limit."""
        for found in self.raw()["spec"]["containers"]:
            if found["name"] == container:
                return str(((found.get("resources") or {}).get("limits") or {}).get("memory", ""))
        return ""

    def total(self, kind: str, resource: str) -> float:
        """What the containers of one pod ask for together, in cores or bytes; `kind` is `requests` or `limits`. A request
        that is not there is the limit, as the API server fills it in."""
        whole = 0.0
        for found in self.raw()["spec"]["containers"]:
            resources = found.get("resources") or {}
            said = (resources.get(kind) or {}).get(resource)
            if said is None and kind == "requests":
                said = (resources.get("limits") or {}).get(resource)
            whole += _quantity(str(said)) if said is not None else 0.0
        return whole

    def with_image(self, container: str, image: str) -> Template:
        raw = self.raw()
        for found in raw["spec"]["containers"]:
            if found["name"] == container:
                found["image"] = image
                return Template.of(raw)
        raise ValueError(f"no container {container}")

    def with_labels(self, *, put: Mapping[str, str], drop: tuple[str, ...] = ()) -> Template:
        raw = self.raw()
        metadata = raw.setdefault("metadata", {})
        labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k not in drop}
        metadata["labels"] = {**labels, **put}
        return Template.of(raw)

    def with_config_maps(self, renamed: Mapping[str, str]) -> Template:
        """The same pods reading other ConfigMaps: old name to new."""
        raw = self.raw()
        for reference in _config_references(raw["spec"]):
            reference["name"] = renamed.get(reference["name"], reference["name"])
        return Template.of(raw)

    def with_annotation(self, name: str, value: str) -> Template:
        raw = self.raw()
        metadata = raw.setdefault("metadata", {})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), name: value}
        return Template.of(raw)

    def without_annotation(self, name: str) -> Template:
        raw = self.raw()
        metadata = raw.get("metadata") or {}
        kept = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != name}
        metadata.pop("annotations", None)
        if kept:
            metadata["annotations"] = kept
        return Template.of(raw)


_SUFFIXES = {
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def _quantity(words: str) -> float:
    """`250m`, `64Mi`, `1.5`; what cannot be read counts as nothing."""
    suffix = words.lstrip("0123456789.+-eE")
    number = words[: len(words) - len(suffix)]
    try:
        return float(number) * _SUFFIXES.get(suffix, 1.0)
    except ValueError:
        return 0.0


def _config_references(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The places in a pod spec that name a ConfigMap, as they stand (to be read or changed)."""
    for container in [*spec.get("containers", []), *spec.get("initContainers", [])]:
        for source in container.get("envFrom") or []:
            if "configMapRef" in source:
                yield source["configMapRef"]
        for variable in container.get("env") or []:
            found = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if found:
                yield found
    for volume in spec.get("volumes") or []:
        if "configMap" in volume:
            yield volume["configMap"]


def differences(before: Template, after: Template) -> list[tuple[str, str | None, str | None]]:
    """(path, before, after) of each leaf that differs; paths as `spec.containers[web].image`."""
    old, new = dict(_leaves(before.raw())), dict(_leaves(after.raw()))
    return [(path, old.get(path), new.get(path)) for path in sorted({*old, *new}) if old.get(path) != new.get(path)]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _leaves(item, f"{path}.{key}" if path else key)
        case list():
            for index, item in enumerate(value):
                name = item.get("name", index) if isinstance(item, dict) else index
                yield from _leaves(item, f"{path}[{name}]")
        case _:
            yield path, str(value)
