"""What deploy, canary, rollback, scale and restart share when they plan: the target as it is, preflight, warnings, names.

Pure reads of a World. What is refused here is refused before anybody is asked (docs: delivery).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Locked, Preflight
from bot.domain.progressive import StepList
from bot.domain.refs import ObjectRef
from bot.domain.reply import Button, Fact, Text, text
from bot.domain.templates import Template, differences
from bot.domain.workloads import Strategy, Surroundings, Workload
from bot.ports.apps import App
from bot.ports.observing import Scope
from bot.ports.store import Proof, Release
from bot.ports.world import World
from bot.steps.progressive_plan import Course, check_progressive, progressive_steps
from bot.steps.records import JudgeRelease, RecordRelease
from bot.steps.rollout import Bake, ReplaceTemplate
from bot.steps.step import Planned

MIN_READY = 10
"""Seconds a pod has to stay ready before the next one goes; lost 17 of 3,212 requests of a crash, without it 162."""

DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Target:
    """A workload of the app in one cluster, with what stands around it."""

    scope: Scope
    workload: Workload
    around: Surroundings
    container: str
    """The one that the app's image is in."""

    @property
    def ref(self) -> ObjectRef:
        return self.workload.ref

    @property
    def running(self) -> Template:
        """What its pods run."""
        return self.workload.running

    @property
    def image(self) -> str:
        return self.running.images[self.container]

    @property
    def repository(self) -> str:
        """The image without tag or digest."""
        name = self.image.partition("@")[0]
        head, slash, last = name.rpartition("/")
        return f"{head}{slash}{last.partition(':')[0]}"


def targets(world: World, app: App) -> tuple[Target, ...]:
    """Live, one a cluster. Raises Preflight where a workload is missing."""
    return tuple(_target(world, app, scope) for scope in app.scopes)


def _target(world: World, app: App, scope: Scope) -> Target:
    workloads = world.cluster(scope.cluster).workloads
    workload = workloads.find(scope.namespace, scope.workload)
    if workload is None:
        raise Preflight(
            text(
                "There is no Deployment or Rollout {name} in {ns}.",
                name=scope.workload,
                ns=f"{scope.cluster}/{scope.namespace}",
            ),
            next=text("Write `status {app} in {env}` to see what is there.", app=str(app.name), env=str(app.env)),
        )
    images = workload.template.images
    if not images:
        raise Preflight(
            text("What {target} runs cannot be seen.", target=str(workload.ref)),
            why=text("Its template stands in another object, and none of its pods was found."),
        )
    container = str(app.name) if str(app.name) in images else next(iter(images))
    return Target(scope, workload, workloads.surroundings(workload), container)


def check_still(target: Target, *, is_told_anew: bool = False) -> None:
    """Refuses to start on a workload that is paused or already on its way, or, unless it gets another template, on a
    Rollout that gave up the one that it has."""
    workload = target.workload
    if workload.progressive is not None:
        check_progressive(workload, workload.progressive, is_told_anew=is_told_anew)
        return
    if workload.is_paused:
        raise Preflight(
            text("{target} is paused.", target=str(workload.ref)),
            why=text("A paused Deployment takes a change and does nothing with it."),
            next=text("Resume it with kubectl rollout resume, then try again."),
        )
    if not workload.is_settled:
        raise Preflight(
            text("{target} is in the middle of a rollout.", target=str(workload.ref)),
            why=text(
                "{updated} of {wanted} pods are updated, {available} available, {terminating} ending.",
                updated=workload.updated,
                wanted=workload.replicas,
                available=workload.available,
                terminating=workload.terminating,
            ),
            next=text("Wait until it has ended, or look at its pods with `status`."),
        )


def warn(target: Target) -> list[Text]:
    """Risky lines about the workload itself, the riskiest first."""
    workload, found = target.workload, []
    if workload.strategy is Strategy.RECREATE:
        found.append(text("It is *replaced all at once* (Recreate): requests are lost meanwhile"))
    if not workload.template.has_readiness:
        found.append(text("It has *no readiness probe*: new pods get requests before they can answer"))
    if owner := foreign_owner(workload):
        found.append(text("*{owner}* also manages it and may bring the old version back", owner=owner))
    if not workload.template.drains:
        found.append(text("Its pods have no preStop hook: an app that does not drain loses requests"))
    return found


def go_by_steps(found: Iterable[Target]) -> list[Text]:
    """How a new version gets its share where workloads have steps of their own."""
    lines = []
    for target in found:
        stands = target.workload.progressive
        if stands is None:
            continue
        path = " → ".join(f"{share} %" for share in dict.fromkeys(stands.steps.weights))
        lines.append(text("It goes by the Rollout's own steps: {path}", path=path or text("everything at once")))
        if stands.steps.stops:
            lines.append(text("It *waits for a person* where those steps pause"))
    return lines


_OWNERS = {"helm": "Helm", "argocd": "Argo CD", "flux": "Flux", "kustomize-controller": "Flux", "kapp": "kapp"}


def foreign_owner(workload: Workload) -> str:
    """Who else writes the image: read before our first write, which erases it."""
    signs = [*workload.managers, *workload.labels.values(), *workload.annotations]
    for sign in signs:
        for word, name in _OWNERS.items():
            if word in sign.lower():
                return name
    return ""


def is_by_git(workload: Workload) -> bool:
    return foreign_owner(workload) in {"Argo CD", "Flux"}


# --- versions and releases ----------------------------------------------------------------------


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:DIGEST_SHOWN]


def version_of(image: str, known: tuple[Release, ...]) -> str:
    """What people call an image: the version of its release, its tag, or the start of its digest."""
    for release in known:
        if release.image == image:
            return release.version
    name, at, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or (short(digest) if at else "latest")


def check_not_bad(image: str, version: str, app: App, known: tuple[Release, ...]) -> None:
    newest = next((r for r in known if r.image == image), None)
    if newest is not None and newest.proof is Proof.BAD:
        raise Locked(
            text("{version} is locked out of {env}.", version=version, env=str(app.env)),
            why=text("It was rolled back from in {op}.", op=newest.operation),
            next=text("Deploy another version, or allow it again."),
            buttons=(
                Button(text("Allow it again"), f"unlock {app.name}@{version} to {app.env}"),
                Button(text("History"), f"history {app.name} in {app.env}"),
            ),
        )


def config_of(world: World, target: Target, template: Template) -> str:
    """JSON of the ConfigMaps' bytes that the pods read."""
    workloads = world.cluster(target.scope.cluster).workloads
    found = workloads.config(target.scope.namespace, template.config_maps)
    return json.dumps({name: dict(data) for name, data in found.items()}, sort_keys=True, ensure_ascii=False)


# --- steps --------------------------------------------------------------------------------------


def min_ready(workload: Workload) -> int:
    """A Rollout's own is left: its last stop is the watch."""
    if workload.progressive is not None:
        return workload.min_ready_seconds
    return workload.min_ready_seconds or MIN_READY


def roll_to(
    target: Target,
    after: Template,
    *,
    version: str,
    old_version: str,
    bake: timedelta,
    deadline: timedelta,
    wait: timedelta = timedelta(),
    by_its_steps: bool = False,
) -> tuple[Planned, ...]:
    """Replace the template and watch it; what undoes it is part of what is approved.

    A Rollout goes straight to everything, or by its own steps, where it waits as long as `wait` for a person.
    """
    workload = target.workload
    if workload.progressive is not None:
        steps = workload.progressive.steps.with_end() if by_its_steps else StepList.shares(())
        course = Course(version, old_version, None, deadline, wait, bake)
        return tuple(progressive_steps(workload, target.around.autoscaler, after, steps, course))
    do = ReplaceTemplate(
        target=workload.ref,
        before=workload.template,
        after=after,
        version=version,
        min_ready_before=workload.min_ready_seconds,
        min_ready_after=min_ready(workload),
    )
    undo = ReplaceTemplate(
        target=workload.ref,
        before=after,
        after=workload.template,
        version=old_version,
        min_ready_before=min_ready(workload),
        min_ready_after=workload.min_ready_seconds,
    )
    return (
        Planned(do, undo, deadline=deadline, undo_deadline=deadline * 2),
        Planned(Bake(workload.ref, after, version, bake), deadline=bake + deadline),
    )


def candidate(world: World, app: App, target: Target, template: Template, version: str) -> Planned:
    """The release to be: proven at the end, locked out where it fails."""
    return Planned(
        RecordRelease(
            app=str(app.name),
            env=str(app.env),
            version=version,
            image=template.images[target.container],
            container=target.container,
            template=template.json,
            config=config_of(world, target, template),
            proof=Proof.CANDIDATE,
        ),
        JudgeRelease(str(app.name), str(app.env), version, Proof.BAD),
    )


def proven(app: App, version: str) -> Planned:
    return Planned(JudgeRelease(str(app.name), str(app.env), version, Proof.PROVEN), no_return=True)


# --- words --------------------------------------------------------------------------------------


def pods_fact(target: Target) -> Fact:
    workload = target.workload
    how = (
        text("all at once")
        if workload.strategy is Strategy.RECREATE
        else text("at most {n} down at a time", n=workload.max_unavailable)
    )
    return Fact(text("Pods"), text("{n}, {how}", n=workload.replicas, how=how))


def diff_of(target: Target, after: Template, *, min_ready_after: int) -> str:
    """Every leaf of the template that changes, as a diff."""
    workload = target.workload
    lines = [
        f"{workload.ref.kind} {workload.ref.name}, cluster {workload.ref.cluster}, namespace {workload.ref.namespace}"
    ]
    for path, before, new in differences(workload.template, after):
        if before is not None:
            lines.append(f"- {path}  {before}")
        if new is not None:
            lines.append(f"+ {path}  {new}")
    if workload.min_ready_seconds != min_ready_after:
        lines.append(f"- minReadySeconds  {workload.min_ready_seconds}")
        lines.append(f"+ minReadySeconds  {min_ready_after}")
    return "\n".join(lines)


def share_of(app_targets: tuple[Target, ...]) -> tuple[int, int]:
    """Blast radius of replacing every pod: (pods, 100 percent)."""
    pods = sum(target.workload.replicas for target in app_targets)
    return pods, 100 if pods else 0


def newest_first(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(tags, key=_age, reverse=True))


def _age(tag: str) -> tuple[tuple[int, int, str], ...]:
    """1.10.0 is newer than 1.9.2; words sort before numbers."""
    parts = tag.replace("-", ".").split(".")
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)
