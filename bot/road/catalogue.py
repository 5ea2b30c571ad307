"""The literal catalogue made searchable: by name, by prefix of a line, by nearness. Collisions are found at start-up."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from bot.command import AnyCommand, Changes
from bot.domain.errors import UnknownName
from bot.domain.reply import Button, text
from bot.ports.world import HelpLine
from bot.road.params import Shape, usage


class Catalogue:
    def __init__(self, commands: Iterable[AnyCommand]) -> None:
        self.commands = tuple(commands)
        self.shapes = {command.name: Shape(command) for command in self.commands}
        if len(self.shapes) != len(self.commands):
            names = [command.name for command in self.commands]
            raise ValueError(f"two commands have one name: {sorted({n for n in names if names.count(n) > 1})}")

    def find(self, line: str) -> tuple[Shape, str]:
        """The command that a line begins with, and the rest of the line. Raises UnknownName with the nearest verbs."""
        words = line.split(maxsplit=2)
        for count in (2, 1):
            name = " ".join(words[:count]).lower()
            if len(words) >= count and (shape := self.shapes.get(name)):
                return shape, line.split(maxsplit=count)[count] if len(words) > count else ""
        verb = words[0] if words else ""
        rest = line.split(maxsplit=1)[1] if len(words) > 1 else ""
        families = sorted({name for name in self.shapes if name.split()[0] == verb.lower()})
        near = nearest(verb, families or [shape.command.name for shape in self.shapes.values()])
        raise UnknownName(
            text("There is no command {verb}.", verb=verb[:80]),
            nearest=tuple(families) or near,
            next=text("Write `help` to see what you may run."),
            buttons=tuple(
                Button(text("{name}", name=name), f"{name} {rest}".strip()) for name in (tuple(families) or near)[:3]
            ),
        )

    def help_lines(self, is_allowed: Iterable[str]) -> tuple[HelpLine, ...]:
        """Of the commands with these permissions, in catalogue order."""
        allowed = frozenset(is_allowed)
        return tuple(help_line(self.shapes[c.name]) for c in self.commands if c.permission in allowed)


def help_line(shape: Shape) -> HelpLine:
    command = shape.command
    return HelpLine(
        name=command.name,
        summary=command.summary,
        usage=usage(shape),
        example=command.example or usage(shape),
        is_change=isinstance(command.does, Changes),
        parameters=tuple((slot.name, slot.arg.help) for slot in shape.slots),
    )


def nearest(word: str, among: Iterable[str]) -> tuple[str, ...]:
    """At most three close names, best first."""
    return tuple(difflib.get_close_matches(word.lower(), list(among), n=3, cutoff=0.5))
