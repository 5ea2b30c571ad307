"""`whoami`, `here`, `help`, `doctor`: about the asker, this place, and the bot itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated

from bot.command import Answers, Arg, Changes, Command, Risk
from bot.domain.errors import BadArguments, UnknownName
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Block, Button, Buttons, Fact, Facts, Note, Opens, Paragraph, Reply, Style, Text, text
from bot.ports.world import Check, HelpLine, World
from bot.steps.records import SetDefaults
from bot.steps.step import Face, Plan, Planned

MENU = ("deploy", "canary", "rollback", "scale", "logs", "alerts")


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Here:
    app: Annotated[AppName | None, Arg("the app that is meant when none is named", example="APP")] = None
    env: Annotated[EnvName | None, Arg("the environment that is meant when none is named", word="in")] = None
    clear: Annotated[bool, Arg("forget what was set")] = False


@dataclass(frozen=True, slots=True)
class Help:
    command: Annotated[str, Arg("one command", rest=True)] = ""


def whoami(params: Nothing, world: World) -> Reply:
    facts = (
        Fact(text("You are"), text("{who}", who=str(world.asker))),
        Fact(text("Roles"), text("{roles}", roles=", ".join(world.rules.roles()) or "none")),
        Fact(text("Groups"), text("{groups}", groups=", ".join(world.rules.groups()) or "none")),
    )
    return Reply(text("Who you are"), (Facts(facts), Note(text("Roles come from the policy file."))))


def here(params: Here, world: World) -> Plan:
    if (params.app, params.env) == (None, None) and not params.clear:
        raise BadArguments(
            text("Say what this channel means: {words}", words=_meant(world)),
            field="app",
            next=text("Write `here app=APP env=ENV`, or `here --clear` to forget it."),
        )
    if params.clear:
        params = Here()
    elif params.app is not None and params.env is not None:
        world.apps.locate(params.app, params.env)
    elif params.app is not None and params.app not in world.apps.names():
        world.apps.locate(params.app, world.apps.envs()[0])
    defaults = {key: str(value) for key, value in (("app", params.app), ("env", params.env)) if value is not None}
    words = ", ".join(f"{key}={value}" for key, value in defaults.items())
    face = Face(
        title=text("set the defaults of this channel"),
        asks=text("set the defaults of this channel to {words}", words=words or "nothing"),
        done=text("this channel means {words} where nothing is named", words=words)
        if words
        else text("this channel has no defaults any more"),
        undone=text("nothing was changed"),
        fallback=text("It touches no cluster."),
    )
    step = SetDefaults(world.place.channel, world.place.thread, defaults)
    return Plan(face, (Planned(step, deadline=timedelta(minutes=1)),), extra=defaults)


def _meant(world: World) -> str:
    known = world.trail.defaults(world.place)
    return ", ".join(f"{key}={value}" for key, value in known.items()) or "nothing yet"


def help(params: Help, world: World) -> Reply:
    lines = world.help()
    if params.command.strip():
        return _one(params.command.strip().lower(), lines)
    first = [line for line in lines if line.name in MENU]
    rest = [line.name for line in lines if line.name not in MENU]
    blocks: list[Block] = [Note(_who_and_where(world))]
    blocks += [Paragraph(text("`{example}`  {summary}", example=line.example, summary=line.summary)) for line in first]
    blocks.append(Note(text("Any command alone opens a form. In a thread, mention me and write the same words.")))
    if rest:
        blocks.append(Note(text("Also: {names}. `help COMMAND` tells more.", names=", ".join(rest))))
    blocks.append(_first_steps(world, {line.name for line in lines}))
    return Reply(text("What you can do here"), tuple(blocks))


def _who_and_where(world: World) -> Text:
    roles = ", ".join(world.rules.roles()) or "without a role"
    who = text("You are {who}: {roles}.", who=str(world.asker), roles=roles)
    if not world.trail.defaults(world.place):
        return who
    return text("{who} Where nothing is named, {words} is meant here.", who=who, words=_meant(world))


def _first_steps(world: World, may: set[str]) -> Buttons:
    known = world.trail.defaults(world.place)
    row: list[Button] = []
    if "deploy" in may:
        row.append(
            Button(text("Deploy"), "deploy", Style.PRIMARY, opens=Opens.FORM, spoken=text("Open the deploy form"))
        )
    if app := known.get("app"):
        row.append(Button(text("Status of {app}", app=app), f"status {app}"))
    else:
        row.append(Button(text("My operations"), "status"))
    return Buttons((*row, Button(text("Waiting for me"), "approvals")))


def _one(name: str, lines: tuple[HelpLine, ...]) -> Reply:
    found = next((line for line in lines if line.name == name), None)
    if found is None:
        nearest = tuple(get_close_matches(name, [line.name for line in lines], n=3, cutoff=0.5))
        raise UnknownName(
            text("There is no command {name} that you may run.", name=name),
            next=text("Write `help` to see what you may run."),
            buttons=tuple(Button(text("{name}", name=each), f"help {each}") for each in nearest),
        )
    blocks = (
        Paragraph(text("*{name}*: {summary}", name=found.name, summary=found.summary)),
        Paragraph(text("`{usage}`", usage=found.usage)),
        *_parameters(found),
        Note(text("For example `{example}`", example=found.example)),
    )
    return Reply(text("Help · {name}", name=found.name), blocks)


def _parameters(line: HelpLine) -> tuple[Block, ...]:
    if not line.parameters:
        return ()
    each = [text("`{name}`  {help}", name=name, help=words) for name, words in line.parameters]
    template = "\n".join(f"{{p{n}}}" for n in range(len(each)))
    return (Paragraph(text(template, **{f"p{n}": words for n, words in enumerate(each)})),)


def doctor(params: Nothing, world: World) -> Reply:
    return report(world.checks())


def report(checks: tuple[Check, ...]) -> Reply:
    """What fails first, each with what mends it; what passes in one line."""
    bad = [check for check in checks if not check.is_ok]
    good = [check for check in checks if check.is_ok]
    blocks: list[Block] = [_bad(check) for check in bad]
    if good:
        parts = {f"p{i}": _good(check) for i, check in enumerate(good)}
        template = "*{n} pass:* " + " · ".join(f"{{{name}}}" for name in parts)
        blocks.append(Paragraph(text(template, n=len(good), **parts)))
    blocks.append(Buttons((Button(text("Check again"), "doctor", Style.PRIMARY if bad else Style.PLAIN),)))
    title = (
        text("Doctor · {n} of {all} checks need you", n=len(bad), all=len(checks))
        if bad
        else text("Doctor · all {all} checks pass", all=len(checks))
    )
    return Reply(title, tuple(blocks))


def _good(check: Check) -> Text:
    name = text("{name}", name=check.name)
    return text("{name} ({words})", name=name, words=check.words) if check.words.plain() else name


def _bad(check: Check) -> Paragraph:
    if check.mend is None:
        return Paragraph(text("*{name}:* {words}", name=check.name, words=check.words))
    return Paragraph(text("*{name}:* {words}\n*Mend:* {mend}", name=check.name, words=check.words, mend=check.mend))


WHOAMI = Command(
    "whoami", "who you are to me, and what you may", Nothing, "self:read", Answers(whoami), example="whoami"
)
HERE = Command(
    "here",
    "what this channel means when nothing is named",
    Here,
    "places:default",
    Changes(here, Risk.LOW),
    example="here app=web env=staging",
)
HELP = Command("help", "what you may run", Help, "self:read", Answers(help), example="help deploy")
DOCTOR = Command(
    "doctor", "check the bot and everything that it talks to", Nothing, "self:doctor", Answers(doctor), example="doctor"
)
