"""`autoscale APP MIN..MAX to ENV`: the bounds between which the autoscaler sizes an app."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import BadArguments, Preflight
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Button, Confirm, Fact, Value, text
from bot.ports.world import World
from bot.steps.delivery import targets
from bot.steps.scaling import SetBounds
from bot.steps.step import Face, Plan, Planned

LARGEST = 500


@dataclass(frozen=True, slots=True)
class Autoscale:
    app: Annotated[AppName, Arg("the app")]
    bounds: Annotated[str, Arg("the fewest and the most pods", example="MIN..MAX")]
    env: Annotated[EnvName, Arg("where", word="to")]
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def _bounds(words: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})\.\.(\d{1,4})", words)
    low, high = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= low <= high <= LARGEST:
        what = text("bounds is {words}; it has to be two numbers such as 2..6, 1 to {most}.", words=words, most=LARGEST)
        raise BadArguments(what, field="bounds")
    return low, high


def plan(params: Autoscale, world: World) -> Plan:
    app = world.apps.locate(params.app, params.env)
    after = _bounds(params.bounds)
    steps: list[Planned] = []
    diff: list[str] = []
    args: dict[str, Value] = {"app": str(app.name), "env": str(app.env), "low": after[0], "high": after[1]}
    was, removed, total = after, 0, 0
    for target in targets(world, app):
        autoscaler = target.around.autoscaler
        if autoscaler is None:
            raise Preflight(
                text("No autoscaler sizes {app} on {env}.", **args),
                next=text("Set a fixed number of pods: `scale {app} N to {env}`.", **args),
            )
        before = (autoscaler.minimum, autoscaler.maximum)
        total += target.workload.replicas
        removed += max(0, target.workload.replicas - after[1])
        if before == after:
            continue
        was = before
        steps.append(
            Planned(
                SetBounds(autoscaler.ref, target.ref, before, after),
                SetBounds(autoscaler.ref, target.ref, after, before),
            )
        )
        diff.append(
            f"HorizontalPodAutoscaler {autoscaler.ref.name}, cluster {autoscaler.ref.cluster}, "
            f"namespace {autoscaler.ref.namespace}\n- {before[0]}..{before[1]} pods\n+ {after[0]}..{after[1]} pods"
        )
    if not steps:
        raise Preflight(text("{app} on {env} has these bounds already.", **args))
    face = Face(
        title=text("autoscale {app} on {env} {low} to {high}", **args),
        asks=text("let the autoscaler size *{app}* on *{env}* from {low} to *{high}* pods", **args),
        done=text("{app} on {env} is sized from {low} to {high} pods", **args),
        undone=text("{app} on {env} has its old bounds again", **args),
        fallback=text("The old bounds were {a} to {b}.", a=was[0], b=was[1]),
        go=text("Set the bounds"),
        warnings=(text("{n} pods go away", n=removed),) if removed else (),
        facts=(
            Fact(text("Bounds"), text("{a}..{b} → *{low}..{high}*", a=was[0], b=was[1], low=after[0], high=after[1])),
            Fact(text("Pods now"), text("{n}", n=total)),
        ),
        diff="\n\n".join(diff),
        stop=Confirm(
            text("Put the old bounds back?"), text("{app} on {env} gets its old bounds.", **args), text("Put back")
        ),
        after=(Button(text("Status"), f"status {app.name} in {app.env}"),),
    )
    share = round(100 * removed / total) if total else 0
    extra = {"from": f"{was[0]}..{was[1]}", "to": params.bounds}
    return Plan(face, tuple(steps), (app.hold,), removed, share, extra)


COMMAND = Command(
    "autoscale",
    "set the bounds of an app's autoscaler",
    Autoscale,
    "workloads:scale",
    # An autoscaler from 8 to 8 pods is a fixed 8.
    Changes(plan, ends_as=("scale", "workloads:scale")),
    example="autoscale web 2..8 to prod",
)
