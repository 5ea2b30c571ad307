"""Who goes next: one lane, in which one works for all who wait, and a turnstile, through which all go in turn.

Group commit: the first caller that finds nobody at work does the work of all who have come meanwhile.
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


class Attempt(Generic[R]):
    """Keeps what was raised inside, to be raised where it belongs: whoever works here works for other callers, too.

    The only place of this package that catches everything; nothing is swallowed. What ends a thread goes through.
    """

    __slots__ = ("error", "result")

    def __init__(self) -> None:
        self.result: R | None = None
        self.error: Exception | None = None

    def __enter__(self) -> Attempt[R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        return True


class Ticket(Generic[T, R]):
    __slots__ = ("_outcome", "_signal", "item")

    def __init__(self, item: T) -> None:
        self.item = item
        self._outcome: Attempt[R] | None = None
        self._signal = threading.Lock()
        self._signal.acquire()

    @property
    def is_done(self) -> bool:
        return self._outcome is not None

    def give(self, result: R) -> None:
        self._outcome = Attempt()
        self._outcome.result = result

    def fail(self, error: Exception) -> None:
        self._outcome = Attempt()
        self._outcome.error = error

    def settle(self, attempt: Attempt[R]) -> None:
        self._outcome = attempt

    def wake(self) -> None:
        self._signal.release()

    def wait(self) -> None:
        self._signal.acquire()

    def outcome(self) -> R:
        assert self._outcome is not None
        if self._outcome.error is not None:
            raise self._outcome.error
        return self._outcome.result  # type: ignore[return-value]


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


class Turnstile:
    """So many at once, the longest waiting first. A plain semaphore lets whoever runs just now in again and again."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[threading.Lock] = deque()
        self._guard = threading.Lock()

    def enter(self, *, timeout: float) -> bool:
        with self._guard:
            if self._free and not self._waiting:
                self._free -= 1
                return True
            own = threading.Lock()
            own.acquire()
            self._waiting.append(own)
        if own.acquire(timeout=timeout):
            return True
        with self._guard:
            if own in self._waiting:
                self._waiting.remove(own)
                return False
        # Let in between the end of the wait and here.
        return True

    def leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
