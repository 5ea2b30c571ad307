"""`home`: what waits for the asker, what runs for them, their apps and locks. The Home tab shows the same."""

from __future__ import annotations

from dataclasses import dataclass

from bot.command import Answers, Command
from bot.domain.errors import IntegrationError
from bot.domain.operation import Operation, Phase
from bot.domain.reply import Block, Button, Buttons, Heading, Note, Opens, Paragraph, Reply, Style, text
from bot.ports.apps import App
from bot.ports.store import OperationFilter
from bot.ports.world import World
from bot.steps.delivery import version_of

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Home:
    pass


def answer(params: Home, world: World) -> Reply:
    blocks: list[Block] = [*_waiting(world), *_running(world), *_apps(world), *_locks(world)]
    blocks.append(
        Buttons(
            (
                Button(text("Deploy"), "deploy", opens=Opens.FORM),
                Button(text("Logs"), "logs", opens=Opens.FORM),
                Button(text("Help"), "help", opens=Opens.VIEW),
            )
        )
    )
    return Reply(text("Home"), tuple(blocks))


def _waiting(world: World) -> list[Block]:
    found = world.book.operations(OperationFilter(is_final=False, limit=200))
    mine = [op for op in found if world.rules.waits_for(op)]
    blocks: list[Block] = [Heading(text("Waiting for you ({n})", n=len(mine)))]
    if not mine:
        return [*blocks, Note(text("Nothing waits for you."))]
    for op in mine[:SHOWN]:
        blocks.append(
            Paragraph(
                text(
                    "*{id}* `{line}`, asked by {who}, open until {until}",
                    id=op.id,
                    line=op.line,
                    who=op.requester,
                    until=op.expires,
                )
            )
        )
        blocks.append(Buttons((Button(text("Review"), f"review {op.id}", Style.PRIMARY, opens=Opens.VIEW),)))
    return blocks


def _running(world: World) -> list[Block]:
    found = world.book.operations(OperationFilter(requester=world.asker, is_final=False, limit=50))
    mine = [op for op in found if op.phase is not Phase.DRAFT]
    blocks: list[Block] = [Heading(text("Running ({n})", n=len(mine)))]
    if not mine:
        return [*blocks, Note(text("Nothing of yours runs."))]
    return [*blocks, *(_line(op) for op in mine[:SHOWN])]


def _line(op: Operation) -> Paragraph:
    since = op.since or op.created
    return Paragraph(
        text("*{id}* `{line}` · {phase} since {at}", id=op.id, line=op.line, phase=op.phase.value, at=since)
    )


def _mine(world: World) -> list[App]:
    apps = [world.apps.locate(name, env) for env in world.apps.envs() for name in world.apps.names(env)]
    return [app for app in apps if world.rules.may("workloads:deploy", app)]


def _apps(world: World) -> list[Block]:
    blocks: list[Block] = [Heading(text("My apps"))]
    try:
        mine = _mine(world)
        lines = [_app(world, app) for app in mine[:SHOWN]]
    except IntegrationError as error:
        return [*blocks, Note(text("Your apps cannot be seen now: {why}", why=error.what))]
    if not lines:
        return [*blocks, Note(text("No app is yours to deploy."))]
    more: list[Block] = [Note(text("{n} more.", n=len(mine) - SHOWN))] if len(mine) > SHOWN else []
    return [*blocks, *lines, *more]


def _app(world: World, app: App) -> Block:
    scope = app.scopes[0]
    name, env = str(app.name), str(app.env)
    workload = world.cluster(scope.cluster).workloads.find(scope.namespace, scope.workload)
    if workload is None:
        return Paragraph(text("*{app}* on {env}: gone", app=name, env=env))
    images = workload.template.images
    image = images.get(name) or next(iter(images.values()))
    version = version_of(image, world.book.releases(name, env))
    return Paragraph(
        text(
            "*{app}* on {env} · {version} · {n} of {all} pods",
            app=name,
            env=env,
            version=version,
            n=workload.available,
            all=workload.replicas,
        )
    )


def _locks(world: World) -> list[Block]:
    locks = world.book.locks()
    blocks: list[Block] = [Heading(text("Locks ({n})", n=len(locks)))]
    if not locks:
        return [*blocks, Note(text("Nothing is locked."))]
    shown = [
        Paragraph(
            text(
                "*{app}* on {env} by {who} since {at}: {reason}",
                app=k.app,
                env=k.env,
                who=k.holder,
                at=k.at,
                reason=k.reason,
            )
        )
        for k in locks[:SHOWN]
    ]
    return [*blocks, *shown]


COMMAND = Command(
    "home", "what waits for you, what runs, your apps", Home, "self:read", Answers(answer), example="home"
)
