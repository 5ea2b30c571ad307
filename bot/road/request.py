"""What comes onto the road and what comes off it: the same for typed, clicked, mentioned, scheduled and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.errors import PilothouseError
from bot.domain.forms import Form
from bot.domain.operation import Operation, Place
from bot.domain.refs import Principal
from bot.domain.reply import Reply
from bot.domain.schedules import Run
from bot.ports.people import Identity


class Origin(StrEnum):
    TYPED = "typed"
    CLICKED = "clicked"
    SUBMITTED = "submitted"
    MENTIONED = "mentioned"
    SHORTCUT = "shortcut"
    SCHEDULED = "scheduled"
    TERMINAL = "terminal"
    ALERT = "alert"
    """An alert's thread, filled by read commands of the service principal."""
    REFRESHED = "refreshed"
    """A Home tab drawn anew because something changed: nobody asked, so it is authorised but not recorded."""


@dataclass(frozen=True, slots=True)
class Request:
    origin: Origin
    identity: Identity
    line: str
    place: Place
    values: Mapping[str, str] = field(default_factory=dict)
    """Of a submitted form, by name of parameter: `line` is then the command's name alone."""
    inbox: int | None = None
    """The row in which it was stored before it was acknowledged."""
    private: Place | None = None
    """Where the asker alone reads; None: there is no such place."""
    wants_form: bool = False
    """A button that opens the command's form, filled with what its line says already."""
    principal: Principal | None = None
    """Set for requests of the bot itself (alerts) only, never from outside."""
    run: Run | None = None
    """Of a schedule: the due time that this is."""

    @property
    def of_schedule(self) -> dict[str, str]:
        """For the record."""
        return {"schedule": self.run.name, "due": self.run.due.isoformat()} if self.run else {}


@dataclass(frozen=True, slots=True)
class Answered:
    reply: Reply
    is_shared: bool = False
    """`--share`: shown to everybody in the place."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A draft: shown to the asker alone, who may ask for it."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Started:
    """Asked for: its card is on its way to the place."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Signalled:
    operation: Operation


@dataclass(frozen=True, slots=True)
class Asks:
    """A verb without arguments: the edge shows the command's form."""

    form: Form


@dataclass(frozen=True, slots=True)
class Refused:
    error: PilothouseError
    record: int
    """The audit record's number; 0 where it could not be written."""


@dataclass(frozen=True, slots=True)
class Crashed:
    reference: str


Outcome = Answered | Proposed | Started | Signalled | Asks | Refused | Crashed
