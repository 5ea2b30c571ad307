"""How a terminal reaches the bot: over the local socket of a running one, or in this very process where none runs.

Carries questions and answers and understands neither. Prints nothing.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from bot.domain.clock import Clock
from bot.domain.errors import PilothouseError
from bot.domain.refs import OperationId
from bot.domain.reply import text
from bot.road.answers import Answer
from bot.terminal import wire
from bot.terminal.address import address
from bot.terminal.service import Ask, Card, Cards, Handle, Kind, TerminalService
from bot.terminal.wire import Problem, WireError

_BUSY = timedelta(seconds=3)
"""How long a bot that is asked by too many at once is asked again."""
_BUSY_PAUSE = timedelta(milliseconds=100)


class Unreachable(PilothouseError):
    """No bot answers. A look can be tried again; of a line, `what` says whether it may have been taken."""

    code = "unreachable"


class Busy(Unreachable):
    """Certainly not taken: it can be asked again."""

    code = "busy"


class NotTaken(PilothouseError):
    """The question never came onto the road."""

    code = "not-taken"


class Exchange(Protocol):
    @property
    def is_alone(self) -> bool:
        """No bot runs: operations go on only while this process looks at them."""
        ...

    def ask(self, line: str, *, values: Mapping[str, str] | None = None) -> Answer:
        """With `values`, `line` is a command's name and they are what its form holds. Raises Unreachable, NotTaken."""
        ...

    def look(self, id: OperationId) -> Card | Answer:
        """The Answer of a look that is refused. Raises Unreachable, NotTaken."""
        ...


class LocalExchange:
    """In-process. `turn` lets the engine do what is due, once; it is called before every look."""

    def __init__(self, user: str, handle: Handle, card: Cards, turn: Callable[[], None]) -> None:
        self._user = user
        self._service = TerminalService(handle, card)
        self._turn = turn

    @property
    def is_alone(self) -> bool:
        return True

    def ask(self, line: str, *, values: Mapping[str, str] | None = None) -> Answer:
        return self._service.ask(Ask(self._user, line, Kind.LINE if values is None else Kind.FORM, dict(values or {})))

    def look(self, id: OperationId) -> Card | Answer:
        self._turn()
        return self._service.look(self._user, id)


class SocketExchange:
    """`patience`: for one answer; planning asks clusters, so it is longer than their time-outs."""

    def __init__(self, path: Path, *, clock: Clock, patience: timedelta = timedelta(seconds=90)) -> None:
        self._path = path
        self._clock = clock
        self._patience = patience

    @property
    def is_alone(self) -> bool:
        return False

    def ask(self, line: str, *, values: Mapping[str, str] | None = None) -> Answer:
        kind = Kind.LINE if values is None else Kind.FORM
        answer = self._trade(lambda: wire.dump_ask(line, kind, dict(values or {})))
        if isinstance(answer, Card):
            raise NotTaken(text("The bot answered something else than it was asked."))
        return answer

    def look(self, id: OperationId) -> Card | Answer:
        return self._trade(lambda: wire.dump_look(id))

    def _trade(self, question: Callable[[], bytes]) -> Card | Answer:
        until = self._clock.elapsed() + _BUSY.total_seconds()
        while True:
            try:
                return self._trade_once(question)
            except Busy:
                if self._clock.elapsed() >= until:
                    raise
                self._clock.sleep(_BUSY_PAUSE.total_seconds())

    def _trade_once(self, question: Callable[[], bytes]) -> Card | Answer:
        try:
            answer = wire.load_answer(self._carry(question()))
        except WireError as bad:
            raise NotTaken(text("{what}", what=str(bad))) from bad
        match answer:
            case Problem(code="busy", words=words):
                raise Busy(text("{words}", words=words))
            case Problem(words=words):
                raise NotTaken(text("{words}", words=words))
            case _:
                return answer

    def _carry(self, question: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            self._connect(connection)
            # A bot that turns us away answers before it has read everything: the answer counts, not the broken pipe.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(question)
            return self._answer(connection)

    def _connect(self, connection: socket.socket) -> None:
        connection.settimeout(self._patience.total_seconds())
        try:
            with address(self._path) as where:
                connection.connect(where)
        except PermissionError as bad:
            raise Unreachable(
                text("You may not talk to the bot."),
                why=text("Its socket {path} is closed to your user.", path=str(self._path)),
                next=text("Ask whoever runs it to add you to the socket's group."),
            ) from bad
        except BlockingIOError as bad:
            raise Busy(text("Too many terminals ask at once. Try again in a moment.")) from bad
        except OSError as bad:
            raise Unreachable(
                text("No bot answers here."),
                why=text("Nobody listens at {path}.", path=str(self._path)),
                next=text("Start it, or name the settings of the one that runs."),
            ) from bad

    def _answer(self, connection: socket.socket) -> bytes:
        until = self._clock.elapsed() + self._patience.total_seconds()
        line = bytearray()
        while b"\n" not in line and len(line) <= wire.ANSWER_LIMIT:
            try:
                connection.settimeout(max(0.001, until - self._clock.elapsed()))
                part = connection.recv(256 * 1024)
            except OSError as bad:
                raise _lost() from bad
            if not part:
                raise _lost()
            line += part
        return bytes(line)


def _lost() -> Unreachable:
    return Unreachable(
        text("The bot gave no answer."),
        why=text("The connection ended, or it took too long."),
        next=text("What you asked may have been taken all the same: `status` shows your operations."),
    )
