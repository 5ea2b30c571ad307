"""From Kubernetes' objects to our words. Pure: no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from kubernetes.utils.quantity import parse_quantity

from bot.domain.refs import ObjectRef
from bot.domain.templates import Template
from bot.domain.workloads import (
    Autoscaler,
    DisruptionBudget,
    Pod,
    Quota,
    Service,
    Strategy,
    Workload,
)
from integrations.kubernetes import shapes
from integrations.kubernetes.connection import FIELD_MANAGER
from integrations.kubernetes.marks import mark_of

REVISION = "deployment.kubernetes.io/revision"
HASHES = ("pod-template-hash", "rollouts-pod-template-hash")
"""Which a ReplicaSet's template has and its owner's has not: of a Deployment, of a Rollout."""
_OWNERS_BY_NOTE = (
    ("meta.helm.sh/release-name", "helm"),
    ("helm.toolkit.fluxcd.io/name", "helm-controller"),
    ("kustomize.toolkit.fluxcd.io/name", "kustomize-controller"),
    ("argocd.argoproj.io/tracking-id", "argocd-controller"),
    ("argocd.argoproj.io/instance", "argocd-controller"),
)
_NO_STRATEGY = shapes.RollingUpdate(max_unavailable="")


def template_of(raw: Mapping[str, Any]) -> Template:
    """Without the empty `creationTimestamp` that API servers before 1.34 put into every template."""
    metadata = raw.get("metadata") or {}
    if metadata.get("creationTimestamp", "") is None:
        raw = {**raw, "metadata": {key: value for key, value in metadata.items() if key != "creationTimestamp"}}
    return Template.of(raw)


def workload(found: shapes.Deployment, cluster: str, *, terminating: int | None = None) -> Workload:
    """`terminating`: counted by the caller, for API servers that do not say it."""
    meta, spec, status = found.metadata, found.spec, found.status
    rolling = spec.strategy.rolling_update or _NO_STRATEGY
    said = status.terminating_replicas
    return Workload(
        ref=ObjectRef(cluster, meta.namespace, "Deployment", meta.name, meta.uid),
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        selector=spec.selector.match_labels or {},
        template=template_of(spec.template),
        replicas=spec.replicas,
        generation=meta.generation,
        observed_generation=status.observed_generation,
        updated=status.updated_replicas,
        ready=status.ready_replicas,
        available=status.available_replicas,
        total=status.replicas,
        terminating=(terminating or 0) if said is None else said,
        min_ready_seconds=spec.min_ready_seconds,
        max_unavailable=str(rolling.max_unavailable),
        strategy=Strategy.RECREATE if spec.strategy.type == "Recreate" else Strategy.ROLLING,
        is_paused=spec.paused,
        mark=mark_of(meta.labels),
        managers=managers(meta),
    )


def managers(meta: shapes.ManagedMeta) -> tuple[str, ...]:
    """Who else than we owns the containers' images, and by whose notes on the object Helm, Argo CD or Flux owns it."""
    found = [each.manager for each in meta.managed_fields or () if _owns_image(each.fields_v1 or {})]
    notes = {**(meta.annotations or {}), **(meta.labels or {})}
    found += [owner for note, owner in _OWNERS_BY_NOTE if note in notes]
    return tuple(name for name in dict.fromkeys(found) if name != FIELD_MANAGER)


def _owns_image(fields: Mapping[str, Any]) -> bool:
    place: Any = fields
    for key in ("f:spec", "f:template", "f:spec", "f:containers"):
        place = place.get(key, {})
    return any(isinstance(container, dict) and "f:image" in container for container in place.values())


def newest(found: shapes.Deployment, sets: Iterable[shapes.ReplicaSet]) -> shapes.ReplicaSet | None:
    """The Deployment's own ReplicaSet whose template is the Deployment's; None while there is none yet."""
    wanted = template_of(found.spec.template)
    mine = [each for each in sets if is_owned(each.metadata, found.metadata.uid)]
    equal = [each for each in mine if without_hash(each.spec.template) == wanted]
    if equal:
        # As the controller chooses among several: the oldest.
        return min(equal, key=lambda each: (str(each.metadata.creation_timestamp), each.metadata.name))
    revision = (found.metadata.annotations or {}).get(REVISION, "")
    if found.status.observed_generation < found.metadata.generation or not revision:
        return None
    # A newer API server may have filled in a field that the older ReplicaSet does not have.
    return next((each for each in mine if (each.metadata.annotations or {}).get(REVISION) == revision), None)


def without_hash(template: Mapping[str, Any]) -> Template:
    return template_of(template).with_labels(put={}, drop=HASHES)


def is_owned(meta: shapes.Meta, uid: str) -> bool:
    return any(owner.uid == uid for owner in meta.owner_references or ())


def pod(found: shapes.Pod) -> Pod:
    status = found.status
    containers = status.container_statuses or []
    return Pod(
        name=found.metadata.name,
        uid=found.metadata.uid,
        phase=status.phase,
        is_ready=is_ready(found),
        is_terminating=found.metadata.deletion_timestamp is not None,
        restarts=sum(each.restart_count for each in containers),
        started=status.start_time,
        node=found.spec.node_name,
        image_ids={each.name: digest for each in containers if (digest := _digest(each.image_id))},
    )


def is_ready(found: shapes.Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in found.status.conditions or ())


def _digest(image_id: str) -> str:
    """`registry/app@sha256:...` and `sha256:...` are both seen; what is neither is not known yet."""
    _, _, digest = image_id.rpartition("@")
    return digest if digest.startswith("sha256:") else ""


def matches(selector: shapes.Selector, labels: Mapping[str, str]) -> bool:
    """As Kubernetes does it: an empty selector matches everything."""
    if any(labels.get(key) != value for key, value in (selector.match_labels or {}).items()):
        return False
    return all(_meets(each, labels) for each in selector.match_expressions or ())


def _meets(requirement: shapes.Requirement, labels: Mapping[str, str]) -> bool:
    values = requirement.values or []
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in values
        case "NotIn":
            return labels.get(requirement.key) not in values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels
        case _:
            return False


def selector_text(selector: shapes.Selector) -> str:
    """For a `labelSelector` parameter."""
    parts = [f"{key}={value}" for key, value in (selector.match_labels or {}).items()]
    for each in selector.match_expressions or ():
        match each.operator:
            case "In" | "NotIn":
                parts.append(f"{each.key} {each.operator.lower()} ({','.join(each.values or [])})")
            case "Exists":
                parts.append(each.key)
            case "DoesNotExist":
                parts.append(f"!{each.key}")
    return ",".join(parts)


def service(found: shapes.Service, cluster: str) -> Service:
    meta = found.metadata
    return Service(
        ref=ObjectRef(cluster, meta.namespace, "Service", meta.name, meta.uid),
        selector=found.spec.selector or {},
        has_session_affinity=found.spec.session_affinity not in {"", "None"},
        mark=mark_of(meta.labels),
    )


def autoscaler(found: shapes.Autoscaler, cluster: str) -> Autoscaler:
    meta, spec = found.metadata, found.spec
    rules = spec.behavior.scale_down if spec.behavior else None
    policy = rules.select_policy if rules else ""
    aim = next((each.measured for each in spec.metrics or () if _is_utilisation(each.measured)), None)
    now = next(
        (
            each.measured.current.average_utilization
            for each in found.status.current_metrics or ()
            if aim and each.measured and each.measured.name == aim.name and each.measured.current
        ),
        None,
    )
    return Autoscaler(
        ref=ObjectRef(cluster, meta.namespace, "HorizontalPodAutoscaler", meta.name, meta.uid),
        minimum=spec.min_replicas,
        maximum=spec.max_replicas,
        current=found.status.current_replicas,
        target=f"{aim.target.average_utilization} % {_resource(aim.name)}" if aim and aim.target else "",
        now="" if now is None else f"{now} %",
        # `Max` is what the API server fills in and means the same as nothing.
        scale_down="" if policy == "Max" else policy,
        mark=mark_of(meta.labels),
    )


def _is_utilisation(metric: shapes.ResourceMetric | None) -> bool:
    return bool(metric and metric.target and metric.target.average_utilization is not None)


def _resource(name: str) -> str:
    return "CPU" if name == "cpu" else name


_GROUPS = {"Deployment": "apps", "Rollout": "argoproj.io"}


def scales(found: shapes.Autoscaler, ref: ObjectRef) -> bool:
    target = found.spec.scale_target_ref
    group = target.api_version.partition("/")[0]
    return (target.kind, target.name, group) == (ref.kind, ref.name, _GROUPS[ref.kind])


def budget(found: shapes.Budget) -> DisruptionBudget:
    selector = found.spec.selector or shapes.Selector()
    return DisruptionBudget(found.metadata.name, selector.match_labels or {}, found.status.disruptions_allowed)


def quotas(found: shapes.ResourceQuota) -> tuple[Quota, ...]:
    used = found.status.used or {}
    return tuple(
        Quota(found.metadata.name, resource, used=_amount(used.get(resource, "0")), hard=_amount(hard))
        for resource, hard in sorted((found.status.hard or {}).items())
    )


def _amount(quantity: str) -> float:
    try:
        return float(parse_quantity(quantity))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise msgspec.ValidationError(f"no quantity: {quantity}") from error
