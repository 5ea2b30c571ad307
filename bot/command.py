"""What a command is: a value. With steps, ports and domain the only thing that commands/ may import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeAlias, TypeVar

from bot.domain.operation import SignalKind
from bot.domain.refs import OperationId
from bot.domain.reply import Reply
from bot.ports.world import World
from bot.steps.step import Plan

P = TypeVar("P")

# Without slots: a slotted frozen generic cannot be made as `Signals[Ask](...)` on Python 3.11.


class Risk(IntEnum):
    """Of a change. LOW starts at once where no approval is needed; HIGH is shown as a private plan first."""

    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class Arg:
    """How a parameter is typed and shown; goes in Annotated[...]."""

    help: str
    word: str = ""
    """The preposition that introduces it: "to" -> `to prod`; to, in and on are one."""
    rest: bool = False
    """Takes every remaining word."""
    positional: bool = False
    """May be typed without its name although it is optional; a required one without a word always may."""
    example: str = ""


@dataclass(frozen=True)
class Answers(Generic[P]):
    """It reads."""

    call: Callable[[P, World], Reply]


@dataclass(frozen=True)
class Changes(Generic[P]):
    """It plans; the engine does it."""

    plan: Callable[[P, World], Plan]
    risk: Risk = Risk.HIGH
    is_asked: Callable[[P], bool] = lambda _: False
    """The asker wants it as it is planned, unseen: it starts, or asks for the votes that it needs, at once."""
    seen_first: Callable[[P], P] = lambda params: params
    """The same, planned and shown before it starts: what `is_asked` skips."""
    is_private: bool = False
    """Its card is for those who asked: in the thread where it was asked, else where only the asker reads it."""
    is_quiet: bool = False
    """The same where there is such a place: what it changes is seen elsewhere."""
    ends_as: tuple[str, str] | None = None
    """The command (its name and permission) whose end it may come to, without being asked again: it needs at least the
    votes that this one would need."""


@dataclass(frozen=True)
class Signals(Generic[P]):
    """It steers an operation that exists; takes no hold, so that a busy target cannot refuse an abort."""

    find: Callable[[P, World], OperationId]
    kind: SignalKind
    instead: Callable[[P], SignalKind | None] = lambda _: None
    """Another kind, where its parameters say so."""
    words: Callable[[P], str] = lambda _: ""
    """The reason that goes with the signal."""
    seen: Callable[[P], str] = lambda _: ""
    """The start of the plan hash that the person saw; empty: the operation's own."""
    at_step: Callable[[P], int | None] = lambda _: None
    """The step that the person saw; None: where the operation stands."""


@dataclass(frozen=True)
class Command(Generic[P]):
    """One declaration: parser, usage, help, form, manifest, docs and audit fields derive from it."""

    name: str
    """One or two words: `canary`, `audit search`."""
    summary: str
    params: type[P]
    """A frozen dataclass whose fields are Annotated[type, Arg(...)]."""
    permission: str
    """`workloads:deploy`; also the audit action."""
    does: Answers[P] | Changes[P] | Signals[P]
    slash: bool = False
    """Has a slash command of its own."""
    example: str = ""


AnyCommand: TypeAlias = Command[Any]
