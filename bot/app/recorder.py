"""The audit record's own threads: one seals, one takes checkpoints outside, and each place that is fed has its own.

So that a place that hangs or is full holds up nothing but itself. Decides nothing about the record.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bot.audit.sealer import PAUSE, Sealer
from bot.domain.errors import Unavailable

log = structlog.get_logger(__name__)

Feed = Callable[[], object]
"""Truthy when it put something into the outbox or wrote something."""

AFTER_TROUBLE = 5.0
"""Seconds until it is tried again."""
LONGEST = 1.0
"""Seconds until a feed looks by itself: another replica may have sealed something."""
LAST_WORDS = 5.0
"""Seconds that a stop waits for each."""


@dataclass
class Recorder:
    sealer: Sealer
    feeds: list[Feed]
    told: Callable[[], None] = lambda: None
    """Called after a feed had something to say."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _sealed: list[threading.Event] = field(default_factory=list)

    def start(self) -> None:
        self.sealer.look()
        self._thread("sealer", lambda: self._forever(self._seal, lambda: self._stopping.wait(PAUSE)))
        self._thread("checkpoints", lambda: self._forever(self._write, lambda: self._stopping.wait(LONGEST)))
        for number, feed in enumerate(self.feeds):
            sealed = threading.Event()
            self._sealed.append(sealed)
            self._thread(f"feed-{number}", self._feeding(feed, sealed))

    def stop(self) -> None:
        """Seals what is left, and says it to every place that does not hang."""
        self._stopping.set()
        for sealed in self._sealed:
            sealed.set()
        for thread in self._threads:
            thread.join(LAST_WORDS)
        self.sealer.ask()
        self._try(self._seal)
        last = [threading.Thread(target=self._try, args=(each,), daemon=True) for each in (self._write, *self.feeds)]
        for thread in last:
            thread.start()
        for thread in last:
            thread.join(LAST_WORDS)

    def _thread(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _feeding(self, feed: Feed, sealed: threading.Event) -> Callable[[], None]:
        def wait() -> None:
            sealed.wait(LONGEST)
            sealed.clear()

        return lambda: self._forever(lambda: self._feed(feed), wait)

    def _forever(self, work: Callable[[], object], wait: Callable[[], object]) -> None:
        wait()
        while not self._stopping.is_set():
            if self._try(work):
                wait()
            else:
                self._stopping.wait(AFTER_TROUBLE)

    def _seal(self) -> None:
        if self.sealer.seal():
            for sealed in self._sealed:
                sealed.set()

    def _write(self) -> None:
        self.sealer.write()

    def _feed(self, feed: Feed) -> None:
        if self.sealer.wrong is None and feed():
            self.told()

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except Unavailable as error:
            log.warning("the record could not be kept up now", error=str(error))
            return False
        except Exception:
            # As in the runner and the tick: a bug must not end the thread that seals for all.
            log.exception("the record could not be kept up", reference=secrets.token_hex(4))
            return False
        return True
