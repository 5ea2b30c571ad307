"""The running bot's local socket: one question, one answer, one connection each.

Who asks is the peer's user by the kernel's word. Everything is bounded: connections (in all and by user, so that one
person cannot shut out the others), sizes, and the time to read and to write. Decides nothing about what is asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import structlog

from bot.domain.clock import Clock
from bot.domain.refs import operation_id
from bot.terminal import wire
from bot.terminal.address import address
from bot.terminal.people import name_of, peer_uid
from bot.terminal.service import Ask, Cards, Handle, TerminalService
from bot.terminal.wire import AskMessage, LookMessage, WireError

log = structlog.get_logger(__name__)

_BACKLOG = 128
"""Connections are taken at once, to be served or to be told that there are too many."""


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int = 32
    per_user: int = 8
    read: timedelta = timedelta(seconds=5)
    write: timedelta = timedelta(seconds=10)
    grace: timedelta = timedelta(seconds=10)
    """How long `close` waits for answers that are being made."""


class TerminalServer:
    """`mode` and `group` of the socket say who may connect at all: by default the bot's own user and group."""

    def __init__(
        self,
        path: Path,
        handle: Handle,
        card: Cards,
        *,
        clock: Clock,
        limits: Limits = Limits(),
        mode: int = 0o660,
        group: int | None = None,
        user_of: Callable[[int], str | None] = name_of,
    ) -> None:
        self._path = path
        self._service = TerminalService(handle, card)
        self._clock = clock
        self._limits = limits
        self._mode = mode
        self._group = group
        self._user_of = user_of
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, int] = {}
        self._is_closing = threading.Event()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._inode = 0

    def __enter__(self) -> TerminalServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Raises OSError: EADDRINUSE where another bot answers there, EEXIST where something else stands there."""
        _clear(self._path)
        self._listener = self._listen()
        self._acceptor = threading.Thread(
            target=self._accept, args=(self._listener,), name="terminal-accept", daemon=True
        )
        self._acceptor.start()

    def close(self) -> None:
        """Takes no more questions, and waits for the answers under way."""
        if self._listener is None or self._acceptor is None or self._is_closing.is_set():
            return
        self._is_closing.set()
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        until = self._clock.elapsed() + self._limits.grace.total_seconds()
        for thread in self._running():
            thread.join(max(0.0, until - self._clock.elapsed()))

    def _running(self) -> tuple[threading.Thread, ...]:
        with self._lock:
            return tuple(self._threads)

    def _listen(self) -> socket.socket:
        """Bound in a folder of our own and moved into place, so that it never stands there with wider rights."""
        folder = Path(tempfile.mkdtemp(prefix=".terminal-", dir=self._path.parent))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made = folder / "s"
            with address(made) as where:
                listener.bind(where)
            if self._group is not None:
                os.chown(made, -1, self._group)
            made.chmod(self._mode)
            listener.listen(_BACKLOG)
            self._inode = made.lstat().st_ino
            made.replace(self._path)
        except OSError:
            listener.close()
            (folder / "s").unlink(missing_ok=True)
            raise
        finally:
            folder.rmdir()
        return listener

    # --- connections --------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while not self._is_closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError as bad:
                if self._is_closing.is_set():
                    return
                log.warning("the terminal's socket accepts nobody", error=errno.errorcode.get(bad.errno or 0, "?"))
                self._clock.sleep(0.2)
                continue
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        try:
            uid = peer_uid(connection)
        except OSError:
            connection.close()
            return
        thread = threading.Thread(target=self._serve, args=(connection, uid), name="terminal", daemon=True)
        with self._lock:
            users = Counter(self._threads.values())
            is_admitted = len(self._threads) < self._limits.connections and users[uid] < self._limits.per_user
            if is_admitted:
                self._threads[thread] = uid
        if is_admitted:
            thread.start()
            return
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send(wire.problem("busy", "Too many terminals ask at once. Try again in a moment."))

    def _serve(self, connection: socket.socket, uid: int) -> None:
        try:
            with connection:
                self._converse(connection, uid)
        finally:
            with self._lock:
                self._threads.pop(threading.current_thread(), None)

    def _converse(self, connection: socket.socket, uid: int) -> None:
        user = self._user_of(uid)
        if user is None:
            answer = wire.problem("unknown-user", f"The operating system has no user with the number {uid}.")
        else:
            line = self._read(connection)
            if line is None:
                return
            answer = self._answer(user, line)
        try:
            connection.settimeout(self._limits.write.total_seconds())
            connection.sendall(answer)
        except OSError:
            log.info("a terminal went away before its answer", user=user)

    def _answer(self, user: str, line: bytes) -> bytes:
        try:
            asked = wire.load_question(line)
        except WireError as bad:
            return wire.problem("bad-question", str(bad))
        match asked:
            case AskMessage():
                ask = Ask(user, asked.line, asked.kind, asked.values)
                return wire.dump_answer(self._service.ask(ask))
            case LookMessage():
                return wire.dump_answer(self._service.look(user, operation_id(asked.operation)))

    def _read(self, connection: socket.socket) -> bytes | None:
        """One line, or as much of it as shows that it is too long. None: it did not come in time, or not whole."""
        until = self._clock.elapsed() + self._limits.read.total_seconds()
        line = bytearray()
        while b"\n" not in line and len(line) <= wire.QUESTION_LIMIT:
            left = until - self._clock.elapsed()
            if left <= 0:
                return None
            try:
                connection.settimeout(left)
                part = connection.recv(16 * 1024)
            except OSError:
                return None
            if not part:
                return None
            line += part
        return bytes(line)


def _clear(path: Path) -> None:
    """Removes nothing: a stale socket is replaced later. The data folder's lock keeps two bots from racing here."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "this is no socket", str(path))
    if is_served(path):
        raise OSError(errno.EADDRINUSE, "another bot answers here", str(path))


def is_served(path: Path) -> bool:
    """Somebody listens there, whether or not they would talk to us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            with address(path) as where:
                probe.connect(where)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # not for us to see (EACCES), or too busy (EAGAIN)
        return True
