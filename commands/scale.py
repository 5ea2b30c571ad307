"""`scale APP N to ENV`: a fixed number of pods; explains, and offers bounds, where an autoscaler owns the number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import CapExceeded, Preflight, QuotaExceeded
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Button, Confirm, Fact, Opens, Style, Text, text
from bot.domain.workloads import Autoscaler, Quota
from bot.ports.apps import App
from bot.ports.world import World
from bot.steps.delivery import Target, check_still, targets, version_of
from bot.steps.scaling import SetReplicas
from bot.steps.step import Face, Plan, Planned

LARGEST = 500


@dataclass(frozen=True, slots=True)
class Scale:
    app: Annotated[AppName, Arg("the app")]
    pods: Annotated[int, Arg("how many pods, in each cluster", example="N")]
    env: Annotated[EnvName, Arg("where", word="to")]
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def plan(params: Scale, world: World) -> Plan:
    app = world.apps.locate(params.app, params.env)
    if params.pods > LARGEST:
        raise CapExceeded(
            text("{n} pods are more than I set.", n=params.pods), next=text("Ask for at most {most}.", most=LARGEST)
        )
    found = targets(world, app)
    known = world.book.releases(str(app.name), str(app.env))
    deadline = world.rules.duration("deadline", app.name, app.env)
    steps: list[Planned] = []
    for target in found:
        if target.around.autoscaler is not None:
            raise _owned(app, target.around.autoscaler, params.pods)
        check_still(target)
        before = target.workload.replicas
        if before == params.pods:
            continue
        _check_quota(target, params.pods - before)
        version = version_of(target.image, known)
        steps.append(
            Planned(
                SetReplicas(target.ref, before, params.pods, version),
                SetReplicas(target.ref, params.pods, before, version),
                deadline=deadline,
            )
        )
    now = found[0].workload.replicas
    if not steps:
        raise Preflight(text("{app} on {env} has {n} pods already.", app=str(app.name), env=str(app.env), n=now))
    removed = sum(max(0, t.workload.replicas - params.pods) for t in found)
    total = sum(t.workload.replicas for t in found)
    share = round(100 * removed / total) if total else 0
    extra = {"from": str(now), "to": str(params.pods)}
    return Plan(_face(app, found, params.pods), tuple(steps), (app.hold,), removed, share, extra)


def _owned(app: App, autoscaler: Autoscaler, pods: int) -> Preflight:
    """A fixed number would be undone at once (measured: 2.5 to 7.5 s); 0 would turn the autoscaler off."""
    aims = text(", aiming at {target}", target=autoscaler.target) if autoscaler.target else text("")
    seen = text(" (now {now})", now=autoscaler.now) if autoscaler.now else text("")
    bounds = {"min": autoscaler.minimum, "max": autoscaler.maximum}
    line = f"autoscale {app.name} {{}}..{{}} to {app.env}"
    offers = []
    if pods > 0:
        up = (min(autoscaler.minimum, pods), pods)
        keep = (pods, max(autoscaler.maximum, pods))
        offers += [
            Button(text("Allow up to {n}", n=pods), line.format(*up), Style.PRIMARY, spoken=_bounds(app, *up)),
            Button(text("Keep at least {n}", n=pods), line.format(*keep), spoken=_bounds(app, *keep)),
        ]
    other = text("Set other bounds of the autoscaler of {app} on {env}", app=str(app.name), env=str(app.env))
    offers.append(Button(text("Other bounds"), f"autoscale {app.name} to {app.env}", opens=Opens.FORM, spoken=other))
    return Preflight(
        text(
            "The autoscaler sizes {app} on {env}: {min} to {max} pods, now {n}{aims}{seen}.",
            app=str(app.name),
            env=str(app.env),
            n=autoscaler.current,
            aims=aims,
            seen=seen,
            **bounds,
        ),
        why=text("A fixed {n} would be undone within a minute.", n=pods)
        if pods
        else text("A fixed 0 would turn the autoscaler off."),
        next=text("Change its bounds instead."),
        buttons=tuple(offers),
    )


def _bounds(app: App, least: int, most: int) -> Text:
    args = {"app": str(app.name), "env": str(app.env)}
    return text("Change the autoscaler of {app} on {env} to {least} to {most} pods", least=least, most=most, **args)


def _check_quota(target: Target, more: int) -> None:
    pods = next((quota for quota in target.around.quotas if quota.resource == "pods"), None)
    if pods is not None and pods.used + more > pods.hard:
        raise QuotaExceeded(
            text("The quota {name} allows {hard} pods.", name=pods.name, hard=int(pods.hard)),
            why=text("{used} are used, {more} more are asked for.", used=int(pods.used), more=more),
            next=text("Ask for at most {n} more.", n=max(0, int(pods.hard - pods.used))),
        )


def quota_fact(quotas: tuple[Quota, ...]) -> tuple[Fact, ...]:
    shown = [q for q in quotas if q.resource in {"pods", "requests.cpu", "limits.cpu"}][:1]
    return tuple(
        Fact(text("Quota now"), text("{used} of {hard} {what}", used=q.used, hard=q.hard, what=q.resource))
        for q in shown
    )


def _face(app: App, found: tuple[Target, ...], pods: int) -> Face:
    now = found[0].workload.replicas
    args: dict[str, str | int] = {"app": str(app.name), "env": str(app.env), "now": now, "pods": pods}
    warnings: list[Text] = []
    if pods == 0:
        warnings.append(text("*Nothing serves {app} on {env}* with 0 pods", **args))
    elif pods < now:
        warnings.append(text("{n} of {now} pods go away", n=now - pods, now=now))
    logs = Button(text("Logs"), f"logs {app.name} in {app.env}")
    facts = (Fact(text("Pods"), text("{now} → *{pods}*", **args)), *quota_fact(found[0].around.quotas))
    if len(found) > 1:
        facts = (*facts, Fact(text("Clusters"), text("{names}", names=", ".join(t.scope.cluster for t in found))))
    return Face(
        title=text("scale {app} on {env} to {pods}", **args),
        asks=text("scale *{app}* on *{env}* from {now} to *{pods}* pods", **args),
        done=text("{app} on {env} has {pods} pods", **args),
        undone=text("{app} on {env} has {now} pods again", **args),
        fallback=text("Goes back to {now} by itself if the new pods do not become ready.", **args),
        go=text("Scale"),
        warnings=tuple(warnings),
        facts=facts,
        diff="\n".join(
            f"{t.ref.kind} {t.ref.name}, cluster {t.ref.cluster}, namespace {t.ref.namespace}\n- replicas  {t.workload.replicas}\n+ replicas  {pods}"
            for t in found
        ),
        stop=Confirm(
            text("Stop and go back?"), text("{app} on {env} goes back to {now} pods.", **args), text("Stop and go back")
        ),
        running=(logs,),
        after=(
            Button(text("Status"), f"status {app.name} in {app.env}"),
            Button(text("Back to {now}", now=now), f"scale {app.name} {now} to {app.env}"),
        ),
        failed=(logs,),
    )


COMMAND = Command(
    "scale",
    "run another number of pods",
    Scale,
    "workloads:scale",
    Changes(plan),
    slash=True,
    example="scale web 5 to staging",
)
