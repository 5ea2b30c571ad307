"""What the terminal offers, whoever carries the words: ask a line, look at an operation.

Everything asked takes the road (`handle`); an operation's card is shown to those to whom the road has just named it, and
to those whom the road lets read its plan. So there is no way around permissions here, and no permission is checked here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Paragraph, Reply, text
from bot.road.answers import Answer

_REMEMBERED = 2000


class Kind(StrEnum):
    LINE = "line"
    FORM = "form"
    """`line` is a command's name, and `values` are what its form was filled with."""


@dataclass(frozen=True, slots=True)
class Ask:
    user: str
    """Of the operating system: found by the kernel, never said by the client."""
    line: str
    kind: Kind = Kind.LINE
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """An operation as it stands now."""

    reply: Reply
    phase: Phase


Handle = Callable[[Ask], Answer]
"""Takes the road; never raises for what a command does."""
Cards = Callable[[OperationId], Card | None]


class TerminalService:
    def __init__(self, handle: Handle, card: Cards) -> None:
        self._handle = handle
        self._card = card
        self._named: OrderedDict[tuple[str, OperationId], None] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, ask: Ask) -> Answer:
        answer = self._handle(ask)
        if answer.operation is not None and not answer.is_error:
            self._remember(ask.user, answer.operation)
        return answer

    def look(self, user: str, id: OperationId) -> Card | Answer:
        """The Answer of a look that is refused."""
        if not self._is_named(user, id):
            answer = self._handle(Ask(user, f"plan {id}"))
            if answer.is_error:
                return answer
            self._remember(user, id)
        card = self._card(id)
        if card is None:
            return Answer(Reply(None, (Paragraph(text("There is no operation {id}.", id=id)),)), is_error=True)
        return card

    def _is_named(self, user: str, id: OperationId) -> bool:
        with self._lock:
            return (user, id) in self._named

    def _remember(self, user: str, id: OperationId) -> None:
        with self._lock:
            self._named[user, id] = None
            while len(self._named) > _REMEMBERED:
                self._named.popitem(last=False)
