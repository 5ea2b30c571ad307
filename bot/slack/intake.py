"""Storing a request within Slack's limit: whoever waits for a database that does not answer is told so in time.

One thread stores for all who wait, so that no listener hangs on the database and one commit serves many. What is stored
after all, once its asker was refused, is worked on by nobody: it is recorded as not done, like what a restart leaves
over. May not be used for alerts, which are kept however long it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from bot.domain.errors import Unavailable
from bot.domain.reply import text
from bot.ports.store import Arrival

PATIENCE = 1.5
"""Seconds. Slack gives up after three, and the answer has to get there."""
AFTERWARDS = 0.2
"""Seconds for those who come after one who waited in vain, until one gets through: they stand in the same queue."""
LIMIT = 256
"""Of one commit."""

Accept = Callable[[Sequence[Arrival]], Sequence[int | None]]


class _Batch:
    """Who comes until the thread is free. Each waits for a lock of its own, which is released once all are stored."""

    __slots__ = ("arrivals", "locks", "stored")

    def __init__(self) -> None:
        self.arrivals: list[Arrival | None] = []
        """None: left before it was its turn."""
        self.locks: list[threading.Lock] = []
        self.stored: Future[list[int | None]] = Future()

    def join(self, arrival: Arrival) -> tuple[int, threading.Lock]:
        lock = threading.Lock()
        lock.acquire()
        self.arrivals.append(arrival)
        self.locks.append(lock)
        return len(self.locks) - 1, lock

    def wake(self, _: Future[list[int | None]]) -> None:
        for lock in self.locks:
            lock.release()


class Intake:
    def __init__(self, accept: Accept, *, patience: float = PATIENCE) -> None:
        self._accept = accept
        self._patience = patience
        self._is_stuck = False
        self._guard = threading.Lock()
        self._open: _Batch | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="slack-intake")

    def accept(self, arrival: Arrival) -> int | None:
        """Durable when it returns; None: known already. Raises Unavailable, also where it takes too long."""
        batch, place, lock = self._join(arrival)
        if lock.acquire(timeout=min(AFTERWARDS, self._patience) if self._is_stuck else self._patience):
            return batch.stored.result()[place]
        with self._guard:
            batch.arrivals[place] = None
        self._is_stuck = True
        raise Unavailable("database", text("The database does not answer in time."))

    def _join(self, arrival: Arrival) -> tuple[_Batch, int, threading.Lock]:
        with self._guard:
            batch = self._open
            if batch is None or len(batch.arrivals) == LIMIT:
                batch = _Batch()
                try:
                    batch.stored = self._pool.submit(self._store, batch)
                except RuntimeError as stopped:
                    raise Unavailable("database", text("The bot is stopping.")) from stopped
                batch.stored.add_done_callback(batch.wake)
                self._open = batch
            return batch, *batch.join(arrival)

    def _store(self, batch: _Batch) -> list[int | None]:
        with self._guard:
            if self._open is batch:
                self._open = None
            waiting = [(place, arrival) for place, arrival in enumerate(batch.arrivals) if arrival is not None]
        found: list[int | None] = [None] * len(batch.locks)
        if waiting:
            rows = self._accept([arrival for _, arrival in waiting])
            for (place, _), row in zip(waiting, rows, strict=True):
                found[place] = row
        self._is_stuck = False
        return found

    def stop(self) -> None:
        """Waits for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
