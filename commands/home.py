"""`home`: what waits for the asker, what runs for them, their apps and locks. The Home tab shows the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from bot.command import Answers, Command
from bot.domain.errors import IntegrationError, UnknownName
from bot.domain.operation import BEFORE_WRITES, Operation, Phase
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Heading, Note, Opens, Paragraph, Reply, Style, Text, counted, text
from bot.ports.apps import App
from bot.ports.store import Lock, OperationFilter
from bot.ports.world import World
from bot.steps.codec import load_face
from bot.steps.delivery import version_of
from bot.steps.locking import ask_to_unlock

SHOWN = 8
QUOTAS = 4
"""Namespaces whose quota is looked at."""


@dataclass(frozen=True, slots=True)
class Home:
    pass


def answer(params: Home, world: World) -> Reply:
    open_ones = world.book.operations(OperationFilter(is_final=False, limit=200))
    blocks: list[Block] = [
        *_waiting(world, open_ones),
        *_running(world, open_ones),
        *_apps(world, open_ones),
        *_locks(world),
    ]
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


def _waiting(world: World, open_ones: tuple[Operation, ...]) -> list[Block]:
    mine = [op for op in open_ones if world.rules.waits_for(op)]
    blocks: list[Block] = [Heading(text("Waiting for you ({n})", n=len(mine)))]
    if not mine:
        return [*blocks, Note(text("Nothing waits for you."))]
    for op in mine[:SHOWN]:
        face = load_face(op.face)
        second = text("open until {until} · {id}", until=op.expires, id=op.id)
        if face.warnings:
            second = text("{risk} · {second}", risk=face.warnings[0], second=second)
        line = text("*{title}* · asked by {who}\n{second}", title=face.title, who=op.requester, second=second)
        spoken = text("Review {title}", title=face.title)
        button = Button(text("Review"), f"review {op.id}", Style.PRIMARY, opens=Opens.VIEW, spoken=spoken)
        blocks += [Paragraph(line), Buttons((button,))]
    return [*blocks, *_more(len(mine))]


def _running(world: World, open_ones: tuple[Operation, ...]) -> list[Block]:
    mine = [op for op in open_ones if op.requester == world.asker and op.phase is not Phase.DRAFT]
    blocks: list[Block] = [Heading(text("Running ({n})", n=len(mine)))]
    if not mine:
        return [*blocks, Note(text("Nothing of yours runs."))]
    for op in mine[:SHOWN]:
        face = load_face(op.face)
        line = text(
            "*{title}* · {state} since {at}\n{step} · {id}",
            title=face.title,
            state=text(_STATES.get(op.phase, op.phase.value)),
            at=op.since or op.created,
            step=_step(op),
            id=op.id,
        )
        spoken = text("Open {title}", title=face.title)
        blocks += [Paragraph(line), Buttons((Button(text("Open"), f"plan {op.id}", opens=Opens.VIEW, spoken=spoken),))]
    return [*blocks, *_more(len(mine))]


_STATES = {
    Phase.WAITING: "waits for approval",
    Phase.READY: "starts",
    Phase.UNDOING: "going back",
    Phase.STUCK: "stuck, needs a person",
}


def _step(op: Operation) -> Text:
    if op.phase is Phase.WAITING:
        return text("open until {until}", until=op.expires)
    if op.seen is not None and op.seen.verdict is not None:
        verdict = op.seen.verdict
        return text("{share}; verdict so far: {word}", share=verdict.share, word=verdict.outcome.value)
    if op.seen is not None and op.seen.report:
        return op.seen.report
    return text("step {n} of {all}", n=min(op.cursor + 1, len(op.steps)), all=len(op.steps))


def _more(count: int) -> list[Block]:
    return [Note(text("{n} more.", n=count - SHOWN))] if count > SHOWN else []


@dataclass(frozen=True, slots=True)
class Fires:
    """How many alerts fire, by `web/prod`."""

    aloud: Counter[str] = field(default_factory=Counter)
    silenced: Counter[str] = field(default_factory=Counter)


def _mine(world: World) -> dict[str, list[App]]:
    """By name, in the order in which the settings list the environments."""
    found: dict[str, list[App]] = {}
    for env in world.apps.envs():
        for name in world.apps.names(env):
            app = world.apps.locate(name, env)
            if world.rules.may("workloads:deploy", app):
                found.setdefault(str(name), []).append(app)
    return dict(sorted(found.items()))


def _apps(world: World, open_ones: tuple[Operation, ...]) -> list[Block]:
    blocks: list[Block] = [Heading(text("My apps"))]
    try:
        mine = _mine(world)
        firing, unseen = _firing(world, [app for places in mine.values() for app in places])
        lines = [block for name in [*mine][:SHOWN] for block in _app(world, name, mine[name], open_ones, firing)]
    except IntegrationError as error:
        return [*blocks, Note(text("Your apps cannot be seen now: {why}", why=error.what))]
    if not lines:
        return [*blocks, Note(text("No app is yours to deploy."))]
    return [*blocks, *lines, *_more(len(mine)), *unseen, *_quotas(world, mine)]


def _firing(world: World, apps: list[App]) -> tuple[Fires, list[Block]]:
    """How many alerts fire, aloud and silenced, by `web/prod`; and what is to be said where nobody knows."""
    visible = [app for app in apps if world.rules.may("alerts:read", app)]
    namespaces = tuple(sorted({scope.namespace for app in visible for scope in app.scopes}))
    places = {(scope.namespace, scope.workload): app.hold for app in visible for scope in app.scopes}
    try:
        found = world.alerts.list(namespaces) if namespaces else ()
    except IntegrationError as error:
        return Fires(), [Note(text("Whether alerts fire cannot be seen now: {why}", why=error.what))]
    fires = Fires()
    for alert in found:
        hold = places.get((alert.labels.get("namespace", ""), alert.labels.get("app", "")))
        if alert.is_firing and hold is not None:
            (fires.silenced if alert.silenced_by else fires.aloud)[hold] += 1
    return fires, []


def _quotas(world: World, mine: dict[str, list[App]]) -> list[Block]:
    """One line for each namespace that has a quota of CPU; where it cannot be read nothing is said of it."""
    first = {app.scopes[0].namespace: app for places in mine.values() for app in places}
    lines: list[Text] = []
    for namespace, app in sorted(first.items())[:QUOTAS]:
        scope = app.scopes[0]
        workloads = world.cluster(scope.cluster).workloads
        try:
            workload = workloads.find(scope.namespace, scope.workload)
            quotas = workloads.surroundings(workload).quotas if workload is not None else ()
        except IntegrationError as error:
            lines.append(text("{ns} not known: {why}", ns=namespace, why=error.what))
            continue
        cpu = next((quota for quota in quotas if quota.resource in {"requests.cpu", "cpu", "limits.cpu"}), None)
        if cpu is not None:
            used, hard = f"{cpu.used:g}", f"{cpu.hard:g}"
            lines.append(text("{ns} {used} of {hard} CPU", ns=namespace, used=used, hard=hard))
    if not lines:
        return []
    template = "Quota: " + " · ".join(f"{{p{n}}}" for n in range(len(lines)))
    return [Note(text(template, **{f"p{n}": line for n, line in enumerate(lines)}))]


def _app(world: World, name: str, places: list[App], open_ones: tuple[Operation, ...], firing: Fires) -> list[Block]:
    parts = [_with_alerts(_place(world, app, open_ones), firing, app.hold) for app in places]
    template = "*{app}*\n" + " · ".join(f"{{p{i}}}" for i in range(len(parts)))
    line = text(template, app=name, **{f"p{i}": part for i, part in enumerate(parts)})
    last = places[-1].env
    more: tuple[Button, ...] = (
        Button(text("Status"), f"status {name}"),
        Button(text("Deploy"), f"deploy {name}", opens=Opens.FORM),
        Button(text("Logs"), f"logs {name} in {last}"),
        Button(text("History"), f"history {name} in {last}"),
    )
    if alerts := [app.env for app in places if firing.aloud[app.hold] or firing.silenced[app.hold]]:
        more = (*more, Button(text("Alerts"), f"alerts in {alerts[-1]}"))
    return [Paragraph(line), Buttons((), more=more)]


def _with_alerts(place: Text, firing: Fires, hold: str) -> Text:
    if count := firing.aloud[hold]:
        place = text("{place}, *{alerts}*", place=place, alerts=counted(count, "{n} alert", "{n} alerts"))
    if quiet := firing.silenced[hold]:
        place = text(
            "{place}, {alerts}", place=place, alerts=counted(quiet, "{n} silenced alert", "{n} silenced alerts")
        )
    return place


def _place(world: World, app: App, open_ones: tuple[Operation, ...]) -> Text:
    scope = app.scopes[0]
    name, env = str(app.name), str(app.env)
    workload = world.cluster(scope.cluster).workloads.find(scope.namespace, scope.workload)
    if workload is None:
        return text("{env} gone", env=env)
    images = workload.running.images
    image = images.get(name) or next(iter(images.values()), "")
    known = world.book.releases(name, env)
    is_well = workload.available >= workload.replicas
    found = text(
        "{env} {version}, {state}, {n} of {all}",
        env=env,
        version=version_of(image, known),
        state=text("healthy") if is_well else text("*not healthy*"),
        n=workload.serving,
        all=workload.replicas,
    )
    busy = [op for op in open_ones if app.hold in op.holds and op.phase not in BEFORE_WRITES]
    return text("{found}, {kind} {id} under way", found=found, kind=busy[0].kind, id=busy[0].id) if busy else found


def _locks(world: World) -> list[Block]:
    locks = world.book.locks()
    blocks: list[Block] = [Heading(text("Locks ({n})", n=len(locks)))]
    if not locks:
        return [*blocks, Note(text("Nothing is locked."))]
    for lock in locks[:SHOWN]:
        where = {"app": lock.app, "env": lock.env}
        is_mine = lock.holder == world.asker
        who = text("you") if is_mine else text("{who}", who=lock.holder)
        blocks.append(
            Paragraph(
                text(
                    "*{app} on {env}* by {who}, since {at}: {reason}", who=who, at=lock.at, reason=lock.reason, **where
                )
            )
        )
        if is_mine:
            spoken = text("Unlock {app} on {env}", **where)
            blocks.append(Buttons((Button(text("Unlock"), f"unlock {lock.app} to {lock.env}", spoken=spoken),)))
        elif _may_lock(world, lock):
            blocks.append(Buttons((replace(ask_to_unlock(lock), style=Style.PLAIN),)))
    return [*blocks, *_more(len(locks))]


def _may_lock(world: World, lock: Lock) -> bool:
    try:
        app = world.apps.locate(AppName(lock.app), EnvName(lock.env))
    except (UnknownName, IntegrationError):
        return False
    return world.rules.may("workloads:lock", app)


COMMAND = Command(
    "home", "what waits for you, what runs, your apps", Home, "self:read", Answers(answer), example="home"
)
