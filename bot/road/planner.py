"""Plans a stored operation anew from its own command line: what the engine compares before the first write."""

from __future__ import annotations

from bot.command import AnyCommand, Changes
from bot.domain.operation import Operation
from bot.ports.world import World
from bot.road.catalogue import Catalogue
from bot.road.params import parse
from bot.steps.step import Plan


class Replanner:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def command(self, op: Operation) -> AnyCommand:
        return self._catalogue.shapes[op.kind].command

    def plan(self, op: Operation, world: World) -> Plan:
        shape, words = self._catalogue.find(op.line)
        does = shape.command.does
        assert isinstance(does, Changes)
        envs = frozenset(str(env) for env in world.apps.envs())
        plan: Plan = does.plan(parse(shape, words, defaults={}, is_env=envs.__contains__), world)
        return plan
