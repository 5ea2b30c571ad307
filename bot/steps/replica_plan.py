"""The plan of a canary by replicas: a second Deployment behind the same Service, whose pods share its requests.

Stable keeps its size. Where the Service selects by a label of stable alone, stable is labelled and the selector switched
first (delivery: adopt). Pure: data out of data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.domain.analysis import AppMeasure
from bot.domain.refs import ObjectRef
from bot.domain.templates import Template
from bot.domain.workloads import APP_LABEL, TRACK_LABEL, Service, selects
from bot.ports.apps import App
from bot.ports.world import World
from bot.steps.adoption import adopt
from bot.steps.analysis import Analyse
from bot.steps.canary import CreateCanary, DeleteCanary, ScaleCanary, SwitchSelector
from bot.steps.delivery import Target, candidate, min_ready, proven, roll_to
from bot.steps.rollout import ReplaceTemplate
from bot.steps.step import Planned


def replicas_for(stable: int, percent: int) -> int:
    """Pods of the canary beside `stable` pods so that it gets about `percent` of the requests."""
    return max(1, round(stable * percent / (100 - percent)))


def achieved(stable: int, canary: int) -> int:
    return round(100 * canary / (stable + canary))


def canary_name(target: Target) -> str:
    return f"{target.workload.ref.name}-canary"


def replica_steps(
    world: World,
    app: App,
    target: Target,
    image: str,
    *,
    version: str,
    old: str,
    shares: list[int],
    hold: timedelta | None,
    wait: timedelta,
    requests: int,
    measures: tuple[AppMeasure, ...] = (),
) -> tuple[list[Planned], bool]:
    """The steps, and whether stable's labels and the Service's selector have to be adopted first. `wait`: for a person,
    at one share."""
    workload, name = target.workload, canary_name(target)
    deadline = world.rules.duration("deadline", app.name, app.env)
    bake = world.rules.duration("bake", app.name, app.env)
    mine = {APP_LABEL: str(app.name)}
    adopts = [s for s in target.around.services if _needs_adoption(s, workload.selector)]
    steps: list[Planned] = []
    stable = workload.template
    if adopts and workload.template.labels.get(APP_LABEL) != str(app.name):
        stable = workload.template.with_labels(put=mine)
        steps.append(_label(target, stable, old, deadline))
    for service in adopts:
        before, after = dict(service.selector), {**_kept(service, workload.selector), **mine}
        steps.append(
            Planned(
                SwitchSelector(service.ref, target.ref, before, after),
                SwitchSelector(service.ref, target.ref, after, before),
            )
        )
    selector = {APP_LABEL: str(app.name), TRACK_LABEL: "canary"}
    template = _canary_template(target, stable, image, selector)
    canary = ObjectRef(target.scope.cluster, target.scope.namespace, "Deployment", name, "")
    adopted = adopt(world, app, target, known=world.book.releases(str(app.name), str(app.env), limit=50), version=old)
    promoted = replace(
        target, workload=replace(workload, template=stable, min_ready_seconds=_after_label(target, stable))
    )
    final = stable.with_image(target.container, image)
    steps = [*adopted, candidate(world, app, target, final, version), *steps]
    pods = 0
    for share in shares:
        size = replicas_for(workload.replicas, share)
        if pods == 0:
            steps.append(
                Planned(
                    CreateCanary(target.ref, canary, template, selector, size, version),
                    DeleteCanary(canary),
                    deadline=deadline,
                )
            )
        elif size != pods:
            steps.append(
                Planned(
                    ScaleCanary(canary, pods, size, version), ScaleCanary(canary, size, pods, old), deadline=deadline
                )
            )
        pods = size
        watch = Analyse(
            target=canary,
            stable=target.ref,
            routes=(),
            replicas=size,
            percent=share,
            version=version,
            old=old,
            requests=requests,
            time=hold,
            measures=measures,
        )
        steps.append(Planned(watch, deadline=(hold or timedelta()) + wait))
    steps += roll_to(promoted, final, version=version, old_version=old, bake=bake, deadline=deadline)
    steps.append(Planned(DeleteCanary(canary), no_return=True))
    steps.append(proven(app, version))
    return steps, bool(adopts)


def _after_label(target: Target, stable: Template) -> int:
    """minReadySeconds once the labels are adopted: that step set it, and leaves it for the promotion."""
    workload = target.workload
    return workload.min_ready_seconds if stable == workload.template else min_ready(workload)


def _label(target: Target, stable: Template, old: str, deadline: timedelta) -> Planned:
    workload = target.workload
    low, high = workload.min_ready_seconds, min_ready(workload)
    return Planned(
        ReplaceTemplate(target.ref, workload.template, stable, old, low, high),
        ReplaceTemplate(target.ref, stable, workload.template, old, high, low),
        deadline=deadline,
    )


def _needs_adoption(service: Service, stable: Mapping[str, str]) -> bool:
    """The Service selects by a label that belongs to stable alone, so that a canary without it gets nothing."""
    return bool(_own(service, stable))


def _own(service: Service, stable: Mapping[str, str]) -> set[str]:
    return {key for key in service.selector if key in stable}


def _kept(service: Service, stable: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in service.selector.items() if key not in stable}


def _canary_template(target: Target, stable: Template, image: str, selector: Mapping[str, str]) -> Template:
    """Stable's template without its selector labels, so that stable's Deployment cannot take the canary's pods."""
    drop = tuple(target.workload.selector)
    template = stable.with_labels(put=selector, drop=drop).with_image(target.container, image)
    assert not selects(target.workload.selector, template.labels)
    return template
