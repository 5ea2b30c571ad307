"""Command lines that one person asks another to run: checked when they are asked for, authorised when they are clicked.

What is asked for has to be a change that the other may make now, short enough to be read before the click. The button may be
clicked days later: where there is a plan to look at, it is shown first, also if the asker wanted it at once. Votes are not asked for in this way: who agrees to a
plan has to look at it.
"""

from __future__ import annotations

import difflib

from bot.command import Changes, Risk
from bot.domain.errors import BadArguments, NotPermitted, UnknownName
from bot.domain.refs import AppName, AppRef, EnvName, Principal, Secret
from bot.domain.reply import Button, text
from bot.policy.judge import Denied, Judge
from bot.ports.apps import App, Apps
from bot.ports.world import Errand
from bot.road.catalogue import Catalogue
from bot.road.params import Shape, format_line, parse

HANDOVER = "handover"
LONGEST = 250
"""Characters of a line: the question before the click shows so many."""


def errand(catalogue: Catalogue, apps: Apps, judge: Judge, whom: Principal, line: str) -> Errand:
    """Raises UserError where `whom` could not run it, or nobody can be asked for it."""
    _check_person(judge, whom)
    shape, words = catalogue.find(line)
    changes = shape.command.does
    if not isinstance(changes, Changes) or shape.command.name == HANDOVER:
        raise BadArguments(
            text("Nobody can be asked to run {verb}.", verb=shape.command.name),
            field="line",
            next=text("Ask for what changes an app, such as deploy, rollback or unlock."),
        )
    known = frozenset(str(env) for env in apps.envs())
    params = parse(shape, words, defaults={}, is_env=known.__contains__)
    app = _app(shape, params, apps)
    denied = judge.authorise(whom, shape.command.permission, app)
    if isinstance(denied, Denied):
        raise NotPermitted(
            text("{who} may not run it either.", who=whom),
            why=text("It needs {permission}.", permission=denied.permission),
            next=text("Ask whoever keeps the policy file."),
        )
    line = _line(shape, params)
    if not _is_shown_whole(line):
        raise BadArguments(
            text("Nobody could read all of this before running it."),
            field="line",
            next=text("Ask with at most {n} plain characters; leave the reason out.", n=LONGEST),
        )
    is_at_once = changes.risk is Risk.LOW
    what = text("{command}", command=shape.command.name)
    if app is not None:
        what = text("{command} of {app} on {env}", command=shape.command.name, app=str(app.name), env=str(app.env))
    return Errand(line, what, is_at_once)


def _line(shape: Shape, params: object) -> str:
    does = shape.command.does
    return format_line(shape, does.seen_first(params) if isinstance(does, Changes) else params)


def _is_shown_whole(line: str) -> bool:
    return len(line) <= LONGEST and line.isprintable()


def _check_person(judge: Judge, whom: Principal) -> None:
    if whom in judge.policy.people:
        return
    near = difflib.get_close_matches(whom.id, [person.id for person in judge.policy.people], n=3, cutoff=0.5)
    raise UnknownName(
        text("The policy names nobody {who}.", who=whom.id),
        field="whom",
        nearest=tuple(near),
        next=text("Write the name that `whoami` shows them."),
    )


def _app(shape: Shape, params: object, apps: Apps) -> App | None:
    app, env = shape.of_type(params, AppName, AppRef), shape.of_type(params, EnvName)
    if app is None or env is None:
        return None
    return apps.locate(app.app if isinstance(app, AppRef) else app, env)


def offer_errand(
    denied: NotPermitted, shape: Shape, params: object, catalogue: Catalogue, judge: Judge, asker: Principal
) -> None:
    """Adds the button that asks somebody who may, where the asker may ask."""
    asking = catalogue.shapes.get(HANDOVER)
    if asking is None or not denied.runners or not isinstance(shape.command.does, Changes):
        return
    has_secrets = any(slot.type is Secret for slot in shape.slots)
    if has_secrets or shape is asking or not judge.may(asker, asking.command.permission, None):
        return
    whom, line = denied.runners[0], _line(shape, params)
    if not _is_shown_whole(line):
        return
    button = Button(
        text("Ask {who} to run it", who=whom),
        f"{HANDOVER} {whom} {line}",
        spoken=text("Ask {who} to run {line}", who=whom, line=line),
    )
    denied.buttons = (*denied.buttons, button)
