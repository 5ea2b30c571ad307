"""`canary APP@VERSION PERCENT to ENV`: a share of the requests for a new version, by a second Deployment.

How the requests are shared is chosen from what the app has (bot.steps.canary_ways), and the plan names it. What the asker
does not say, the policy may say for an app. Without a version it gives the canary that runs another share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.canaries import CanaryDefaults
from bot.domain.errors import BadArguments, Missing, NotNow, Preflight, UnknownName
from bot.domain.refs import AppRef, EnvName, OperationId, Pair, Percent
from bot.domain.reply import text
from bot.domain.succession import hindrance
from bot.ports.apps import App
from bot.ports.observing import Image
from bot.ports.traffic import Match, MatchKind
from bot.ports.world import World
from bot.steps.canary_ways import Ask, by_replicas, by_weights, check, check_measures, face_of, routes_of
from bot.steps.delivery import Target, check_not_bad, newest_first, share_of, targets, version_of
from bot.steps.progressive_way import by_its_steps
from bot.steps.replica_plan import replicas_for
from bot.steps.step import Plan
from bot.steps.succession import Climb, running, successor_steps
from bot.steps.succession_face import check_room, successor_face
from bot.steps.weight_plan import pods_for, whole

MOST = 50
"""Percent, by replicas: above it the canary would be larger than stable."""
MOST_BY_WEIGHT = 99


@dataclass(frozen=True, slots=True)
class Canary:
    app: Annotated[
        AppRef, Arg("the app and the version to try; without a version: the canary that runs", example="APP[@VERSION]")
    ]
    env: Annotated[EnvName, Arg("where", word="to")]
    percent: Annotated[
        Percent | None,
        Arg("the share of requests that it gets first: 1 to 99 by weights, 1 to 50 by replicas", positional=True),
    ] = None
    steps: Annotated[tuple[Percent, ...], Arg("further shares, one after the other")] = ()
    hold: Annotated[timedelta | None, Arg("how long each share is watched; without it each waits for promote")] = None
    manual: Annotated[bool, Arg("each share waits for promote, whatever the policy says")] = False
    requests: Annotated[
        int | None, Arg("how many it must have answered before its figures can pass; 500 if nobody says")
    ] = None
    deadline: Annotated[timedelta | None, Arg("how long it waits for a person at one share, then it goes back")] = None
    header: Annotated[
        Pair | None, Arg("requests with this header always reach it, also at 0 %, where a router can")
    ] = None
    cookie: Annotated[Pair | None, Arg("or with this cookie")] = None
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def plan(params: Canary, world: World) -> Plan:
    app = world.apps.locate(params.app.app, params.env)
    if params.app.ref is None and (holder := world.book.holder(app.hold)) is not None:
        return _change(params, world, app, holder)
    found = targets(world, app)
    if len(found) > 1:
        raise Preflight(
            text("{app} on {env} runs in {n} clusters.", app=str(app.name), env=str(app.env), n=len(found)),
            why=text("A canary is for one cluster."),
            next=text("Deploy it to one env with one cluster first."),
        )
    target = found[0]
    match, is_progressive = _match(params, target), target.workload.progressive is not None
    service, routes, others = (None, (), []) if is_progressive else routes_of(world, target, match)
    defaults = world.rules.canary(app)
    most = MOST_BY_WEIGHT if routes or is_progressive else MOST
    shares = _shares(params, defaults, most, least=0 if match else 1)
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    old = version_of(target.image, known)
    image = _image(params.app, target, app, world)
    version = image.tag or version_of(image.pinned, known)
    check_not_bad(image.pinned, version, app, known)
    check(world, target, image.pinned, version)
    ask = _filled(
        Ask(
            app=app,
            image=image.pinned,
            digest=image.digest,
            version=version,
            old=old,
            shares=shares,
            hold=params.hold,
            requests=params.requests or 0,
            wait=params.deadline or world.rules.duration("canary-deadline", app.name, app.env),
        ),
        params,
        defaults,
    )
    check_measures(world, ask)
    if is_progressive:
        way = by_its_steps(world, target, ask)
    else:
        way = by_weights(world, target, ask, service, routes) if service else by_replicas(world, target, ask)
    if others:
        way = replace(way, warnings=(*others, *way.warnings))
    extra = {"from": old, "to": version, "digest": image.digest, "percent": str(shares[0]), "by": way.kind}
    return Plan(face_of(target, ask, way), tuple(way.steps), (app.hold,), *share_of(found), extra)


def _image(asked: AppRef, target: Target, app: App, world: World) -> Image:
    if asked.ref is None:
        raise BadArguments(
            text("Which version?"),
            field="app",
            next=text("Write `canary {app}@VERSION 10 to {env}`.", app=str(app.name), env=str(app.env)),
        )
    try:
        return world.images.resolve(target.repository, asked.ref)
    except Missing as missing:
        tags = newest_first(world.images.tags(target.repository))[:3]
        raise UnknownName(
            text("There is no {ref} of {repository}.", ref=asked.ref, repository=target.repository),
            field="app",
            nearest=tags,
            next=text("The newest are {tags}.", tags=", ".join(tags)) if tags else text("Build it first."),
        ) from missing


def _change(params: Canary, world: World, app: App, holder: OperationId) -> Plan:
    """Another share for the canary that runs: a successor that takes it over."""
    operation = world.book.operation(holder)
    now = running(operation) if operation is not None else None
    if operation is None or operation.kind != "canary":
        raise Preflight(text("No canary of {app} runs on {env}.", app=str(app.name), env=str(app.env)))
    abort = text("Abort it with `abort {id}`, then ask for another.", id=holder)
    if now is None:
        raise NotNow(text("The share of {id} cannot be changed while it runs.", id=holder), next=abort)
    if why := hindrance(operation, first_watch=now.first_watch, last_watch=now.last_watch):
        is_early = operation.cursor < now.first_watch
        raise NotNow(
            text("The share of {app} on {env} cannot be changed now.", app=str(app.name), env=str(app.env)),
            why=why,
            next=text("Try again when it has its first share, or abort it.") if is_early else None,
        )
    _check_manual(params)
    if params.header or params.cookie:
        raise NotNow(text("Which requests always reach the canary stays as it is while it runs."), next=abort)
    ladder = CanaryDefaults(steps=now.shares if params.percent is not None else ())
    is_by_pods = not now.is_exact and not now.is_progressive
    most = MOST if is_by_pods else MOST_BY_WEIGHT
    shares = _shares(params, ladder, most, least=0 if now.match else 1)
    if shares[0] == now.percent and not params.steps:
        raise NotNow(text("{id} gives {n} % already.", id=holder, n=now.percent))
    target = targets(world, app)[0]
    climb = Climb(
        shares=shares,
        sizes=[(replicas_for if is_by_pods else pods_for)(target.workload.replicas, each) for each in shares],
        whole=whole(target),
        hold=None if params.manual else params.hold or now.hold,
        requests=params.requests,
        wait=params.deadline or now.wait,
    )
    check_room(target, now, climb, world)
    steps = successor_steps(now, climb, world)
    extra = {"takes-over": holder, "from-percent": str(now.percent), "percent": str(shares[0])}
    face = successor_face(operation, now, climb, target)
    return Plan(face, tuple(steps), (app.hold,), *share_of((target,)), extra, takes_over=holder)


def _match(params: Canary, target: Target) -> Match | None:
    """Which requests always reach the canary."""
    if params.header and params.cookie:
        raise BadArguments(text("Either a header or a cookie leads to the canary."), field="cookie")
    pair = params.header or params.cookie
    if pair is None:
        return None
    match = Match(MatchKind.HEADER if params.header else MatchKind.COOKIE, pair.name, pair.value)
    if target.workload.progressive is not None:
        raise Preflight(
            text("Requests with {match} cannot be led to the canary.", match=str(match)),
            why=text("{name} is an Argo Rollout, which shares by its own steps.", name=target.ref.name),
            next=text("Ask without it."),
        )
    return match


def _check_manual(params: Canary) -> None:
    if params.manual and params.hold is not None:
        raise BadArguments(text("Each share is either held for a time or waits for promote."), field="manual")


def _filled(ask: Ask, params: Canary, defaults: CanaryDefaults) -> Ask:
    """With what the policy says where the asker says nothing."""
    _check_manual(params)
    unsaid = {
        "steps": not params.steps and (params.percent is None or len(ask.shares) > 1),
        "hold": params.hold is None and not params.manual,
        "requests": params.requests is None,
        "deadline": params.deadline is None,
        "measures": True,
    }
    return replace(
        ask,
        hold=defaults.hold if unsaid["hold"] else ask.hold,
        requests=defaults.requests if unsaid["requests"] else ask.requests,
        wait=(defaults.deadline or ask.wait) if unsaid["deadline"] else ask.wait,
        by_policy=tuple(name for name in defaults.said if unsaid.get(name)),
        measures=defaults.measures,
    )


def _named(app: AppRef) -> str:
    return str(app) if app.ref else f"{app.app}@VERSION"


def _shares(params: Canary, defaults: CanaryDefaults, most: int, *, least: int) -> list[int]:
    """The asker's own steps count as they are; the policy's are what is left of them above the share that is asked for."""
    steps = [step.value for step in params.steps] or [step for step in defaults.steps if step <= most]
    if params.percent is None and not steps:
        raise BadArguments(
            text("Which share?"),
            field="percent",
            next=text("Write `canary {app} 10 to {env}`.", app=_named(params.app), env=str(params.env)),
        )
    first = params.percent.value if params.percent is not None else steps[0]
    shares = [first, *(step for step in steps if (step != first if params.steps else step > first))]
    if shares[-1:] == [100] and len(shares) > 1:
        shares.pop()
    if not all(least <= share <= most for share in shares):
        said = ", ".join(map(str, shares))
        what = text("{shares} % cannot all be had; it has to be 1 to {most}.", shares=said, most=most)
        if most == MOST:
            what = text("{shares} % cannot all be had by replicas; it has to be 1 to {most}.", shares=said, most=most)
        next = text("Above {most} %, promote it: then everybody gets it.", most=most)
        if min(shares) < 1:
            next = text("Ask for at least 1 %; without a canary, `deploy` gives it to everybody.")
        raise BadArguments(what, field="percent", next=next)
    if shares != sorted(set(shares)):
        raise BadArguments(
            text("The shares have to grow: {shares}.", shares=", ".join(map(str, shares))), field="steps"
        )
    return shares


COMMAND = Command(
    "canary",
    "give a new version a share of the requests",
    Canary,
    "workloads:canary",
    Changes(plan, ends_as=("deploy", "workloads:deploy")),
    slash=True,
    example="canary web@1.8.2 10 to prod",
)
