"""A deadline for a database that took our words and never answers: libpq would wait for ever.

The server's own time-outs do not help when the server itself stands still, and its kernel goes on acknowledging. So one
thread shuts the socket of whoever has waited too long; the one who waits then gets an error like any other.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

from bot.domain.clock import Clock

_LOOK_EVERY = 0.5
"""Seconds."""


class Watch:
    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._guard = threading.Lock()
        self._watched: dict[int, float] = {}
        self._stopped = threading.Event()
        threading.Thread(target=self._look, name="database-deadlines", daemon=True).start()

    @contextlib.contextmanager
    def over(self, fileno: int) -> Iterator[None]:
        with self._guard:
            self._watched[fileno] = self._clock.elapsed() + self._seconds
        try:
            yield
        finally:
            # Before anybody can close it: the number may then be another socket's.
            with self._guard:
                self._watched.pop(fileno, None)

    def stop(self) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY):
            now = self._clock.elapsed()
            with self._guard:
                late = [fileno for fileno, deadline in self._watched.items() if deadline < now]
                for fileno in late:
                    del self._watched[fileno]
                    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fileno)) as copy:
                        copy.shutdown(socket.SHUT_RDWR)
