"""`canary APP@VERSION PERCENT to ENV`: a share of the requests for a new version, by a second Deployment.

How the requests are shared is chosen from what the app has (bot.steps.canary_ways), and the plan names it. What the asker
does not say, the policy may say for an app.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.canaries import CanaryDefaults
from bot.domain.errors import BadArguments, Missing, Preflight, UnknownName
from bot.domain.refs import AppRef, EnvName, Percent
from bot.domain.reply import text
from bot.ports.world import World
from bot.steps.canary_ways import Ask, by_replicas, by_weights, check, face_of, routes_of
from bot.steps.delivery import check_not_bad, newest_first, targets, version_of
from bot.steps.progressive_way import by_its_steps
from bot.steps.step import Plan

MOST = 50
"""Percent, by replicas: above it the canary would be larger than stable."""
MOST_BY_WEIGHT = 99


@dataclass(frozen=True, slots=True)
class Canary:
    app: Annotated[AppRef, Arg("the app and the version to try", example="APP@VERSION")]
    env: Annotated[EnvName, Arg("where", word="to")]
    percent: Annotated[
        Percent | None,
        Arg("the share of requests that it gets first: 1 to 99 by weights, 1 to 50 by replicas", positional=True),
    ] = None
    steps: Annotated[tuple[Percent, ...], Arg("further shares, one after the other")] = ()
    hold: Annotated[timedelta | None, Arg("how long each share is watched; without it each waits for promote")] = None
    manual: Annotated[bool, Arg("each share waits for promote, whatever the policy says")] = False
    requests: Annotated[
        int | None, Arg("how many it must have answered before its figures can pass, by weights; 500 if nobody says")
    ] = None
    deadline: Annotated[timedelta | None, Arg("how long it waits for a person at one share, then it goes back")] = None
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
    is_progressive = target.workload.progressive is not None
    service, routes, others = (None, (), []) if is_progressive else routes_of(world, target)
    defaults = world.rules.canary(app)
    shares = _shares(params, defaults, MOST_BY_WEIGHT if routes or is_progressive else MOST)
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
    if is_progressive:
        way = by_its_steps(world, target, ask)
    else:
        way = by_weights(world, target, ask, service, routes) if service else by_replicas(world, target, ask)
    if others:
        way = replace(way, warnings=(*others, *way.warnings))
    extra = {"from": old, "to": version, "digest": image.digest, "percent": str(shares[0]), "by": way.kind}
    return Plan(face_of(target, ask, way), tuple(way.steps), (app.hold,), max(way.sizes), way.largest, extra)


def _filled(ask: Ask, params: Canary, defaults: CanaryDefaults) -> Ask:
    """With what the policy says where the asker says nothing."""
    if params.manual and params.hold is not None:
        raise BadArguments(text("Each share is either held for a time or waits for promote."), field="manual")
    unsaid = {
        "steps": not params.steps and (params.percent is None or len(ask.shares) > 1),
        "hold": params.hold is None and not params.manual,
        "requests": params.requests is None,
        "deadline": params.deadline is None,
    }
    return replace(
        ask,
        hold=defaults.hold if unsaid["hold"] else ask.hold,
        requests=defaults.requests if unsaid["requests"] else ask.requests,
        wait=(defaults.deadline or ask.wait) if unsaid["deadline"] else ask.wait,
        by_policy=tuple(name for name in defaults.said if unsaid.get(name)),
    )


def _shares(params: Canary, defaults: CanaryDefaults, most: int) -> list[int]:
    """The asker's own steps count as they are; the policy's are what is left of them above the share that is asked for."""
    steps = [step.value for step in params.steps] or [step for step in defaults.steps if step <= most]
    if params.percent is None and not steps:
        raise BadArguments(
            text("Which share?"),
            field="percent",
            next=text("Write `canary {app} 10 to {env}`.", app=str(params.app), env=str(params.env)),
        )
    first = params.percent.value if params.percent is not None else steps[0]
    shares = [first, *(step for step in steps if (step != first if params.steps else step > first))]
    if shares[-1:] == [100] and len(shares) > 1:
        shares.pop()
    if not all(1 <= share <= most for share in shares):
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
    Changes(plan),
    slash=True,
    example="canary web@1.8.2 10 to prod",
)
