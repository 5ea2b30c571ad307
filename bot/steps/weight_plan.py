"""The plan of a canary by weights, in the order that lost no request when it was promoted and when it was aborted.

Forward: autoscaler held, a second Deployment with its own Service, for each share pods first and then the weight, at the
end everything to the canary while the idle stable is replaced. Back: stable ready, everything to stable, settle, canary
to no pods, gone. Pure: data out of data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from bot.domain.analysis import AppMeasure
from bot.domain.refs import ObjectRef
from bot.domain.workloads import APP_LABEL, TRACK_LABEL, Service, selects
from bot.ports.traffic import Route
from bot.steps.analysis import Analyse
from bot.steps.canary import CreateCanary, DeleteCanary, ScaleCanary
from bot.steps.delivery import Target, roll_to
from bot.steps.step import Planned
from bot.steps.weights import (
    CreateCanaryService,
    DeleteCanaryService,
    DrainCanary,
    ReturnTraffic,
    Settle,
    SetWeight,
    hold_scale_down,
)

SETTLE = timedelta(seconds=3)
"""After a weight changed: the slowest change was seen after 1.4 s."""
ALL = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command asks for."""

    app: str
    image: str
    version: str
    old: str
    shares: Sequence[int]
    hold: timedelta | None
    requests: int
    deadline: timedelta
    """Of one step."""
    wait: timedelta
    """For a person, at one share."""
    bake: timedelta
    measures: tuple[AppMeasure, ...] = ()


def whole(target: Target) -> int:
    """Pods of the canary when it gets everything: stable's, and half as many more where an autoscaler may have to make
    stable larger until then."""
    autoscaler, now = target.around.autoscaler, target.workload.replicas
    return max(now, min(autoscaler.maximum, ceil(1.5 * now))) if autoscaler is not None else now


def pods_for(stable: int, percent: int) -> int:
    """The canary's share of the requests, served by the same share of pods: ceil(stable x weight); one for those alone
    that are led to it by a header."""
    return max(1, ceil(stable * percent / 100))


def weighted_steps(target: Target, service: Service, routes: Sequence[Route], wanted: Wanted) -> list[Planned]:
    """Without the releases, which every kind of delivery records alike."""
    workload = target.workload
    names = canary_labels(wanted.app, target)
    drop = tuple({*workload.selector, *(key for each in target.around.services for key in each.selector)})
    template = workload.template.with_labels(put=names, drop=drop).with_image(target.container, wanted.image)
    assert not selects(workload.selector, template.labels)
    assert not any(selects(each.selector, template.labels) for each in target.around.services)
    name = f"{workload.ref.name}-canary"
    canary = ObjectRef(target.scope.cluster, target.scope.namespace, "Deployment", name, "")
    own = replace(canary, kind="Service", name=routes[0].canary)
    deadline = wanted.deadline
    weights = (*wanted.shares, ALL)
    planned = [whole(target) if weight == ALL else pods_for(workload.replicas, weight) for weight in weights]
    sizes = tuple(sorted(set(planned)))
    hold, let_go = hold_scale_down(target.around.autoscaler, target.ref)
    back = [ReturnTraffic(route, weights, workload.ref, workload.replicas, canary, wanted.old) for route in routes]

    steps = [
        *hold,
        Planned(CreateCanaryService(service.ref, own, names), DeleteCanaryService(own)),
        Planned(CreateCanary(target.ref, canary, template, names, 0, wanted.version), DeleteCanary(canary)),
    ]
    before, pods, is_first = 0, 0, True
    for weight, size in zip(weights, planned, strict=True):
        if size != pods:
            undo = DrainCanary(canary, sizes) if pods == 0 else None
            grow = ScaleCanary(canary, pods, size, wanted.version)
            steps.append(Planned(grow, undo, deadline=deadline))
        if is_first:
            steps += [Planned(Settle(route, 0, timedelta()), Settle(route, 0, SETTLE)) for route in routes]
        for route, home in zip(routes, back, strict=True):
            give = SetWeight(route, (before,), weight, canary, size, wanted.version)
            steps.append(Planned(give, home, deadline=deadline, undo_deadline=deadline * 2))
        before, pods, is_first = weight, size, False
        if weight != ALL:
            look = Analyse(
                target=canary,
                stable=target.ref,
                routes=tuple(routes),
                replicas=size,
                percent=weight,
                version=wanted.version,
                old=wanted.old,
                requests=wanted.requests,
                time=max(wanted.hold, SETTLE) if wanted.hold is not None else None,
                measures=wanted.measures,
            )
            steps.append(Planned(look, deadline=(wanted.hold or timedelta()) + wanted.wait))
    steps += [Planned(Settle(route, ALL, SETTLE)) for route in routes]
    final = workload.template.with_image(target.container, wanted.image)
    steps += roll_to(target, final, version=wanted.version, old_version=wanted.old, bake=wanted.bake, deadline=deadline)
    # From here on both run the new version: what fails now is explained, and nothing is taken back.
    for route in routes:
        home = ReturnTraffic(route, (ALL,), workload.ref, workload.replicas, canary, wanted.version)
        steps.append(Planned(home, deadline=deadline, no_return=True))
    steps += [Planned(Settle(route, 0, SETTLE), no_return=True) for route in routes]
    steps += [
        Planned(DrainCanary(canary, sizes), no_return=True),
        Planned(DeleteCanary(canary), no_return=True),
        Planned(DeleteCanaryService(own), no_return=True),
        *let_go,
    ]
    return steps


def canary_labels(app: str, target: Target) -> dict[str, str]:
    """Its pods may be in no Service but its own: an earlier canary by replicas may have left one that selects by app."""
    labels = {APP_LABEL: app, TRACK_LABEL: "canary"}
    if any(selects(service.selector, labels) for service in target.around.services):
        labels[APP_LABEL] = f"{app}-canary"
    return labels
