"""Group commit: the first caller that finds nobody at work does the work of all who have come meanwhile.

Knows nothing of databases. Callers wait for their own ticket; the one who finishes hands over to the next in the queue
before it wakes the others, so that the disk is never idle while anybody waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LIMIT = 256


class Ticket(Generic[T, R]):
    __slots__ = ("_signal", "error", "is_done", "item", "result")

    def __init__(self, item: T) -> None:
        self.item = item
        self.is_done = False
        self.result: R | None = None
        self.error: BaseException | None = None
        self._signal = threading.Lock()
        self._signal.acquire()

    def give(self, result: R) -> None:
        self.result, self.error, self.is_done = result, None, True

    def fail(self, error: BaseException) -> None:
        self.error, self.is_done = error, True

    def wake(self) -> None:
        self._signal.release()

    def wait(self) -> None:
        self._signal.acquire()

    def outcome(self) -> R:
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Interrupted(Exception):
    """The one who worked for all was stopped; whether the work was done is not known."""


class Lane(Generic[T, R]):
    def __init__(self, work: Callable[[Sequence[Ticket[T, R]]], None], *, limit: int = LIMIT) -> None:
        """`work` settles every ticket that it is given."""
        self._work = work
        self._limit = limit
        self._queue: deque[Ticket[T, R]] = deque()
        self._guard = threading.Lock()
        self._is_busy = False
        self._worker: int | None = None

    def put(self, item: T) -> R:
        if self._worker == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction: it would wait for itself")
        ticket: Ticket[T, R] = Ticket(item)
        with self._guard:
            self._queue.append(ticket)
            leads = not self._is_busy
            self._is_busy = True
        if not leads:
            ticket.wait()
        if not ticket.is_done:
            self._lead(ticket)
        return ticket.outcome()

    def _lead(self, own: Ticket[T, R]) -> None:
        with self._guard:
            count = min(len(self._queue), self._limit)
            batch = [self._queue.popleft() for _ in range(count)]
        self._worker = threading.get_ident()
        try:
            self._work(batch)
        finally:
            self._worker = None
            for ticket in batch:
                if not ticket.is_done:
                    ticket.fail(Interrupted())
            self._hand_over()
            for ticket in batch:
                if ticket is not own:
                    ticket.wake()

    def _hand_over(self) -> None:
        with self._guard:
            following = self._queue[0] if self._queue else None
            self._is_busy = following is not None
        if following is not None:
            following.wake()
