"""What is tried: sixteen crash points, nine kinds of operation, four faults; and what each kind should have done.

Values only. A cell's details (which hit of a point, how a reply is lost) are drawn from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    KILL = "kill"
    TERM = "term"
    STOP = "stop"
    """Stands still until after the lease."""
    LOST = "lost"
    """Nothing happens to the process; a reply to it, or its own, is lost."""


DEEDS = {Fault.KILL: "exit", Fault.TERM: "term", Fault.STOP: "stop"}
POINTS = tuple(f"CP{number}" for number in range(1, 17))


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    line: str
    acts: int
    """Steps that act, and so hits of CP10 to CP12."""
    effects: tuple[str, ...]
    """What has to be applied at the target, once each, when it is done: verb and name of the object."""
    outcome: str = "done"
    signal: str = ""
    """Given once the canary holds."""
    has_votes: bool = True
    builds: int = 0
    """How often something is started at Jenkins, when it is done. Where that cannot be known, a person is asked."""


WEB, CANARY, SERVICE = "deployments/web", "deployments/web-canary", "services/web"
KINDS = (
    Kind("deploy", "deploy web@1.2.0 to prod", 4, (f"PATCH {WEB}",)),
    Kind("rollback", "rollback web to prod", 2, (f"PATCH {WEB}",)),
    Kind("scale", "scale web 5 to prod", 1, (f"PATCH {WEB}",)),
    Kind("autoscale", "autoscale sized 2..8 to prod", 1, ("PATCH horizontalpodautoscalers/sized",)),
    Kind("restart", "restart web to prod", 1, (f"PATCH {WEB}",)),
    Kind(
        "promote",
        "canary web@1.2.0 25 to prod",
        8,
        (f"PATCH {WEB}", f"PATCH {SERVICE}", f"POST {CANARY}", f"PATCH {WEB}", f"DELETE {CANARY}"),
        signal="promote",
    ),
    Kind(
        "abort",
        "canary web@1.2.0 25 to prod",
        5,
        (
            f"PATCH {WEB}",
            f"PATCH {SERVICE}",
            f"POST {CANARY}",
            f"DELETE {CANARY}",
            f"PATCH {SERVICE}",
            f"PATCH {WEB}",
        ),
        outcome="undone",
        signal="abort",
    ),
    Kind("lock", "lock web to prod until the sale is over", 1, ()),
    Kind("build", "build web@1.2.0", 1, (), has_votes=False, builds=1),
)


@dataclass(frozen=True, slots=True)
class Cell:
    point: str
    kind: Kind
    fault: Fault
    hit: int
    """Of the point, from 1."""
    lost: str
    """How a reply is lost: before, after, delay, duplicate or, at Jenkins, late."""
    pause: float
    """Seconds until a process that ended is started again."""

    @property
    def name(self) -> str:
        return f"{self.point}-{self.kind.name}-{self.fault}"


def drawn(point: str, kind: Kind, fault: Fault, seed: int, round: int) -> Cell:
    chance = random.Random(f"{seed}/{round}/{point}/{kind.name}/{fault}")
    return Cell(
        point=point,
        kind=kind,
        fault=fault,
        hit=chance.randint(1, _hits(point, kind)),
        # A start that the network itself doubles is one that Jenkins cannot tell from two.
        lost=chance.choice(("before", "after", "delay", "late" if kind.builds else "duplicate")),
        pause=chance.choice((0.1, 0.5, 1.5)),
    )


def _hits(point: str, kind: Kind) -> int:
    number = int(point[2:])
    if number <= 3:
        # A build is asked for with one request: no draft, no vote.
        return 1 if kind.builds else 2 if kind.name == "lock" else 3
    if 10 <= number <= 12:
        return kind.acts
    return 1


def matrix(seed: int, *, rounds: int = 1) -> Iterator[tuple[int, Cell]]:
    for round in range(rounds):
        for point in POINTS:
            for kind in KINDS:
                for fault in Fault:
                    yield round, drawn(point, kind, fault, seed, round)
