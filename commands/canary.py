"""`canary APP@VERSION PERCENT to ENV`: a share of the requests for a new version, by a second Deployment.

By weights where a route leads to the app's Service: exact, 1 to 99 %, judged by metrics. Else by replicas: stable keeps
its size, the canary gets max(1, round(N p / (100 - p))) pods behind the same Service, so the share that is really had is
said, and at most 50 % can be asked. The plan names which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import BadArguments, Missing, Preflight, UnknownName
from bot.domain.refs import AppRef, EnvName, Percent
from bot.domain.reply import Button, Confirm, Fact, Text, Value, text
from bot.domain.workloads import Service
from bot.ports.apps import App
from bot.ports.traffic import Route
from bot.ports.world import World
from bot.steps.delivery import (
    Target,
    adopt,
    candidate,
    check_not_bad,
    check_still,
    newest_first,
    proven,
    short,
    targets,
    version_of,
    warn,
)
from bot.steps.replica_plan import achieved, canary_name, replica_steps, replicas_for
from bot.steps.step import Face, Plan, Planned
from bot.steps.weight_plan import Wanted, pods_for, weighted_steps, whole
from bot.steps.weights import named

MOST = 50
"""Percent, by replicas: above it the canary would be larger than stable."""
MOST_BY_WEIGHT = 99


@dataclass(frozen=True, slots=True)
class Canary:
    app: Annotated[AppRef, Arg("the app and the version to try", example="APP@VERSION")]
    percent: Annotated[
        Percent, Arg("the share of requests that it gets first: 1 to 99 by weights, 1 to 50 by replicas")
    ]
    env: Annotated[EnvName, Arg("where", word="to")]
    steps: Annotated[tuple[Percent, ...], Arg("further shares, one after the other")] = ()
    hold: Annotated[timedelta | None, Arg("how long each share is watched; without it each waits for promote")] = None
    requests: Annotated[int, Arg("how many it must have answered before its figures can pass, by weights")] = 500
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def plan(params: Canary, world: World) -> Plan:
    app = world.apps.locate(params.app.app, params.env)
    found = targets(world, app)
    if len(found) > 1:
        raise Preflight(
            text("{app} on {env} runs in {n} clusters.", app=str(app.name), env=str(app.env), n=len(found)),
            why=text("A canary is for one cluster."),
            next=text("Deploy it to one env with one cluster first."),
        )
    target = found[0]
    service, routes, others = _routes(world, target)
    shares = _shares(params, MOST_BY_WEIGHT if routes else MOST)
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    old = version_of(target.image, known)
    if params.app.ref is None:
        raise BadArguments(
            text("Which version?"),
            field="app",
            next=text("Write `canary {app}@VERSION 10 to {env}`.", app=str(app.name), env=str(app.env)),
        )
    try:
        image = world.images.resolve(target.repository, params.app.ref)
    except Missing as missing:
        tags = newest_first(world.images.tags(target.repository))[:3]
        raise UnknownName(
            text("There is no {ref} of {repository}.", ref=params.app.ref, repository=target.repository),
            field="app",
            nearest=tags,
            next=text("The newest are {tags}.", tags=", ".join(tags)) if tags else text("Build it first."),
        ) from missing
    version = image.tag or version_of(image.pinned, known)
    check_not_bad(image.pinned, version, app, known)
    _check(world, target, image.pinned, version)
    ask = _Ask(app, image.pinned, image.digest, version, old, shares, params.hold, params.requests)
    way = _by_weights(world, target, ask, service, routes) if service else _by_replicas(world, target, ask)
    if others:
        way = replace(way, warnings=(*others, *way.warnings))
    extra = {"from": old, "to": version, "digest": image.digest, "percent": str(shares[0]), "by": way.kind}
    return Plan(_face(target, ask, way), tuple(way.steps), (app.hold,), max(way.sizes), way.largest, extra)


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is wanted, resolved."""

    app: App
    image: str
    digest: str
    version: str
    old: str
    shares: list[int]
    hold: timedelta | None
    requests: int


@dataclass(frozen=True, slots=True)
class _Way:
    """How the requests are shared."""

    kind: str
    words: str
    """`by weights of HTTPRoute web`."""
    steps: list[Planned]
    sizes: list[int]
    """Of the canary, at each share."""
    largest: int
    """Per cent of the requests that it really gets at most, before it is promoted."""
    warnings: tuple[Text, ...]
    lines: tuple[str, ...]
    """For the full plan."""


def _routes(world: World, target: Target) -> tuple[Service | None, tuple[Route, ...], list[Text]]:
    """The Service whose routes can share requests, and what leads around them."""
    traffic = world.cluster(target.scope.cluster).traffic
    chosen: Service | None = None
    routes: tuple[Route, ...] = ()
    others: list[Text] = []
    for service in target.around.services:
        found = traffic.routes(target.scope.namespace, service.ref.name, canary=f"{service.ref.name}-canary")
        others += [*found.owners, *found.refused]
        if found.splits and chosen is None:
            chosen, routes = service, found.splits
        elif found.splits:
            others.append(text("What comes through service {name} is *not shared*", name=service.ref.name))
    return chosen, routes, others


def _by_weights(world: World, target: Target, ask: _Ask, service: Service | None, routes: tuple[Route, ...]) -> _Way:
    assert service is not None
    app, stable = ask.app, target.workload.replicas
    canary = routes[0].canary
    if world.cluster(target.scope.cluster).traffic.service(target.scope.namespace, canary) is not None:
        raise Preflight(
            text("A Service {name} is there already.", name=canary),
            why=text("It may be left from a canary that was made by hand."),
            next=text("Remove it, then try again."),
        )
    # When it is promoted it has stable's size or more, while stable is replaced a pod at a time.
    _check_room(target, whole(target) + 1)
    wanted = Wanted(
        app=str(app.name),
        image=ask.image,
        version=ask.version,
        old=ask.old,
        shares=ask.shares,
        hold=ask.hold,
        requests=ask.requests,
        deadline=world.rules.duration("deadline", app.name, app.env),
        wait=world.rules.duration("canary-deadline", app.name, app.env),
        bake=world.rules.duration("bake", app.name, app.env),
    )
    final = target.workload.template.with_image(target.container, ask.image)
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    steps = [
        *adopt(world, app, target, known=known, version=ask.old),
        candidate(world, app, target, final, ask.version),
        *weighted_steps(target, service, routes, wanted),
        proven(app, ask.version),
    ]
    sizes = [pods_for(stable, share) for share in ask.shares]
    names = ", ".join(named(route) for route in routes)
    warnings = [text("Only requests that come through {names} are shared", names=names)]
    if target.around.autoscaler is not None:
        warnings.append(text("Its autoscaler does not scale down meanwhile"))
    lines = (
        f"+ service {canary}",
        *(f"~ {names}: {share} % to {canary}, {size} pods" for share, size in zip(ask.shares, sizes, strict=True)),
        "",
        f"Promoted: 100 % to {whole(target)} canary pods, Deployment {target.ref.name} gets that image,",
        f"everything back to it, then {canary_name(target)} is removed",
    )
    words = f"by weights of {names}"
    return _Way("weights", words, steps, sizes, max(ask.shares), tuple(warnings), lines)


def _check_room(target: Target, more: int) -> None:
    pods = next((quota for quota in target.around.quotas if quota.resource == "pods"), None)
    if pods is not None and pods.used + more > pods.hard:
        raise Preflight(
            text("The quota {name} leaves no room for {n} more pods.", name=pods.name, n=more),
            why=text("{used} of {hard} pods are used.", used=int(pods.used), hard=int(pods.hard)),
        )


def _shares(params: Canary, most: int) -> list[int]:
    shares = [params.percent.value, *(step.value for step in params.steps if step.value != params.percent.value)]
    if shares[-1:] == [100] and len(shares) > 1:
        shares.pop()
    if not all(1 <= share <= most for share in shares):
        said = ", ".join(map(str, shares))
        what = text("{shares} % cannot all be had; it has to be 1 to {most}.", shares=said, most=most)
        if most == MOST:
            what = text("{shares} % cannot all be had by replicas; it has to be 1 to {most}.", shares=said, most=most)
        next = text("Above {most} %, promote it: then everybody gets it.", most=most)
        raise BadArguments(what, field="percent", next=next)
    if shares != sorted(set(shares)):
        raise BadArguments(
            text("The shares have to grow: {shares}.", shares=", ".join(map(str, shares))), field="steps"
        )
    return shares


def _check(world: World, target: Target, image: str, version: str) -> None:
    check_still(target)
    workload = target.workload
    if workload.replicas == 0:
        raise Preflight(text("{name} has no pods.", name=workload.ref.name), next=text("Scale it up first."))
    if target.image in {image, f"{target.repository}:{version}"}:
        raise Preflight(text("{version} runs there already.", version=version))
    name = canary_name(target)
    if world.cluster(target.scope.cluster).workloads.find(target.scope.namespace, name) is not None:
        raise Preflight(
            text("A Deployment {name} is there already.", name=name),
            why=text("It may be left from a canary that was made by hand."),
            next=text("Remove it, then try again."),
        )
    if not target.around.services:
        raise Preflight(
            text("No Service selects the pods of {name}.", name=workload.ref.name),
            why=text("Without one there are no requests to share."),
        )


def _by_replicas(world: World, target: Target, ask: _Ask) -> _Way:
    sticky = next((s for s in target.around.services if s.has_session_affinity), None)
    if sticky is not None:
        raise Preflight(
            text("Service {name} keeps clients on one pod (session affinity).", name=sticky.ref.name),
            why=text("Shares by replicas cannot be had then."),
        )
    pods = next((quota for quota in target.around.quotas if quota.resource == "pods"), None)
    if pods is not None and pods.used + 1 > pods.hard:
        raise Preflight(
            text("The quota {name} leaves no room for a canary pod.", name=pods.name),
            why=text("{used} of {hard} pods are used.", used=int(pods.used), hard=int(pods.hard)),
        )
    stable = target.workload.replicas
    steps, adopts = replica_steps(
        world, ask.app, target, ask.image, version=ask.version, old=ask.old, shares=ask.shares, hold=ask.hold
    )
    sizes = [replicas_for(stable, share) for share in ask.shares]
    had = [achieved(stable, size) for size in sizes]
    warnings: list[Text] = []
    for share, size, real in zip(ask.shares, sizes, had, strict=True):
        if abs(share - real) > 2:
            warnings.append(
                text(
                    "*{share} % cannot be had* with {n} pods: it gets {real} % ({size} of {all})",
                    share=share,
                    n=stable,
                    real=real,
                    size=size,
                    all=stable + size,
                )
            )
    if adopts:
        warnings.append(text("Stable pods are *replaced once* to carry a label that the Service can share by"))
    if target.around.autoscaler is not None:
        warnings.append(text("Its autoscaler goes on sizing stable, so that the share moves with the load"))
    warnings.append(text("Clients that keep connections open may never reach the canary"))
    lines = (
        *(
            f"+ {size} pods: {share} % asked, {real} % had"
            for share, size, real in zip(ask.shares, sizes, had, strict=True)
        ),
        "",
        f"Promoted: Deployment {target.ref.name} gets that image, then {canary_name(target)} is removed",
    )
    largest = achieved(stable, max(sizes))
    return _Way("replicas", "by replicas", steps, sizes, largest, tuple(warnings), lines)


def _face(target: Target, ask: _Ask, way: _Way) -> Face:
    app, version, old, digest, hold = ask.app, ask.version, ask.old, ask.digest, ask.hold
    stable = target.workload.replicas
    args: dict[str, Value] = {"app": str(app.name), "env": str(app.env), "version": version, "old": old}
    warnings = [*way.warnings, *warn(target)]
    path = " → ".join(f"{share} %" for share in ask.shares) + " → 100 %"
    facts = (
        Fact(text("Version"), text("{old} beside *{version}*\n`{digest}`", digest=short(digest)[:6], **args)),
        Fact(text("Shares"), text("{path}\n{how}", path=path, how=way.words)),
        Fact(text("Pods"), text("{n} stable, {sizes} canary", n=stable, sizes=", then ".join(map(str, way.sizes)))),
        Fact(text("Each share"), text("{hold} long", hold=hold) if hold else text("until somebody promotes it")),
    )
    lines = [
        f"Deployment {canary_name(target)}, cluster {target.scope.cluster}, namespace {target.scope.namespace}",
        f"+ image  {target.repository}@{digest}  ({version})",
        *way.lines,
    ]
    logs = Button(text("Logs"), f"logs {app.name} in {app.env}")
    return Face(
        title=text("canary {app} {version} on {env}", **args),
        subject=text("{app} {version} on {env}", **args),
        asks=text("try *{app}* *{version}* beside {old} on *{env}*, {path}", path=path, **args),
        done=text("{app} {version} is live on {env}", **args),
        undone=text("{app} on {env} is on {old} again", **args),
        fallback=text("All requests go back to {old} by themselves at the first sure sign of failure.", **args),
        go=text("Start the canary"),
        warnings=tuple(warnings),
        facts=facts,
        diff="\n".join(lines),
        stop=Confirm(
            text("Abort the canary of {app}?", **args),
            text(
                "All traffic on {env} goes back to {old}, and the {version} pods are removed after they have drained.",
                **args,
            ),
            text("Abort"),
        ),
        running=(logs,),
        after=(logs, Button(text("History"), f"history {app.name} in {app.env}")),
        failed=(Button(text("Last log lines"), f"logs {app.name} in {app.env} since=15m"),),
        kind="canary",
    )


COMMAND = Command(
    "canary",
    "give a new version a share of the requests",
    Canary,
    "workloads:canary",
    Changes(plan),
    slash=True,
    example="canary web@1.8.2 10 to prod",
)
