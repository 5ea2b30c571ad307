"""`build APP[@REF]` and `builds APP`: an image from a branch, a version or a commit, by the CI server's job of the app."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Answers, Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, Missing, Preflight
from bot.domain.refs import AppName, AppRef, OperationId
from bot.domain.reply import Block, Button, Buttons, Confirm, Fact, Note, Paragraph, Reply, Text, text
from bot.ports.builds import Build as OneBuild
from bot.ports.builds import Job
from bot.ports.world import World
from bot.steps.build import AwaitBuild, StartBuild, StopBuild, tag_of
from bot.steps.delivery import targets
from bot.steps.step import Face, Plan, Planned

BRANCH = "main"
LONGEST = timedelta(hours=8)
WAITS = timedelta(hours=24)
"""For a person where nobody can know whether it was started."""
SHOWN = 8
OPERATION = "OP_ID"


@dataclass(frozen=True, slots=True)
class Build:
    app: Annotated[AppRef, Arg("the app and what to build: a branch, a version or a commit", example="APP[@REF]")]
    deadline: Annotated[timedelta, Arg("when it is stopped by itself, at most 8h", example="1h")] = timedelta(hours=1)
    reason: Annotated[str, Arg("why, for the record")] = ""


def plan(params: Build, world: World) -> Plan:
    if not timedelta(minutes=1) <= params.deadline <= LONGEST:
        raise BadArguments(text("deadline is not between 1 min and {most}.", most=LONGEST), field="deadline")
    app, ref = params.app.app, params.app.ref or BRANCH
    home = world.apps.homes(app)[0]
    repository = targets(world, home)[0].repository
    job = world.builds.job(str(app))
    _check(job)
    steps = (
        Planned(StartBuild(str(app), job.name, ref), StopBuild(job.name), deadline=WAITS),
        Planned(AwaitBuild(str(app), job.name, ref, repository), deadline=params.deadline),
    )
    return Plan(_face(world, app, ref, job, repository), steps, extra={"ref": ref, "job": job.name})


def _check(job: Job) -> None:
    if not job.is_enabled:
        raise Preflight(text("{job} is disabled.", job=job.name), next=text("Enable it in Jenkins."))
    missing = [name for name in (OPERATION, "REF", "TAG") if name not in job.parameters]
    if missing:
        raise Preflight(
            text("{job} does not take {names}.", job=job.name, names=", ".join(missing)),
            why=text("Jenkins drops what a job does not declare: a build could not be told from another."),
            next=text("Add text parameters of these names to the job."),
        )


def _face(world: World, app: AppName, ref: str, job: Job, repository: str) -> Face:
    args = {"app": str(app), "ref": ref, "job": job.name}
    usual = text("{usual}", usual=job.usual) if job.usual else text("not known yet")
    tag = tag_of(ref, OperationId("OPERATION"))
    warnings: tuple[Text, ...] = ()
    try:
        if tag == ref and world.images.resolve(repository, tag):
            warnings = (text("{tag} is in the registry already: it will then name the new image", tag=tag),)
    except Missing:
        pass
    builds = Button(text("Builds"), f"builds {app}", spoken=text("Builds of {app}", **args))
    return Face(
        title=text("build {app} from {ref}", **args),
        asks=text("build *{app}* from *{ref}*", **args),
        done=text("{app} is built from {ref}", **args),
        undone=text("{app} was not built from {ref}", **args),
        fallback=text("What runs is not changed; the image can be deployed afterwards."),
        go=text("Build"),
        warnings=warnings,
        facts=(
            Fact(text("Job"), text("{job}", **args)),
            Fact(text("Takes"), usual),
            Fact(text("Image"), text("{image}", image=f"{repository}:{tag}")),
        ),
        stop=Confirm(
            text("Stop the build?"),
            text("The build of {app} from {ref} is stopped in {job}. What runs is not changed.", **args),
            text("Stop"),
        ),
        running=(builds,),
        after=(builds,),
        failed=(builds,),
        kind="build",
        subject=text("{app} from {ref}", **args),
    )


@dataclass(frozen=True, slots=True)
class Builds:
    app: Annotated[AppName, Arg("the app")]


def answer(params: Builds, world: World) -> Reply:
    job = world.builds.job(str(params.app))
    found = world.builds.recent(job.name, SHOWN)
    title = text("Builds · {app}", app=str(params.app))
    blocks: list[Block] = [Paragraph(_line(build)) for build in found]
    if not found:
        blocks.append(Paragraph(text("Nothing was built yet.")))
    usual = text(", usually {usual}", usual=job.usual) if job.usual else text("")
    blocks.append(Note(text("{job}{usual}.", job=job.name, usual=usual)))
    blocks.append(Buttons((Button(text("Build"), f"build {params.app}"),)))
    return Reply(title, tuple(blocks))


def _line(build: OneBuild) -> Text:
    number = text("*{n}*", n=build.number) if build.number else text("*waits*")
    by = text(" · {id}", id=build.operation) if build.operation.startswith("op-") else text("")
    when = text(", {at}", at=build.started) if build.started else text("")
    took = text(", {took}", took=build.took) if build.took else text("")
    return text(
        "{number} {ref} · {state}{when}{took}{by}",
        number=number,
        ref=build.ref or "-",
        state=build.state.value,
        when=when,
        took=took,
        by=by,
    )


COMMAND = Command(
    "build",
    "build an image of an app",
    Build,
    "builds:run",
    Changes(plan, Risk.LOW),
    example="build web@main",
)
LIST = Command("builds", "the newest builds of an app", Builds, "builds:read", Answers(answer), example="builds web")
