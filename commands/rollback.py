"""`rollback APP[@REVISION] to ENV`: a proven release again, whole: digest, template and the config's exact bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from bot.command import Arg, Changes, Command
from bot.domain.errors import Preflight, UnknownName
from bot.domain.refs import AppRef, EnvName
from bot.domain.reply import Button, Confirm, Fact, Text, text
from bot.domain.templates import Template
from bot.ports.apps import App
from bot.ports.store import Proof, Release
from bot.ports.world import World
from bot.steps.adoption import running_release
from bot.steps.delivery import (
    Target,
    check_still,
    diff_of,
    foreign_owner,
    is_by_git,
    min_ready,
    pods_fact,
    roll_to,
    share_of,
    targets,
    version_of,
    warn,
)
from bot.steps.memory import limit_of, peak
from bot.steps.records import SetProof
from bot.steps.rollout import RESTARTED, CreateConfig
from bot.steps.step import Face, Plan, Planned


@dataclass(frozen=True, slots=True)
class Rollback:
    app: Annotated[AppRef, Arg("the app; with a revision or version, that one", example="APP[@REVISION]")]
    env: Annotated[EnvName, Arg("where", word="to")]
    reason: Annotated[str, Arg("why, for those who approve and for the record")] = ""
    now: Annotated[bool, Arg("at once, without showing the plan first")] = False


def plan(params: Rollback, world: World) -> Plan:
    app = world.apps.locate(params.app.app, params.env)
    found = targets(world, app)
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    now = running_release(world, found[0], known) or _under_other_names(world, found[0], known)
    release = _choose(app, params.app.ref, known, now, found[0])
    old = version_of(found[0].image, known)
    bake = world.rules.duration("bake", app.name, app.env)
    deadline = world.rules.duration("deadline", app.name, app.env)
    steps: list[Planned] = []
    notes: list[Text] = []
    diffs: list[str] = []
    for target in found:
        check_still(target, is_told_anew=True)
        template, renamed, lost = _with_its_config(world, target, release)
        if lost:
            notes.append(text("Config {names} was not kept with it and stays as it is", names=", ".join(lost)))
        for name, (new_name, data) in renamed.items():
            steps.append(Planned(CreateConfig(target.scope.cluster, target.scope.namespace, new_name, data)))
            notes.append(text("Config `{name}` goes back to what it was then", name=name))
        notes += [note for note in _less_memory(world, target, template) if note not in notes]
        steps += roll_to(target, template, version=release.version, old_version=old, bake=bake, deadline=deadline)
        diffs.append(diff_of(target, template, min_ready_after=min_ready(target.workload)))
    if now is not None and now.proof is not Proof.BAD:
        do = SetProof(str(app.name), str(app.env), now.number, now.version, now.proof, Proof.BAD)
        steps.append(Planned(do, no_return=True))
    pods, share = share_of(found)
    face = _face(app, found, release, old=old, notes=notes, diff="\n\n".join(diffs))
    extra = {"from": old, "to": release.version, "release": str(release.number)}
    return Plan(face, tuple(steps), (app.hold,), pods, share, extra)


def _choose(app: App, ref: str | None, known: tuple[Release, ...], now: Release | None, target: Target) -> Release:
    """The named release, or the newest proven one that does not run now."""
    where = {"app": str(app.name), "env": str(app.env)}
    good = [r for r in known if r.proof in {Proof.PROVEN, Proof.ADOPTED}]
    if ref is not None:
        named = next((r for r in known if ref in {str(r.number), r.version, r.image.partition("@")[2]}), None)
        if named is None:
            raise UnknownName(
                text("{app} on {env} has no release {ref}.", ref=ref, **where),
                field="app",
                nearest=tuple(str(r.number) for r in good[:3]),
                next=text("Write `history {app} in {env}` to see its releases.", **where),
            )
        if named.proof in {Proof.BAD, Proof.CANDIDATE}:
            raise Preflight(
                text("Release {n} ({version}) was never proven.", n=named.number, version=named.version),
                why=text("It is {proof}: only what ran healthy can be gone back to.", proof=named.proof.value),
                next=text("Choose another from `history {app} in {env}`.", **where),
            )
        good = [named]
    running = {_pods_of(target.running.json), *([_pods_of(now.template)] if now else [])}
    chosen = next((r for r in good if _pods_of(r.template) not in running), None)
    if chosen is None:
        raise Preflight(
            text("There is nothing to go back to for {app} on {env}.", **where),
            why=text("Only releases that were deployed from here, or ran when something was first deployed, are known.")
            if ref is None
            else text("That release runs now."),
            next=text("Deploy the version that you want: `deploy {app}@VERSION to {env}`.", **where),
        )
    return chosen


def _less_memory(world: World, target: Target, template: Template) -> list[Text]:
    """What its pods were given then may be too little for what they do now."""
    now, then = limit_of(target.running), limit_of(template)
    if not 0 < then < now:
        return []
    down = text("Memory limit goes down *{now} → {then} MiB* a pod", now=f"{now:g}", then=f"{then:g}")
    return [text("{down}; {peak}", down=down, peak=peak(world, target))]


def _pods_of(template: str) -> Template:
    """Without the mark of a restart: the same pods."""
    return Template(template).without_annotation(RESTARTED)


def _under_other_names(world: World, target: Target, known: tuple[Release, ...]) -> Release | None:
    """The release that runs with its config under the names that an earlier rollback gave it."""
    now = _pods_of(target.running.json)
    for release in known:
        if release.image == target.image:
            template, renamed, _ = _with_its_config(world, target, release)
            if renamed and _pods_of(template.json) == now:
                return release
    return None


def _with_its_config(
    world: World, target: Target, release: Release
) -> tuple[Template, dict[str, tuple[str, Mapping[str, str]]], list[str]]:
    """The release's template reading its own config: (template, changed ConfigMaps by name, names without kept bytes)."""
    template = Template(release.template)
    kept: Mapping[str, Mapping[str, str]] = json.loads(release.config)
    there = world.cluster(target.scope.cluster).workloads.config(target.scope.namespace, template.config_maps)
    renamed: dict[str, tuple[str, Mapping[str, str]]] = {}
    for name in template.config_maps:
        if name in kept and dict(there.get(name, {})) != dict(kept[name]):
            content = json.dumps(kept[name], sort_keys=True, ensure_ascii=False)
            renamed[name] = (f"{name[:50]}-{hashlib.sha256(content.encode()).hexdigest()[:10]}", kept[name])
    lost = [name for name in template.config_maps if name not in kept]
    return template.with_config_maps({name: new for name, (new, _) in renamed.items()}), renamed, lost


def _face(
    app: App,
    found: tuple[Target, ...],
    release: Release,
    *,
    old: str,
    notes: list[Text],
    diff: str,
) -> Face:
    target = found[0]
    args = {"app": str(app.name), "env": str(app.env), "version": release.version, "old": old}
    warnings = [*notes, *warn(target)]
    if is_by_git(target.workload):
        line = text(
            "Git still has {old}: revert it there, or {owner} brings it back",
            owner=foreign_owner(target.workload),
            **args,
        )
        warnings.insert(0, line)
    why = text("the newest that was proven")
    if release.proof is Proof.ADOPTED:
        why = text("it ran when {app} was first deployed from here", app=str(app.name))
    facts = (
        Fact(text("Image"), text("{old} → *{version}*", **args)),
        Fact(text("Why this one"), text("release {n} of {at},\n{why}", n=release.number, at=release.at, why=why)),
        pods_fact(target),
    )
    logs = Button(text("Logs"), f"logs {app.name} in {app.env}")
    return Face(
        title=text("roll back {app} on {env} to {version}", **args),
        asks=text("roll back *{app}* on *{env}* {old} → *{version}*", **args),
        done=text("{app} on {env} is on {version} again", **args),
        undone=text("{app} on {env} is still on {old}", **args),
        fallback=text(
            "{old} is then locked out of {env}. If {version} does not become healthy, {old} is put back.", **args
        ),
        go=text("Roll back now"),
        is_red=True,
        instead=Button(text("Another revision"), f"history {app.name} in {app.env}"),
        warnings=tuple(warnings),
        facts=facts,
        diff=diff,
        stop=Confirm(
            text("Stop the rollback?"),
            text("{app} on {env} goes on with {old}; pods that run {version} already are replaced.", **args),
            text("Stop it"),
        ),
        running=(logs,),
        after=(logs, Button(text("History"), f"history {app.name} in {app.env}")),
        failed=(logs,),
    )


COMMAND = Command(
    "rollback",
    "go back to a release that was proven",
    Rollback,
    "workloads:rollback",
    Changes(plan, is_asked=lambda params: params.now, seen_first=lambda params: replace(params, now=False)),
    slash=True,
    example="rollback web to prod",
)
