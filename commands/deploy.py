"""`deploy APP[@VERSION] to ENV`: another image, watched until it is proven, or back by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import BadArguments, Missing, Preflight, UnknownName
from bot.domain.refs import AppRef, EnvName
from bot.domain.reply import Button, Confirm, Fact, Opens, Style, text
from bot.ports.apps import App
from bot.ports.observing import Image
from bot.ports.store import Release
from bot.ports.world import World
from bot.steps.adoption import adopt
from bot.steps.delivery import (
    Target,
    candidate,
    check_not_bad,
    check_still,
    diff_of,
    go_by_steps,
    min_ready,
    newest_first,
    pods_fact,
    proven,
    roll_to,
    share_of,
    short,
    targets,
    version_of,
    warn,
)
from bot.steps.memory import memory_fact
from bot.steps.progressive import HoldStop
from bot.steps.step import Face, Plan, Planned


@dataclass(frozen=True, slots=True)
class Deploy:
    app: Annotated[AppRef, Arg("the app and the version to run: a tag or a digest", example="APP[@VERSION]")]
    env: Annotated[EnvName, Arg("where", word="to")]
    deadline: Annotated[timedelta | None, Arg("when it goes back by itself if it is not healthy")] = None
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def plan(params: Deploy, world: World) -> Plan:
    app = world.apps.locate(params.app.app, params.env)
    found = targets(world, app)
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    image = resolve(world, found[0], params.app.ref)
    version = image.tag or version_of(image.pinned, known)
    check_not_bad(image.pinned, version, app, known)
    old = version_of(found[0].image, known)
    if all(target.image == image.pinned for target in found):
        raise Preflight(
            text("{app} on {env} runs {version} already.", app=str(app.name), env=str(app.env), version=version),
            next=text("Restart it, or deploy another version."),
            buttons=(Button(text("Restart it"), f"restart {app.name} to {app.env}"),),
        )
    bake = world.rules.duration("bake", app.name, app.env)
    deadline = params.deadline or world.rules.duration("deadline", app.name, app.env)
    steps: list[Planned] = []
    for target in found:
        check_still(target, is_told_anew=True)
        after = target.running.with_image(target.container, image.pinned)
        steps += adopt(world, app, target, known, old)
        if target is found[0]:
            steps.append(candidate(world, app, target, after, version))
        steps += roll_to(
            target,
            after,
            version=version,
            old_version=old,
            bake=bake,
            deadline=deadline,
            wait=world.rules.duration("canary-deadline", app.name, app.env),
            by_its_steps=True,
        )
    steps.append(proven(app, version))
    pods, share = share_of(found)
    face = _face(app, found, image, version=version, old=old, deadline=deadline, known=known)
    face = replace(face, facts=(*face.facts, memory_fact(world, found[0])))
    if any(isinstance(step.do, HoldStop) for step in steps):
        face = replace(face, kind="canary", subject=text("{app} {version} on {env}", **_args(app, version, old)))
    return Plan(face, tuple(steps), (app.hold,), pods, share, {"from": old, "to": version, "digest": image.digest})


def resolve(world: World, target: Target, ref: str | None) -> Image:
    """The digest that a tag names now; without a ref the newest tag. Raises UnknownName with the nearest tags."""
    repository = target.repository
    if ref is None:
        tags = newest_first(world.images.tags(repository))
        if not tags:
            raise BadArguments(text("{repository} has no tags.", repository=repository), field="app")
        ref = tags[0]
    try:
        return world.images.resolve(repository, ref)
    except Missing as missing:
        near = newest_first(world.images.tags(repository))[:3]
        raise UnknownName(
            text("There is no {ref} of {repository}.", ref=ref, repository=repository),
            field="app",
            nearest=near,
            next=text("The newest are {tags}.", tags=", ".join(near)) if near else text("Build it first."),
        ) from missing


def _args(app: App, version: str, old: str) -> dict[str, str]:
    return {"app": str(app.name), "env": str(app.env), "version": version, "old": old}


def _face(
    app: App,
    found: tuple[Target, ...],
    image: Image,
    *,
    version: str,
    old: str,
    deadline: timedelta,
    known: tuple[Release, ...],
) -> Face:
    args = _args(app, version, old)
    target = found[0]
    warnings = [*go_by_steps(found)]
    for each in found:
        warnings += [line for line in warn(each) if line not in warnings]
    if not any(r.image == target.image for r in known):
        warnings.append(text("First deploy from here: {old}, as it runs now, is kept to go back to", old=old))
    before = target.image.partition("@")[2]
    after = short(image.digest)[:6]
    digests = text("`{a}` → `{b}`", a=short(before)[:6], b=after) if before else text("digest `{b}`", b=after)
    facts = [Fact(text("Image"), text("{old} → *{version}*\n{digests}", digests=digests, **args)), pods_fact(target)]
    if len(found) > 1:
        facts.append(Fact(text("Clusters"), text("{names}", names=", ".join(t.scope.cluster for t in found))))
    facts.append(Fact(text("Config"), text("no change")))
    diff = [
        diff_of(
            each,
            each.running.with_image(each.container, image.pinned),
            min_ready_after=min_ready(each.workload),
        )
        for each in found
    ]
    back = f"rollback {app.name} to {app.env}"
    logs = Button(text("Logs"), f"logs {app.name} in {app.env}", spoken=text("Logs of {app} on {env}", **args))
    return Face(
        title=text("deploy {app} {version} to {env}", **args),
        asks=text("deploy *{app}* {old} → *{version}* to *{env}*", **args),
        done=text("{app} {version} is live on {env}", **args),
        undone=text("{app} on {env} is on {old} again", **args),
        fallback=text("Goes back to {old} by itself if it is not healthy in {deadline}.", deadline=deadline, **args),
        go=text("Deploy"),
        warnings=tuple(warnings),
        facts=tuple(facts),
        diff="\n\n".join(diff),
        stop=Confirm(
            text("Stop and roll back?"),
            text("{app} on {env} goes back to {old}; pods that run {version} already are replaced.", **args),
            text("Stop and roll back"),
        ),
        running=(logs,),
        after=(
            logs,
            Button(
                text("Roll back"),
                back,
                Style.DANGER,
                confirm=Confirm(
                    text("Roll back {app} on {env}?", **args),
                    text("You are shown the plan first: back to {old}. {version} is then locked out of {env}.", **args),
                    text("Show the plan"),
                ),
            ),
            Button(text("History"), f"history {app.name} in {app.env}"),
            Button(text("Lock {app} on {env}", **args), f"lock {app.name} to {app.env}", opens=Opens.FORM),
        ),
        failed=(
            Button(text("Last log lines"), f"logs {app.name} in {app.env} since=15m", Style.PRIMARY),
            Button(text("Deploy again"), f"deploy {app.name} to {app.env}", opens=Opens.FORM),
            Button(text("Unlock {version}", **args), f"unlock {app.name}@{version} to {app.env}"),
        ),
    )


COMMAND = Command(
    "deploy",
    "run another version of an app",
    Deploy,
    "workloads:deploy",
    Changes(plan),
    slash=True,
    example="deploy web@1.8.2 to prod",
)
