"""`restart APP to ENV`: every pod anew, one after the other, with the same template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import Preflight
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Button, Confirm, text
from bot.ports.world import World
from bot.steps.delivery import check_still, min_ready, pods_fact, share_of, targets, version_of, warn
from bot.steps.rollout import Restart as RestartPods
from bot.steps.step import Face, Plan, Planned


@dataclass(frozen=True, slots=True)
class Restart:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="to")]
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""


def plan(params: Restart, world: World) -> Plan:
    app = world.apps.locate(params.app, params.env)
    found = targets(world, app)
    version = version_of(found[0].image, world.book.releases(str(app.name), str(app.env)))
    deadline = world.rules.duration("deadline", app.name, app.env)
    steps = []
    for target in found:
        check_still(target)
        workload = target.workload
        if workload.progressive is not None:
            raise Preflight(
                text("Rollout {name} cannot be restarted from here.", name=workload.ref.name),
                why=text("Another template would go through its steps like a new version."),
                next=text("Write `kubectl argo rollouts restart {name}`.", name=workload.ref.name),
            )
        do = RestartPods(target.ref, workload.template, version, workload.min_ready_seconds, min_ready(workload))
        steps.append(Planned(do, replace(do, is_back=True), deadline=deadline, undo_deadline=deadline))
    args = {"app": str(app.name), "env": str(app.env), "version": version}
    pods, share = share_of(found)
    logs = Button(text("Logs"), f"logs {app.name} in {app.env}")
    face = Face(
        title=text("restart {app} on {env}", **args),
        asks=text("restart every pod of *{app}* on *{env}* ({version})", **args),
        done=text("{app} on {env} was restarted", **args),
        undone=text("{app} on {env} runs its old pods again", **args),
        fallback=text("The version stays {version}; if a new pod does not become healthy, the old ones stay.", **args),
        go=text("Restart"),
        warnings=tuple(warn(found[0])),
        facts=(pods_fact(found[0]),),
        diff="\n".join(
            f"Deployment {t.ref.name}, cluster {t.ref.cluster}, namespace {t.ref.namespace}: every pod anew"
            for t in found
        ),
        stop=Confirm(
            text("Stop?"),
            text("Pods of {app} on {env} that are not restarted yet stay; the others are replaced once more.", **args),
            text("Stop"),
        ),
        running=(logs,),
        after=(logs, Button(text("Status"), f"status {app.name} in {app.env}")),
        failed=(logs,),
    )
    return Plan(face, tuple(steps), (app.hold,), pods, share, {"version": version})


COMMAND = Command(
    "restart",
    "start every pod of an app anew",
    Restart,
    "workloads:restart",
    Changes(plan),
    example="restart web to staging",
)
