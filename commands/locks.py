"""`lock` and `unlock`: a person keeps an app as it is; and a release that was locked out may come again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bot.command import Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, Locked, Preflight
from bot.domain.refs import AppName, AppRef, EnvName
from bot.domain.reply import Button, Text, Value, text
from bot.ports.store import Proof
from bot.ports.world import World
from bot.steps.locking import ask_to_unlock, take_over
from bot.steps.records import DropLock, PutLock, SetProof, taken_over
from bot.steps.step import Face, Plan, Planned


@dataclass(frozen=True, slots=True)
class Lock:
    app: Annotated[AppName, Arg("the app")]
    env: Annotated[EnvName, Arg("where", word="to")]
    reason: Annotated[str, Arg("why nobody else may change it", rest=True)] = ""
    time: Annotated[timedelta | None, Arg("for how long; until it is unlocked without it", example="2h")] = None
    take: Annotated[bool, Arg("take it over from whoever holds it, who is then told")] = False


@dataclass(frozen=True, slots=True)
class Unlock:
    app: Annotated[AppRef, Arg("the app; with a version, that version may be deployed again", example="APP[@VERSION]")]
    env: Annotated[EnvName, Arg("where", word="to")]


def _face(title: Text, *, done: Text, warnings: tuple[Text, ...] = (), after: tuple[Button, ...] = ()) -> Face:
    return Face(
        title=title,
        asks=title,
        done=done,
        undone=text("nothing was changed"),
        fallback=text("It touches no cluster."),
        warnings=warnings,
        after=after,
    )


def lock(params: Lock, world: World) -> Plan:
    app = world.apps.locate(params.app, params.env)
    held = world.book.lock(str(app.name), str(app.env))
    args: dict[str, Value] = {"app": str(app.name), "env": str(app.env)}
    if not params.reason and not params.take:
        raise BadArguments(
            text("Say why {app} is locked.", **args),
            field="reason",
            next=text("Write `lock {app} to {env} REASON`.", **args),
        )
    if held is not None and held.holder != world.asker and not params.take:
        raise Locked(
            text("{app} on {env} is locked already.", **args),
            why=text("{who} holds it since {at}: {reason}", who=held.holder, at=held.at, reason=held.reason),
            next=text("Ask {who}, or take it over; {who} is then told.", who=held.holder),
            buttons=(ask_to_unlock(held), take_over(held, params.reason)),
        )
    taken_from = held.holder if held is not None and held.holder != world.asker else None
    reason = params.reason or (taken_over(taken_from) if taken_from else "taken over")
    step = PutLock(str(app.name), str(app.env), world.asker, reason, params.time, taken_from)
    done = text("{app} on {env} is locked by {who}: {reason}", who=world.asker, reason=reason, **args)
    if taken_from is not None and not params.reason:
        done = text(
            "{app} on {env} is locked by {who}, taken over from {other}", who=world.asker, other=taken_from, **args
        )
    elif taken_from is not None:
        done = text(
            "{app} on {env} is locked by {who}, taken over from {other}: {reason}",
            who=world.asker,
            other=taken_from,
            reason=reason,
            **args,
        )
    after = (Button(text("Unlock"), f"unlock {app.name} to {app.env}"),)
    return Plan(
        _face(text("lock {app} on {env}", **args), done=done, after=after), (Planned(step),), extra={"reason": reason}
    )


def unlock(params: Unlock, world: World) -> Plan:
    app = world.apps.locate(params.app.app, params.env)
    args: dict[str, Value] = {"app": str(app.name), "env": str(app.env)}
    if params.app.ref is not None:
        known = world.book.releases(str(app.name), str(app.env), limit=200)
        bad = [r for r in known if r.proof is Proof.BAD and params.app.ref in {r.version, str(r.number)}]
        if not bad:
            raise Preflight(text("{version} is not locked out of {env}.", version=params.app.ref, **args))
        steps = tuple(
            Planned(SetProof(str(app.name), str(app.env), r.number, r.version, Proof.BAD, Proof.CANDIDATE)) for r in bad
        )
        done = text("{version} may be deployed to {env} again", version=params.app.ref, **args)
        title = text("allow {app} {version} on {env} again", version=params.app.ref, **args)
        again = Button(text("Deploy it"), f"deploy {app.name}@{bad[0].version} to {app.env}")
        return Plan(_face(title, done=done, after=(again,)), steps, extra={"version": params.app.ref})
    held = world.book.lock(str(app.name), str(app.env))
    if held is None:
        raise Preflight(text("{app} on {env} is not locked.", **args))
    if held.holder != world.asker:
        raise Locked(
            text("{who} holds the lock on {app} on {env}.", who=held.holder, **args),
            why=text("Only the holder unlocks: {reason}", reason=held.reason),
            next=text("Ask {who}, or take it over; {who} is then told.", who=held.holder),
            buttons=(ask_to_unlock(held), take_over(held)),
        )
    done = text("{app} on {env} is unlocked", **args)
    step = DropLock(str(app.name), str(app.env), held.holder)
    return Plan(_face(text("unlock {app} on {env}", **args), done=done), (Planned(step),))


LOCK = Command(
    "lock",
    "keep an app as it is",
    Lock,
    "workloads:lock",
    Changes(lock, Risk.LOW),
    example="lock web to prod load test until noon",
)
UNLOCK = Command(
    "unlock",
    "let an app, or a version, be changed again",
    Unlock,
    "workloads:lock",
    Changes(unlock, Risk.LOW),
    example="unlock web to prod",
)
