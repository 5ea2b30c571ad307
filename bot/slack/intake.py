"""Storing a request within Slack's limit: whoever waits for a database that does not answer is told so in time.

What is stored after all, once its asker was refused, is worked on by nobody: it is recorded as not done, like what a
restart leaves over. May not be used for alerts, which are kept however long it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.domain.errors import Unavailable
from bot.domain.reply import text
from bot.ports.store import Arrival

PATIENCE = 1.5
"""Seconds. Slack gives up after three, and the answer has to get there."""
AFTERWARDS = 0.2
"""Seconds for those who come after one who waited in vain, until one gets through: they stand in the same queue."""
THREADS = 32


class Intake:
    def __init__(self, accept: Callable[[Arrival], int | None], *, patience: float = PATIENCE) -> None:
        self._accept = accept
        self._patience = patience
        self._is_stuck = False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="slack-intake")

    def accept(self, arrival: Arrival) -> int | None:
        """Durable when it returns; None: known already. Raises Unavailable, also where it takes too long."""
        try:
            waiting = self._pool.submit(self._store, arrival)
        except RuntimeError as stopped:
            raise Unavailable("database", text("The bot is stopping.")) from stopped
        try:
            return waiting.result(min(AFTERWARDS, self._patience) if self._is_stuck else self._patience)
        except TimeoutError as late:
            waiting.cancel()
            self._is_stuck = True
            raise Unavailable("database", text("The database does not answer in time.")) from late

    def _store(self, arrival: Arrival) -> int | None:
        row = self._accept(arrival)
        self._is_stuck = False
        return row

    def stop(self) -> None:
        """Waits for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
