"""Everything that derives from a command's parameters: parse, format, usage, form, audit fields. Never written twice.

The typed line, the button and the submitted form end in the same `build`. Knows no command and no system.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from bot.command import Answers, AnyCommand, Arg, Command
from bot.domain.errors import BadArguments
from bot.domain.forms import FormField, Widget
from bot.domain.refs import PREPOSITIONS, AppName, EnvName, Secret, quoted
from bot.domain.reply import Text, text
from bot.road.kinds import KINDS, Kind

P = TypeVar("P")

SHARE = "--share"


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter of one command."""

    name: str
    type: Any
    arg: Arg
    kind: Kind
    default: Any
    many: bool

    @property
    def is_required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def is_positional(self) -> bool:
        return not self.arg.word and not self.arg.rest and (self.is_required or self.arg.positional)

    @property
    def example(self) -> str:
        return self.arg.example or self.kind.example

    def parse(self, words: str) -> Any:
        return tuple(self.kind.parse(word) for word in words.split(",")) if self.many else self.kind.parse(words)

    def format(self, value: Any) -> str:
        return ",".join(self.kind.format(item) for item in value) if self.many else self.kind.format(value)


class Shape:
    """The slots of a command's parameters, worked out once at start-up."""

    def __init__(self, command: Command[P]) -> None:
        self.command: AnyCommand = command
        params: Any = command.params
        self.slots = _slots(params)
        self.by_name = {slot.name: slot for slot in self.slots}
        self.by_word = {
            word: slot
            for slot in self.slots
            if slot.arg.word
            for word in (PREPOSITIONS if slot.arg.word in PREPOSITIONS else {slot.arg.word})
        }
        self.positional = tuple(slot for slot in self.slots if slot.is_positional)
        self.rest = next((slot for slot in self.slots if slot.arg.rest), None)

    def of_type(self, params: object, *kinds: type) -> Any:
        """The value of the first parameter of one of these types; None where there is none."""
        for slot in self.slots:
            if slot.type in kinds:
                return getattr(params, slot.name)
        return None


@cache
def _slots(params: Any) -> tuple[Slot, ...]:
    hints = typing.get_type_hints(params, include_extras=True)
    return tuple(_slot(field, hints[field.name]) for field in dataclasses.fields(params))


def _slot(field: dataclasses.Field[Any], hint: Any) -> Slot:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{field.name}: wants Annotated[type, Arg(...)]")
    kind, arg = get_args(hint)[:2]
    if isinstance(kind, types.UnionType):
        kind = next(a for a in get_args(kind) if a is not types.NoneType)
    many = get_origin(kind) is tuple
    if many:
        kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Slot(field.name, kind, arg, _choice(kind), field.default, many)
    return Slot(field.name, kind, arg, KINDS[kind], field.default, many)


def _choice(kind: type[StrEnum]) -> Kind:
    def parse(words: str) -> StrEnum:
        try:
            return kind(words.lower())
        except ValueError:
            raise ValueError("one of " + ", ".join(kind)) from None

    return Kind(parse, str, "|".join(kind), Widget.CHOICE)


# --- typed lines ------------------------------------------------------------------------------

_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*")+')


def tokens(line: str) -> tuple[str, ...]:
    """Words; double quotes hold together what is between them, and stay. Raises ValueError."""
    if line.count('"') % 2:
        raise ValueError('a " is missing')
    return tuple(_TOKEN.findall(line))


def _bare(token: str) -> str:
    return token.replace('"', "")


def parse(
    shape: Shape,
    line: str,
    *,
    defaults: Mapping[str, str],
    is_env: Callable[[str], bool] = lambda _: False,
    is_app: Callable[[str], bool] = lambda _: True,
) -> Any:
    """The parameters in `line` (without the command's name).

    `defaults` are the channel's, by name of parameter, for what was not typed. In free text a preposition counts only
    before the first or after the last word of it, and only before the name of an environment (`is_env`). Where the channel
    means an app, a read's free text may begin with a word that is none (`is_app`): `logs timeout`. What changes something
    never takes an app for granted because another name was mistyped.
    """
    try:
        words = list(tokens(line))
    except ValueError as bad:
        raise BadArguments(text("{what} in {line}.", what=str(bad), line=line), next=usage_hint(shape)) from bad
    given: dict[str, str] = {}
    free: list[str] = []
    places = list(shape.positional)
    while words:
        token = words.pop(0)
        slot, value = _named(shape, token, words, free, is_env)
        if slot is None and not free:
            if places and _goes_without(shape, places[0], defaults) and not is_app(_bare(token)):
                places.pop(0)
            if places:
                slot, value = places.pop(0), _bare(token)
            while slot is not None and slot.name in given and places:
                slot = places.pop(0)
        if slot is None:
            free.append(token)
        elif slot.name in given:
            raise BadArguments(text("{name} is given twice.", name=slot.name), field=slot.name, next=usage_hint(shape))
        else:
            given[slot.name] = value
    if free and shape.rest is None:
        raise _left_over(shape, free, given, is_env)
    if free and shape.rest is not None:
        given[shape.rest.name] = " ".join(free)
    return build(shape, {**{name: v for name, v in defaults.items() if name in shape.by_name}, **given})


def _goes_without(shape: Shape, slot: Slot, defaults: Mapping[str, str]) -> bool:
    """The channel means an app, and what else is typed may be free text of a read."""
    is_read = isinstance(shape.command.does, Answers)
    return is_read and shape.rest is not None and slot.type is AppName and slot.name in defaults


def _left_over(
    shape: Shape, free: Sequence[str], given: Mapping[str, str], is_env: Callable[[str], bool]
) -> BadArguments:
    """What nothing takes. An env without its preposition, or a preposition without its env, is about the env."""
    what = text("I do not understand {words}.", words=" ".join(free))
    slot = next((slot for slot in shape.slots if slot.type is EnvName and slot.name not in given), None)
    if slot is None or not slot.arg.word:
        return BadArguments(what, next=usage_hint(shape))
    if free[-1].lower() in PREPOSITIONS:
        what = text("Nothing follows {word}.", word=free[-1])
    elif is_env(free[-1]):
        what = text("{env} stands there without {word}.", env=free[-1], word=slot.arg.word)
    else:
        return BadArguments(what, next=usage_hint(shape))
    return BadArguments(what, field=slot.name, next=usage_hint(shape))


def _named(
    shape: Shape, token: str, words: list[str], free: Sequence[str], is_env: Callable[[str], bool]
) -> tuple[Slot | None, str]:
    """What `token` (with the word after it) says by name, if it does."""
    name, equals, value = token.partition("=")
    if token.startswith("--") and (slot := shape.by_name.get(name[2:].replace("-", "_"))):
        return slot, _bare(value) if equals else "yes"
    if equals and (slot := shape.by_name.get(name.replace("-", "_"))):
        return slot, _bare(value)
    if words and (slot := shape.by_word.get(token.lower())):
        is_edge = not free or all(_is_option(shape, word) for word in words[1:])
        if shape.rest is None or (is_edge and is_env(words[0])):
            return slot, _bare(words.pop(0))
    return None, ""


def _is_option(shape: Shape, token: str) -> bool:
    name, equals, _ = token.removeprefix("--").partition("=")
    return name.replace("-", "_") in shape.by_name and (bool(equals) or token.startswith("--"))


def _writable(slot: Slot, words: str) -> str:
    """A text as a line can say it, because it is planned again from its line: a form's may hold anything."""
    if slot.type is not str:
        return words
    if not slot.arg.rest or words.count('"') % 2:
        words = words.replace('"', "”")
    return " ".join(tokens(words)) if slot.arg.rest else words


def build(shape: Shape, given: Mapping[str, str]) -> Any:
    """Text values by name to the command's parameters. Raises BadArguments naming the field."""
    values: dict[str, Any] = {}
    for slot in shape.slots:
        words = _writable(slot, given.get(slot.name, ""))
        if not words:
            if slot.is_required:
                what = text("{name} is missing ({help}).", name=slot.name, help=slot.arg.help)
                raise BadArguments(what, field=slot.name, next=usage_hint(shape))
            continue
        try:
            values[slot.name] = slot.parse(words)
        except ValueError as bad:
            what = text("{name} is {words}; it has to be {rule}.", name=slot.name, words=words[:200], rule=str(bad))
            raise BadArguments(what, field=slot.name, next=usage_hint(shape)) from bad
    return shape.command.params(**values)


def format_line(shape: Shape, params: object) -> str:
    """The line that `parse` turns into equal parameters, without any channel's defaults; with the command's name."""
    line = _written(shape, params)
    return line if shape.rest is None or _says(shape, line, params) else _written(shape, params, names_rest=True)


def _says(shape: Shape, line: str, params: object) -> bool:
    """Whatever the environments are called: words of a free text such as "no deploys to prod" are none of the line's."""
    try:
        said: object = parse(shape, line.removeprefix(shape.command.name), defaults={}, is_env=lambda _: True)
    except BadArguments:
        return False
    return said == params


def _written(shape: Shape, params: object, *, names_rest: bool = False) -> str:
    parts, tail = [shape.command.name], ""
    for slot in sorted(shape.slots, key=lambda slot: not slot.is_positional):
        value = getattr(params, slot.name)
        if value is None or (not slot.is_required and value == slot.default) or isinstance(value, Secret):
            continue
        words = slot.format(value)
        if slot.arg.rest and not names_rest:
            tail = words
        elif slot.arg.word:
            parts.append(f"{slot.arg.word} {words}")
        elif slot.type is bool:
            parts.append(f"--{slot.name}")
        elif slot.is_positional and slot.is_required:
            parts.append(quoted(words))
        else:
            parts.append(f"{slot.name}={quoted(words)}")
    return " ".join([*parts, *([tail] if tail else [])])


def usage(shape: Shape) -> str:
    parts = [shape.command.name]
    for slot in sorted(shape.slots, key=lambda slot: (not slot.is_positional, slot.arg.rest)):
        if slot.arg.word:
            words = f"{slot.arg.word} {slot.example}"
        elif slot.is_positional:
            words = slot.example
        elif slot.arg.rest:
            words = slot.name
        elif slot.type is bool:
            words = f"--{slot.name}"
        else:
            words = f"{slot.name}={slot.example}" + (",..." if slot.many else "")
        parts.append(words if slot.is_required else f"[{words}]")
    return " ".join(parts)


def usage_hint(shape: Shape) -> Text:
    if shape.command.example:
        return text("Write `{usage}`, for example `{example}`.", usage=usage(shape), example=shape.command.example)
    return text("Write `{usage}`.", usage=usage(shape))


def form(shape: Shape, filled: Mapping[str, str]) -> tuple[FormField, ...]:
    """`filled`: what is known already, from the line or the channel's defaults."""
    return tuple(
        FormField(
            name=slot.name,
            widget=Widget.MULTILINE if slot.arg.rest else slot.kind.widget,
            label="Environment" if slot.type is EnvName else slot.name.replace("_", " ").capitalize(),
            required=slot.is_required,
            initial=filled.get(
                slot.name, "" if slot.default in (dataclasses.MISSING, None) else slot.format(slot.default)
            ),
            hint="" if slot.type is EnvName else slot.arg.help,
            options=tuple(slot.type) if isinstance(slot.type, type) and issubclass(slot.type, StrEnum) else (),
        )
        for slot in shape.slots
    )


def partial(shape: Shape, line: str) -> dict[str, str]:
    """What an incomplete line says already, as text by name: to fill a form. Never raises."""
    given: dict[str, str] = {}
    places = list(shape.positional)
    words = list(_TOKEN.findall(line))
    while words:
        token = words.pop(0)
        slot, value = _named(shape, token, words, (), lambda _: True)
        if slot is None and places:
            slot, value = places.pop(0), _bare(token)
        if slot is not None:
            given.setdefault(slot.name, value)
    return given


def audit_fields(shape: Shape, params: object) -> dict[str, str]:
    """What the record keeps of the parameters: all but secrets, as they are typed."""
    return {
        slot.name: slot.format(value)
        for slot in shape.slots
        if slot.type is not Secret and (value := getattr(params, slot.name)) is not None
    }


def take_share(words: str) -> tuple[str, bool]:
    """The line without `--share`, which every command that reads takes; and whether it was there."""
    kept = [word for word in words.split(" ") if word != SHARE]
    return " ".join(kept), SHARE in words.split(" ")
