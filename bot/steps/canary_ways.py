"""How a canary's requests are shared, and how its plan is shown: by weights of a route where there is one, else by replicas.

By weights: exact, 1 to 99 %. By replicas: stable keeps its size, the canary gets
max(1, round(N p / (100 - p))) pods behind the same Service, so the share that is really had is said, and at most 50 % can
be asked. Both are judged by the same figures. Pure reads of a World.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.analysis import AppMeasure
from bot.domain.errors import BadArguments, Preflight
from bot.domain.reply import Button, Confirm, Fact, Style, Text, Value, text
from bot.domain.templates import Template
from bot.domain.workloads import Service
from bot.ports.apps import App
from bot.ports.traffic import Match, Route
from bot.ports.world import World
from bot.steps.adoption import adopt
from bot.steps.canary import CreateCanary
from bot.steps.delivery import Target, candidate, check_still, proven, short, warn
from bot.steps.preflight import autoscaler_fact, check_room, missed_by, surge
from bot.steps.replica_plan import achieved, canary_name, replica_steps, replicas_for
from bot.steps.step import Face, Planned
from bot.steps.weight_plan import Wanted, pods_for, weighted_steps, whole
from bot.steps.weights import CreateCanaryService, named


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted, resolved."""

    app: App
    image: str
    digest: str
    version: str
    old: str
    shares: list[int]
    hold: timedelta | None
    requests: int
    wait: timedelta
    """For a person, at one share."""
    by_policy: tuple[str, ...] = ()
    """Names of what the policy says of it, because the asker did not."""
    measures: tuple[AppMeasure, ...] = ()
    """The app's own, from the policy."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the requests are shared."""

    kind: str
    words: str
    """`by weights of HTTPRoute web`."""
    steps: list[Planned]
    sizes: list[int]
    """Of the canary, at each share."""
    warnings: tuple[Text, ...]
    lines: tuple[str, ...]
    """For the full plan."""
    always: str = ""
    """Which requests reach the canary at every share."""


def routes_of(
    world: World, target: Target, match: Match | None
) -> tuple[Service | None, tuple[Route, ...], list[Text]]:
    """The Service whose routes can share requests, and what leads around them. Raises Preflight where the requests of
    `match` cannot be told apart."""
    traffic = world.cluster(target.scope.cluster).traffic
    chosen: Service | None = None
    routes: tuple[Route, ...] = ()
    others: list[Text] = []
    unmatched: tuple[Text, ...] = ()
    for service in target.around.services:
        found = traffic.routes(
            target.scope.namespace, service.ref.name, canary=f"{service.ref.name}-canary", match=match
        )
        others += [*found.owners, *found.refused]
        if found.splits and chosen is None:
            chosen, routes, unmatched = service, found.splits, found.unmatched
        elif found.splits:
            others.append(text("What comes through service {name} is *not shared*", name=service.ref.name))
    if match is not None and (chosen is None or unmatched):
        raise Preflight(
            text("Requests with {match} cannot be led to the canary.", match=str(match)),
            why=unmatched[0]
            if unmatched
            else text("No route leads to {name}; pods share all alike.", name=target.ref.name),
            next=text("Ask without it, or lead to it by an HTTPRoute or an IngressRoute."),
        )
    return chosen, routes, others


def by_weights(world: World, target: Target, ask: Ask, service: Service | None, routes: tuple[Route, ...]) -> Way:
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
    check_room(target, target.workload.template, whole(target) + 1)
    wanted = Wanted(
        app=str(app.name),
        image=ask.image,
        version=ask.version,
        old=ask.old,
        shares=ask.shares,
        hold=ask.hold,
        requests=ask.requests,
        deadline=world.rules.duration("deadline", app.name, app.env),
        wait=ask.wait,
        bake=world.rules.duration("bake", app.name, app.env),
        measures=ask.measures,
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
    own = next(step.do.selector for step in steps if isinstance(step.do, CreateCanaryService))
    warnings += missed_by(world, target, _pods(steps), own)
    lines = (
        f"+ service {canary}",
        *(f"~ {names}: {share} % to {canary}, {size} pods" for share, size in zip(ask.shares, sizes, strict=True)),
        "",
        f"Promoted: 100 % to {whole(target)} canary pods, Deployment {target.ref.name} gets that image,",
        f"everything back to it, then {canary_name(target)} is removed",
    )
    words = f"by weights of {names}"
    always = str(routes[0].match or "")
    if ask.shares[0] == 0:
        warnings.append(text("At 0 % only requests with {match} reach it", match=always))
    return Way("weights", words, steps, sizes, tuple(warnings), lines, always)


def check(world: World, target: Target, image: str, version: str) -> None:
    check_still(target, is_told_anew=True)
    workload = target.workload
    if workload.replicas == 0:
        raise Preflight(text("{name} has no pods.", name=workload.ref.name), next=text("Scale it up first."))
    if target.image in {image, f"{target.repository}:{version}"}:
        raise Preflight(text("{version} runs there already.", version=version))
    if workload.progressive is not None:
        return
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


def _pods(steps: list[Planned]) -> Template:
    """Of the canary."""
    return next(step.do.template for step in steps if isinstance(step.do, CreateCanary))


def check_measures(world: World, ask: Ask) -> None:
    """Raises Preflight for one that could not be asked: it would be no data, and hold up every share."""
    for measure in ask.measures:
        try:
            world.metrics.check(measure.query)
        except BadArguments as bad:
            raise Preflight(
                text(
                    "{name}, which the policy measures of {app}, cannot be used.",
                    name=measure.criterion.name,
                    app=str(ask.app.name),
                ),
                why=bad.what,
                next=text("Whoever keeps the policy file has to mend its query."),
            ) from bad


def by_replicas(world: World, target: Target, ask: Ask) -> Way:
    sticky = next((s for s in target.around.services if s.has_session_affinity), None)
    if sticky is not None:
        raise Preflight(
            text("Service {name} keeps clients on one pod (session affinity).", name=sticky.ref.name),
            why=text("Shares by replicas cannot be had then."),
        )
    stable = target.workload.replicas
    steps, adopts = replica_steps(
        world,
        ask.app,
        target,
        ask.image,
        version=ask.version,
        old=ask.old,
        shares=ask.shares,
        hold=ask.hold,
        wait=ask.wait,
        requests=ask.requests,
        measures=ask.measures,
    )
    sizes = [replicas_for(stable, share) for share in ask.shares]
    check_room(target, target.workload.template, max(sizes) + surge(target))
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
    warnings += missed_by(world, target, _pods(steps), {})
    warnings.append(text("Clients that keep connections open may never reach the canary"))
    lines = (
        *(
            f"+ {size} pods: {share} % asked, {real} % had"
            for share, size, real in zip(ask.shares, sizes, had, strict=True)
        ),
        "",
        f"Promoted: Deployment {target.ref.name} gets that image, then {canary_name(target)} is removed",
    )
    return Way("replicas", "by replicas", steps, sizes, tuple(warnings), lines)


def face_of(target: Target, ask: Ask, way: Way) -> Face:
    app, version, old, digest = ask.app, ask.version, ask.old, ask.digest
    stable = target.workload.replicas
    args: dict[str, Value] = {"app": str(app.name), "env": str(app.env), "version": version, "old": old}
    warnings = [*way.warnings, *warn(target)]
    path = " → ".join(f"{share} %" for share in ask.shares) + " → 100 %"
    facts = (
        Fact(text("Version"), text("{old} beside *{version}*\n`{digest}`", digest=short(digest)[:6], **args)),
        Fact(text("Shares"), text("{path}\n{how}", path=path, how=way.words)),
        Fact(text("Pods"), text("{n} stable, {sizes} canary", n=stable, sizes=", then ".join(map(str, way.sizes)))),
        *([Fact(text("Always"), text("requests with {match}", match=way.always))] if way.always else []),
        Fact(text("Each share"), _patience(ask)),
        *autoscaler_fact(target, is_held=way.kind == "weights"),
        *_judged_by(ask),
        *([Fact(text("From the policy"), text("{names}", names=", ".join(ask.by_policy)))] if ask.by_policy else []),
    )
    lines = [
        f"{target.ref.kind} {target.ref.name if way.kind == 'rollout' else canary_name(target)}, "
        f"cluster {target.scope.cluster}, namespace {target.scope.namespace}",
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
        failed=(
            Button(
                text("New log patterns"),
                f"logs {app.name} in {app.env} since=30m --new",
                Style.PRIMARY,
                spoken=text("Log patterns new in {app} {version}", **args),
            ),
            Button(text("Last log lines"), f"logs {app.name} in {app.env} since=15m"),
            Button(text("History"), f"history {app.name} in {app.env}"),
        ),
        kind="canary",
    )


def _judged_by(ask: Ask) -> tuple[Fact, ...]:
    names = ["errors, p95, restarts", *(each.criterion.name for each in ask.measures)]
    return (Fact(text("Judged by"), text("{names}", names=", ".join(names))),)


def _patience(ask: Ask) -> Text:
    if ask.hold is None:
        return text("until somebody promotes it, at most {wait}", wait=ask.wait)
    return text("{hold} long, {n} requests or more", hold=ask.hold, n=ask.requests)
