"""Argo Rollouts (argoproj.io/v1alpha1) in our words, and changes of them: the spec by one patch, a pause by its status.

The main resource takes no change of status (it answers 200 and ignores it), and the status none of labels: so the marks
stand on the main resource first, and the patch of the status tests them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.domain.errors import Conflict, Missing
from bot.domain.progressive import ALL, Program, Progressive, StepList
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark, Workload
from integrations.kubernetes import decoding, marks, shapes
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.errors import SYSTEM, capped
from integrations.kubernetes.patching import (
    STAMP,
    TRIES,
    Change,
    Object,
    Operations,
    Patcher,
    labels,
    refuse_higher_fence,
)
from integrations.kubernetes.writing import Pin

KIND = "Rollout"
HASH = "rollouts-pod-template-hash"
_AT_STEP = "CanaryPauseStep"
_WORDS = 300
_STEPS = "/spec/strategy/canary/steps"


class CanarySpec(msgspec.Struct, rename="camel"):
    steps: list[dict[str, Any]] | None = None
    traffic_routing: dict[str, Any] | None = None
    max_unavailable: int | str = "25%"


class Strategy(msgspec.Struct, rename="camel"):
    canary: CanarySpec | None = None


class RolloutSpec(msgspec.Struct, rename="camel"):
    selector: shapes.Selector = msgspec.field(default_factory=shapes.Selector)
    template: dict[str, Any] | None = None
    workload_ref: dict[str, Any] | None = None
    rollback_window: dict[str, Any] | None = None
    strategy: Strategy = msgspec.field(default_factory=Strategy)
    replicas: int = 1
    min_ready_seconds: int = 0
    paused: bool = False


class Weight(msgspec.Struct):
    weight: int = 0


class Weights(msgspec.Struct):
    canary: Weight = msgspec.field(default_factory=Weight)


class CanaryStatus(msgspec.Struct):
    weights: Weights | None = None


class Pause(msgspec.Struct):
    reason: str = ""


class RolloutStatus(msgspec.Struct, rename="camel"):
    observed_generation: str = "0"
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    conditions: list[shapes.Condition] | None = None
    current_step_index: int | None = None
    pause_conditions: list[Pause] | None = None
    stable_hash: str = msgspec.field(name="stableRS", default="")
    current_pod_hash: str = ""
    abort: bool = False
    phase: str = ""
    message: str = ""
    canary: CanaryStatus = msgspec.field(default_factory=CanaryStatus)


class Rollout(msgspec.Struct):
    metadata: shapes.ManagedMeta
    spec: RolloutSpec
    status: RolloutStatus = msgspec.field(default_factory=RolloutStatus)


_ELSEWHERE: dict[str, Any] = {"metadata": {}, "spec": {"containers": []}}
"""Of a template that stands in another object."""


def as_deployment(found: Rollout) -> shapes.Deployment:
    """Where both kinds are alike: its pods are those of ReplicaSets, and fail in the same ways."""
    spec, status = found.spec, found.status
    seen = status.observed_generation
    rolling = shapes.RollingUpdate(spec.strategy.canary.max_unavailable if spec.strategy.canary else "25%")
    return shapes.Deployment(
        metadata=found.metadata,
        spec=shapes.DeploymentSpec(
            selector=spec.selector,
            template=spec.template or _ELSEWHERE,
            replicas=spec.replicas,
            strategy=shapes.DeploymentStrategy(rolling_update=rolling),
            min_ready_seconds=spec.min_ready_seconds,
            paused=spec.paused,
        ),
        status=shapes.DeploymentStatus(
            observed_generation=int(seen) if seen.isascii() and seen.isdecimal() else 0,
            replicas=status.replicas,
            updated_replicas=status.updated_replicas,
            ready_replicas=status.ready_replicas,
            available_replicas=status.available_replicas,
            conditions=status.conditions,
        ),
    )


def workload(
    found: Rollout, cluster: str, *, sets: Sequence[shapes.ReplicaSet] = (), terminating: int | None = None
) -> Workload:
    """`sets`: its ReplicaSets, by which the stable template is known."""
    like = decoding.workload(as_deployment(found), cluster, terminating=terminating)
    stands = _progressive(found, sets)
    told = like.template if found.spec.template else stands.stable_template or like.template
    return replace(like, ref=replace(like.ref, kind=KIND), template=told, progressive=stands)


def _progressive(found: Rollout, sets: Sequence[shapes.ReplicaSet]) -> Progressive:
    canary, status = found.spec.strategy.canary, found.status
    steps = StepList.of(canary.steps if canary else None)
    weights = status.canary.weights
    routed = weights.canary.weight if weights else 0
    stable = _with_hash(found, sets, status.stable_hash)
    return Progressive(
        steps=steps,
        index=len(steps) if status.current_step_index is None else status.current_step_index,
        weight=routed if canary and canary.traffic_routing else None,
        is_waiting=any(each.reason == _AT_STEP for each in status.pause_conditions or ()),
        is_aborted=status.abort,
        is_healthy=status.phase == "Healthy",
        words=capped(status.message or status.phase, _WORDS),
        stable=status.stable_hash,
        current=status.current_pod_hash,
        stable_template=decoding.without_hash(stable.spec.template) if stable else None,
        limits=_limits(found),
    )


def newest(found: Rollout, sets: Sequence[shapes.ReplicaSet]) -> shapes.ReplicaSet | None:
    """Of the template that it is told to run; None until its controller has seen it. By its hash: the API server fills
    defaults into a ReplicaSet's template, and none into a Rollout's."""
    is_observed = as_deployment(found).status.observed_generation >= found.metadata.generation
    return _with_hash(found, sets, found.status.current_pod_hash) if is_observed else None


def _with_hash(found: Rollout, sets: Sequence[shapes.ReplicaSet], hash: str) -> shapes.ReplicaSet | None:
    mine = (each for each in sets if decoding.is_owned(each.metadata, found.metadata.uid))
    return next((each for each in mine if hash and (each.metadata.labels or {}).get(HASH) == hash), None)


def _limits(found: Rollout) -> tuple[Text, ...]:
    spec, canary = found.spec, found.spec.strategy.canary
    limits = []
    if canary is None:
        limits.append(text("It is blue and green, not a canary."))
    if spec.workload_ref is not None or spec.template is None:
        limits.append(text("Its template stands in another object (workloadRef)."))
    if spec.rollback_window is not None:
        limits.append(text("Its rollback window lets it skip steps, the stops too."))
    routing = (canary.traffic_routing if canary else None) or {}
    if routing.get("maxTrafficWeight", ALL) != ALL:
        limits.append(text("Its weights are not per cent (maxTrafficWeight)."))
    return tuple(limits)


# --- changes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KubernetesProgressiveWriter:
    reads: Connection
    writes: Connection
    pin: Pin

    def put_program(
        self, ref: ObjectRef, *, before: Program, after: Program, mark: Mark, is_back: bool, is_aborted: bool
    ) -> None:
        self.pin()

        def may(found: Object) -> bool:
            status = found.get("status") or {}
            if is_back:
                return program_of(found) == before and status.get("stableRS") != status.get("currentPodHash")
            return program_of(found) == before and bool(status.get("abort")) == is_aborted

        change = Change(
            before=may,
            after=lambda found: program_of(found) == after,
            operations=lambda found: _tell(found, after, tested="stableRS" if is_back else "abort"),
        )
        Patcher(self.reads, self.writes).apply(ref, change, mark)

    def pass_step(self, ref: ObjectRef, *, program: Program, index: int, mark: Mark) -> None:
        self.pin()
        patcher = Patcher(self.reads, self.writes)
        patcher.apply(ref, STAMP, mark)
        for _ in range(TRIES):
            found = patcher.find(ref)
            if found is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(ref)))
            refuse_higher_fence(found, ref, mark)
            if marks.mark_of(labels(found)) != mark or program_of(found) != program:
                raise Conflict(SYSTEM, text("Somebody else changed {target} meanwhile.", target=str(ref)))
            status = found.get("status") or {}
            if status.get("currentStepIndex", index) > index:
                return
            pauses = status.get("pauseConditions")
            if status.get("currentStepIndex") != index or not any(each["reason"] == _AT_STEP for each in pauses or ()):
                raise Conflict(SYSTEM, text("{target} does not wait at step {n}.", target=str(ref), n=index + 1))
            try:
                self.writes.patch(place(KIND, ref.namespace, ref.name, "status"), _let_on(found))
            except Conflict:
                continue
            return
        raise Conflict(SYSTEM, text("{target} was changed by others again and again.", target=str(ref)))


def program_of(found: Object) -> Program | None:
    spec = found["spec"]
    canary = (spec.get("strategy") or {}).get("canary")
    if canary is None or "template" not in spec:
        return None
    return Program(decoding.template_of(spec["template"]), StepList.of(canary.get("steps")))


def _told(found: Object) -> Operations:
    canary = found["spec"]["strategy"]["canary"]
    return [
        {"op": "test", "path": "/spec/template", "value": found["spec"]["template"]},
        {"op": "test", "path": _STEPS, "value": canary.get("steps")},
    ]


def _tell(found: Object, after: Program, *, tested: str) -> Operations:
    status, canary = found.get("status") or {}, found["spec"]["strategy"]["canary"]
    tests = _told(found)
    if "status" in found:
        tests.append({"op": "test", "path": f"/status/{tested}", "value": status.get(tested)})
    steps = after.steps.raw()
    puts: Operations = [{"op": "add", "path": "/spec/template", "value": after.template.raw()}]
    if steps:
        puts.append({"op": "add", "path": _STEPS, "value": steps})
    elif "steps" in canary:
        puts.append({"op": "remove", "path": _STEPS})
    return [*tests, *puts]


def _let_on(found: Object) -> Operations:
    status = found["status"]
    return [
        {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
        *marks.tests(labels(found)),
        *_told(found),
        {"op": "test", "path": "/status/currentStepIndex", "value": status["currentStepIndex"]},
        {"op": "test", "path": "/status/pauseConditions", "value": status["pauseConditions"]},
        {"op": "remove", "path": "/status/pauseConditions"},
    ]
