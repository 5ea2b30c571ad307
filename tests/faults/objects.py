"""A small Kubernetes' objects: resourceVersions, JSON patches with tests, deployments that roll by themselves in a second.

Counts effects: writes that were applied, each with whose operation, step and fence it carries. Pure but for its clock.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

Object = dict[str, Any]

OBSERVED_AFTER = 0.2
SETTLED_AFTER = 0.8
LABELS = {
    "OPERATION": "pilothouse.io/operation",
    "STEP": "pilothouse.io/step",
    "FENCE": "pilothouse.io/fence",
}


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was applied."""

    n: int
    at: float
    verb: str
    path: str
    user: str
    asked_for: str
    """The operation that the request named in its impersonation."""
    operation: str
    step: str
    fence: int
    is_effect: bool
    """Something else than marks changed."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def patched(target: Object, operations: list[Object]) -> Object:
    """Raises Refused(422) where a test fails, unexplained, as the API server does it."""
    made = copy.deepcopy(target)
    for each in operations:
        parent, key = _find(made, each["path"])
        match each["op"]:
            case "test":
                if parent is None or parent.get(key) != each["value"]:
                    raise Refused(422, "Invalid", "the server rejected our request due to an error in our request")
            case "add" | "replace":
                if parent is None:
                    raise Refused(422, "Invalid", "the server rejected our request due to an error in our request")
                parent[key] = copy.deepcopy(each["value"])
            case "remove":
                if parent is None or key not in parent:
                    raise Refused(422, "Invalid", "the server rejected our request due to an error in our request")
                del parent[key]
            case other:
                raise Refused(400, "BadRequest", f"operation {other}")
    return made


def _find(document: Object, path: str) -> tuple[Object | None, str]:
    *parents, key = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    found: Any = document
    for part in parents:
        found = found.get(part) if isinstance(found, dict) else None
    return (found if isinstance(found, dict) else None), key


class Objects:
    """By collection path (`/apis/apps/v1/namespaces/web-prod/deployments`) and name. Safe for many threads."""

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self.writes: list[Write] = []
        self._kept: dict[str, dict[str, Object]] = {}
        self._changed: dict[str, float] = {}
        self._versions = itertools.count(1000)
        self._uids = itertools.count(1)

    # --- reading --------------------------------------------------------------------------------

    def get(self, collection: str, name: str) -> Object:
        with self.guard:
            found = self._kept.get(collection, {}).get(name)
            if found is None:
                raise Refused(404, "NotFound", f"{name} not found")
            return self._shown(found)

    def all_of(self, collection: str) -> list[Object]:
        with self.guard:
            if collection.endswith("/replicasets"):
                return [_replica_set(each) for each in self._deployments(collection)]
            if collection.endswith("/pods"):
                return [pod for each in self._deployments(collection) for pod in _pods(each)]
            return [self._shown(each) for each in self._kept.get(collection, {}).values()]

    def _deployments(self, collection: str) -> list[Object]:
        namespace = collection.split("/namespaces/")[1].split("/", maxsplit=1)[0]
        return self.all_of(f"/apis/apps/v1/namespaces/{namespace}/deployments")

    def _shown(self, found: Object) -> Object:
        shown = copy.deepcopy(found)
        if found["kind"] == "Deployment":
            meta, replicas = shown["metadata"], shown["spec"]["replicas"]
            age = time.monotonic() - self._changed[meta["uid"]]
            is_settled = age > SETTLED_AFTER
            ready = replicas if is_settled else max(0, replicas - 1)
            shown["status"] = {
                "observedGeneration": meta["generation"] - (age < OBSERVED_AFTER),
                "replicas": replicas,
                "updatedReplicas": ready,
                "readyReplicas": ready,
                "availableReplicas": ready,
                "terminatingReplicas": 0,
            }
        return shown

    # --- writing --------------------------------------------------------------------------------

    def create(self, collection: str, body: Object, *, user: str = "", asked_for: str = "") -> Object:
        with self.guard:
            kept = self._kept.setdefault(collection, {})
            name = body["metadata"]["name"]
            if name in kept:
                raise Refused(409, "AlreadyExists", f"{name} already exists")
            made = copy.deepcopy(body)
            made["metadata"] |= {"uid": f"uid-{next(self._uids)}", "generation": 1, "resourceVersion": self._version()}
            kept[name] = made
            # What is there from the first moment has been there for long.
            self._changed[made["metadata"]["uid"]] = time.monotonic() if user else -math.inf
            if user:
                self._count("POST", f"{collection}/{name}", made, user, asked_for, is_effect=True)
            return self._shown(made)

    def patch(self, collection: str, name: str, operations: list[Object], *, user: str, asked_for: str) -> Object:
        with self.guard:
            found = self._kept.get(collection, {}).get(name)
            if found is None:
                raise Refused(404, "NotFound", f"{name} not found")
            made = patched(found, operations)
            is_effect = made["spec"] != found["spec"]
            made["metadata"]["resourceVersion"] = self._version()
            if is_effect:
                made["metadata"]["generation"] += 1
                self._changed[made["metadata"]["uid"]] = time.monotonic()
            self._kept[collection][name] = made
            self._count("PATCH", f"{collection}/{name}", made, user, asked_for, is_effect=is_effect)
            return self._shown(made)

    def delete(self, collection: str, name: str, options: Object, *, user: str, asked_for: str) -> None:
        with self.guard:
            found = self._kept.get(collection, {}).get(name)
            if found is None:
                raise Refused(404, "NotFound", f"{name} not found")
            for key, value in (options.get("preconditions") or {}).items():
                if found["metadata"][key] != value:
                    raise Refused(409, "Conflict", f"the {key} in the precondition does not match")
            del self._kept[collection][name]
            self._count("DELETE", f"{collection}/{name}", found, user, asked_for, is_effect=True)

    def _version(self) -> str:
        return str(next(self._versions))

    def _count(self, verb: str, path: str, found: Object, user: str, asked_for: str, *, is_effect: bool) -> None:
        labels = found["metadata"].get("labels") or {}
        self.writes.append(
            Write(
                len(self.writes) + 1,
                time.time(),
                verb,
                path,
                user,
                asked_for,
                labels.get(LABELS["OPERATION"], ""),
                labels.get(LABELS["STEP"], ""),
                int(labels.get(LABELS["FENCE"], "0")),
                is_effect,
            )
        )


def _hash(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def _replica_set(deployment: Object) -> Object:
    meta, template = deployment["metadata"], deployment["spec"]["template"]
    hashed = _hash(template)
    return {
        "metadata": {
            "name": f"{meta['name']}-{hashed}",
            "namespace": meta["namespace"],
            "uid": f"{meta['uid']}-{hashed}",
            "ownerReferences": [{"uid": meta["uid"]}],
        },
        "spec": {"template": template},
        "status": {},
    }


def _pods(deployment: Object) -> list[Object]:
    owner = _replica_set(deployment)["metadata"]
    labels = (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return [
        {
            "metadata": {
                "name": f"{owner['name']}-{number}",
                "namespace": owner["namespace"],
                "uid": f"{owner['uid']}-{number}",
                "labels": labels,
                "ownerReferences": [{"uid": owner["uid"]}],
            },
            "spec": {"nodeName": "node-1", "containers": [{"name": each["name"]} for each in containers]},
            "status": {
                "phase": "Running",
                "startTime": "2026-01-01T00:00:00Z",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [
                    {"name": each["name"], "ready": True, "restartCount": 0, "state": {"running": {}}}
                    for each in containers
                ],
            },
        }
        for number in range(deployment["status"]["readyReplicas"])
    ]
