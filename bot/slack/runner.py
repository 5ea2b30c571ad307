"""Where the work goes once Slack has its acknowledgement: a few threads and a short queue. What has no room is refused.

One of the three places that catch everything: a bug in one request must not end the thread that works for all.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Task:
    work: Work
    crashed: Callable[[str], None] | None = None
    """Told the reference under which a crash was logged, so that somebody can be told."""


class Runner:
    def __init__(self, *, name: str, threads: int = 8, waiting: int = 64) -> None:
        self._queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._count = threads + waiting
        self._is_stopping = False
        self._ended = 0
        self._leaving = threading.Condition()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def reserve(self) -> bool:
        """A place in the queue, which `run` uses or `release` gives back; False when there is none."""
        return not self._is_stopping and self._places.acquire(blocking=False)

    def release(self) -> None:
        self._places.release()

    def run(self, work: Work, *, crashed: Callable[[str], None] | None = None) -> None:
        """Uses a reserved place. Returns at once."""
        self._queue.put(Task(work, crashed))

    def stop(self, timeout: float) -> None:
        """Takes nothing new, and ends once what it has is done, at most `timeout` seconds."""
        self._is_stopping = True
        for _ in self._threads:
            self._queue.put(None)
        with self._leaving:
            self._leaving.wait_for(lambda: self._ended == len(self._threads), timeout)

    def _serve(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                self._do(task)
            finally:
                self._places.release()
        with self._leaving:
            self._ended += 1
            self._leaving.notify_all()

    def _do(self, task: Task) -> None:
        try:
            task.work()
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("work after an acknowledgement failed", reference=reference)
        else:
            return
        if task.crashed is None:
            return
        try:
            task.crashed(reference)
        except Exception:
            log.exception("nobody could be told of a crash", reference=reference)
