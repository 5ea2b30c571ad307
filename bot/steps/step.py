"""What a change is made of: a Plan is data, made of Steps that carry their own verbs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.domain.operation import Progress, StepFacts
from bot.domain.refs import ObjectRef
from bot.domain.reply import Button, Confirm, Fact, Text
from bot.domain.workloads import Mark
from bot.ports.world import Hands, World


class Step(Protocol):
    """A frozen dataclass: data plus verbs. `observe` only reads; `act` is idempotent and leaves the mark."""

    def describe(self) -> Text: ...

    def targets(self) -> tuple[ObjectRef, ...]:
        """Objects that `act` writes: a take-over stamps them first."""
        ...

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        """`held`: since the operation came to this step."""
        ...

    def act(self, hands: Hands, mark: Mark) -> None: ...


@dataclass(frozen=True, slots=True)
class Planned:
    do: Step
    undo: Step | None = None
    deadline: timedelta = timedelta(minutes=10)
    undo_deadline: timedelta = timedelta(minutes=10)
    no_return: bool = False

    def facts(self) -> StepFacts:
        return StepFacts(self.deadline, self.undo is not None, self.undo_deadline, self.no_return)


@dataclass(frozen=True, slots=True)
class Face:
    """How an operation is shown. Not hashed: people approve what runs, not sentences."""

    title: Text
    """`deploy *web* 1.8.2 to *prod*`: follows the state word."""
    asks: Text
    """`deploy *web* 1.8.1 → *1.8.2* to *prod*`: follows "ana asks to"."""
    done: Text
    """`*web* 1.8.2 is live on *prod*`."""
    undone: Text
    """`*web* on *prod* is on 1.8.1 again`."""
    fallback: Text
    """What happens by itself when it goes wrong."""
    go: Text = Text("Go on")
    """The label of the button that starts it where nobody has to approve: `Deploy`."""
    is_red: bool = False
    """That button takes something away."""
    instead: Button | None = None
    """On the private plan: another way to what is wanted."""
    warnings: tuple[Text, ...] = ()
    """Risky lines, the riskiest first."""
    facts: tuple[Fact, ...] = ()
    diff: str = ""
    """Everything that changes, for the full plan."""
    stop: Confirm | None = None
    """What stopping it half-way means; None: it cannot be stopped."""
    running: tuple[Button, ...] = ()
    after: tuple[Button, ...] = ()
    """Buttons of the finished card."""
    failed: tuple[Button, ...] = ()
    kind: str = "plain"
    """`canary` draws its step bar."""
    subject: Text | None = None
    """Of a canary's card, whose state word says the rest: `web 1.8.2 on prod`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A deterministic function of parameters and world: no clock, no operation id, no resourceVersion in it."""

    face: Face
    steps: tuple[Planned, ...]
    holds: tuple[str, ...] = ()
    """`web/prod`: what the operation owns while it runs."""
    pods: int = 0
    """Blast radius: how many pods are replaced or removed."""
    share: int = 0
    """And which percentage of the app's pods that is."""
    extra: dict[str, str] = field(default_factory=dict)
    """Facts for the audit record (version from, to)."""
    takes_over: str = ""
    """The operation whose holds and objects it goes on with, from its step `TakeOver` on."""
