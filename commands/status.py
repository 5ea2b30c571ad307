"""`status [APP] [in ENV]` and `history APP in ENV`: what runs, who changes it, and what ran before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.errors import IntegrationError, Preflight
from bot.domain.operation import BEFORE_WRITES, STARTED, Operation, Phase
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
    Fact,
    Facts,
    Heading,
    Note,
    Opens,
    Paragraph,
    Reply,
    Table,
    Text,
    counted,
    text,
)
from bot.ports.apps import App
from bot.ports.store import OperationFilter, Proof, Release
from bot.ports.world import World
from bot.steps.adoption import running_release
from bot.steps.delivery import Target, targets, version_of
from bot.steps.progressive_plan import standing
from bot.steps.rollout import explain


@dataclass(frozen=True, slots=True)
class Status:
    app: Annotated[AppName | None, Arg("the app; without it, what runs for you", positional=True, example="APP")] = None
    env: Annotated[EnvName | None, Arg("where; everywhere without it", word="in")] = None


def answer(params: Status, world: World) -> Reply:
    if params.app is None:
        return _mine(world)
    if params.env is not None:
        return _one(world, world.apps.locate(params.app, params.env))
    envs = [env for env in world.apps.envs() if params.app in world.apps.names(env)]
    if not envs:
        world.apps.locate(params.app, world.apps.envs()[0])
    blocks: list[Block] = []
    for env in envs:
        app = world.apps.locate(params.app, env)
        if world.rules.may("workloads:read", app):
            blocks += [Heading(text("{env}", env=str(env))), *_one(world, app).blocks[:-1]]
    return Reply(text("Status · {app}", app=str(params.app)), tuple(blocks))


def _mine(world: World) -> Reply:
    running = world.book.operations(OperationFilter(requester=world.asker, is_final=False))
    if not running:
        return Reply(text("Status"), (Paragraph(text("Nothing runs for you. Write `status APP` for an app.")),))
    blocks: list[Block] = []
    for op in running:
        blocks += _operation(op)
    return Reply(text("Status · your operations"), tuple(blocks))


def _operation(op: Operation) -> list[Block]:
    where = "waits" if op.phase in BEFORE_WRITES else op.phase.value
    line = text("*{id}* {what} · {where} since {at}", id=op.id, what=op.line, where=where, at=op.since or op.created)
    if op.phase is Phase.DRAFT:
        line = text("*{id}* {what} · planned at {at}, not asked for yet", id=op.id, what=op.line, at=op.created)
    return [Paragraph(line), Buttons((Button(text("Show it"), f"plan {op.id}", opens=Opens.VIEW),))]


def _one(world: World, app: App) -> Reply:
    known = world.book.releases(str(app.name), str(app.env), limit=50)
    blocks: list[Block] = []
    for target in targets(world, app):
        blocks += _target(world, target, known)
    blocks += _state(world, app)
    name, env = str(app.name), str(app.env)
    blocks.append(
        Buttons(
            (
                Button(text("Logs"), f"logs {name} in {env}"),
                Button(text("History"), f"history {name} in {env}"),
                Button(text("Deploy"), f"deploy {name} to {env}", opens=Opens.FORM),
            )
        )
    )
    return Reply(text("Status · {app} on {env}", app=name, env=env), tuple(blocks))


def _target(world: World, target: Target, known: tuple[Release, ...]) -> list[Block]:
    workload = target.workload
    release = running_release(world, target, known)
    version = version_of(target.image, known)
    ready = Bar(
        workload.serving,
        max(1, workload.replicas),
        text("*{n} of {all} pods ready*", n=workload.serving, all=workload.replicas),
    )
    facts = [
        Fact(
            text("Version"),
            text("{version}{release}", version=version, release=f", release {release.number}" if release else ""),
        ),
        Fact(text("Cluster"), text("{cluster}, {ns}", cluster=target.scope.cluster, ns=target.scope.namespace)),
    ]
    scaler = target.around.autoscaler
    if scaler is not None:
        facts.append(
            Fact(
                text("Autoscaler"),
                text("{a} to {b} pods, {target}", a=scaler.minimum, b=scaler.maximum, target=scaler.target),
            )
        )
    if workload.progressive is not None:
        told = workload.template.images[target.container]
        facts.append(Fact(text("Rollout"), standing(workload.progressive, version_of(told, known))))
    blocks: list[Block] = [ready, Facts(tuple(facts))]
    try:
        rollout = world.cluster(target.scope.cluster).workloads.rollout(target.ref)
    except IntegrationError as error:
        return [*blocks, Note(text("Its pods cannot be seen now: {why}", why=error.what))]
    blocks += [Paragraph(explain(trouble, version)) for trouble in rollout.troubles[:3]]
    restarts = sum(pod.restarts for pod in rollout.pods)
    if restarts:
        blocks.append(Note(counted(restarts, "{n} restart of its pods", "{n} restarts of its pods")))
    return blocks


def _state(world: World, app: App) -> list[Block]:
    blocks: list[Block] = []
    holder = world.book.holder(app.hold)
    if holder is not None and (op := world.book.operation(holder)) is not None:
        blocks.append(
            Paragraph(text("*{id}* works on it: {line}, by {who}.", id=op.id, line=op.line, who=op.requester))
        )
    lock = world.book.lock(str(app.name), str(app.env))
    if lock is not None:
        blocks.append(
            Paragraph(text("*Locked* by {who} since {at}: {reason}", who=lock.holder, at=lock.at, reason=lock.reason))
        )
    return blocks


@dataclass(frozen=True, slots=True)
class History:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="in")]
    limit: Annotated[int, Arg("how many")] = 10


def _proof(proof: Proof) -> Text:
    match proof:
        case Proof.PROVEN:
            return text("proven")
        case Proof.ADOPTED:
            return text("ran before")
        case Proof.BAD:
            return text("locked out")
        case Proof.CANDIDATE:
            return text("not proven")


def history(params: History, world: World) -> Reply:
    app = world.apps.locate(params.app, params.env)
    name, env = str(app.name), str(app.env)
    releases = world.book.releases(name, env, limit=max(1, min(params.limit, 50)))
    title = text("History · {app} on {env}", app=name, env=env)
    if not releases:
        nothing = text("Nothing was deployed from here yet.")
        return Reply(title, (Paragraph(nothing), *_operations(world, name, env)))
    try:
        running = running_release(world, targets(world, app)[0], releases)
    except (Preflight, IntegrationError):
        running = None
    rows = tuple(
        (
            text("{n}{now}", n=r.number, now=" (runs now)" if running and r.number == running.number else ""),
            text("{version}", version=r.version),
            _proof(r.proof),
            text("{at} by {who}", at=r.at, who=r.by),
        )
        for r in releases
    )
    head = (text("Release"), text("Version"), text("State"), text("When"))
    good = [r for r in releases if r is not running and r.proof in {Proof.PROVEN, Proof.ADOPTED}]
    blocks: list[Block] = [Table(head, rows), *_operations(world, name, env)]
    if good:
        blocks.append(Buttons(tuple(_back_to(name, env, release) for release in good[:3])))
    return Reply(title, tuple(blocks))


def _back_to(app: str, env: str, release: Release) -> Button:
    label = text("Roll back to {version}", version=release.version)
    spoken = text("Roll back {app} on {env} to release {n}", app=app, env=env, n=release.number)
    return Button(label, f"rollback {app}@{release.number} to {env}", spoken=spoken)


def _operations(world: World, app: str, env: str) -> list[Block]:
    recent = [
        op
        for op in world.book.operations(OperationFilter(app=app, env=env, limit=8))
        if op.started or op.phase in STARTED
    ]
    if not recent:
        return []
    lines: list[Block] = [
        Note(
            text(
                "{id} · {line} · {phase} · {who} · {at}",
                id=op.id,
                line=op.line,
                phase=op.phase.value,
                who=op.requester,
                at=op.ended or op.created,
            )
        )
        for op in recent
    ]
    return [Heading(text("Operations")), *lines]


COMMAND = Command(
    "status", "what runs, and who changes it", Status, "workloads:read", Answers(answer), example="status web in prod"
)
HISTORY = Command(
    "history", "the releases of an app", History, "workloads:read", Answers(history), example="history web in prod"
)
