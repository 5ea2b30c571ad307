"""Puts pending records into the chain, and the chain's state into places outside the database.

`seal` is called every 200 ms by bot.app, on any replica; the database lets one at a time. `write` is called beside it,
because a sink may hang. Never stops the product: a sink that does not answer is tried again. A chain that is not the one
that the outside remembers closes the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.audit.checkpoint import Keys, Signer
from bot.audit.sinks import Sink
from bot.audit.standing import collected, wrong_with
from bot.domain.clock import Clock
from bot.domain.errors import IntegrationError
from bot.domain.reply import Text, text
from bot.ports.store import Checkpoint, Store, Tx

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=60)
PAUSE = 0.2
"""Seconds between two rounds: a record is sealed within a second."""
SEAL_LIMIT = 1000
_RETRY = 5.0
_LEASE = "audit-checkpoints"


class Sealer:
    def __init__(
        self,
        *,
        store: Store,
        signer: Signer,
        keys: Keys,
        sinks: Sequence[Sink],
        clock: Clock,
        owner: str,
        every: timedelta = EVERY,
        on_wrong: Callable[[Text], None] = lambda _: None,
    ) -> None:
        """`owner` names this process. `on_wrong` is told when the chain is not the one that was seen before."""
        self._store = store
        self._signer = signer
        self._keys = keys
        self._sinks = sinks
        self._clock = clock
        self._owner = owner
        self._every = every
        self._on_wrong = on_wrong
        self._newest: Checkpoint | None = None
        self._made_at: float | None = None
        self._unwritten: dict[str, _Unwritten] = {}
        self._is_asked = False
        self._is_known = False
        self.wrong: Text | None = None

    def ask(self) -> None:
        """A checkpoint in the next round: at a stop, and when somebody wants to verify."""
        self._is_asked = True

    def run_once(self) -> int:
        """How many records were sealed; their checkpoint is written, too. Raises Unavailable."""
        sealed = self.seal()
        self.write()
        return sealed

    def seal(self) -> int:
        """How many records were sealed. Raises Unavailable when the database does not answer."""
        if not self._is_known and not self.look():
            return 0
        if self.wrong is not None:
            return 0
        newest = self._newest
        size, _ = self._store.read(lambda tx: tx.records.head())
        if newest is not None and size < newest.size:
            self.look()
            return 0
        sealed = self._store.transact(lambda tx: tx.records.seal(limit=SEAL_LIMIT))
        self._checkpoint(size + sealed)
        return sealed

    def look(self) -> bool:
        """Compares the chain with everything that is known outside: at the start, after a reconnect, after adopting."""
        outside, silent = collected([sink.read for sink in self._sinks])
        if silent:
            log.warning("checkpoints could not be read everywhere", silent=silent)
        known = [*outside, *((self._newest,) if self._newest else ())]
        self.wrong = self._store.read(lambda tx: wrong_with(tx, known, self._keys))
        self._is_known = True
        if self.wrong is not None:
            log.error("the audit record is not the one that was seen before", why=self.wrong.plain())
            self._on_wrong(self.wrong)
            return False
        return True

    def forget(self) -> None:
        """After adopting: what this process saw before counts no more, what stands outside still does."""
        self._newest = None
        self._is_known = False
        self.wrong = None

    # --- checkpoints --------------------------------------------------------------------------

    def _checkpoint(self, size: int) -> None:
        now = self._clock.elapsed()
        is_due = self._made_at is None or now - self._made_at >= self._every.total_seconds()
        is_new = size > 0 and (self._newest is None or size > self._newest.size)
        if is_new and (is_due or self._is_asked):
            checkpoint = self._store.transact(self._make)
            if checkpoint is not None:
                self._newest = checkpoint
                self._unwritten = {sink.name: self._due(sink, checkpoint, now) for sink in self._sinks}
            self._made_at, self._is_asked = now, False

    def _due(self, sink: Sink, checkpoint: Checkpoint, now: float) -> _Unwritten:
        before = self._unwritten.get(sink.name)
        return _Unwritten(checkpoint, now, before.since if before else now)

    def _make(self, tx: Tx) -> Checkpoint | None:
        """One replica at a time; asked, every one may."""
        if not tx.meta.lease(_LEASE, owner=self._owner, span=self._every * 2) and not self._is_asked:
            return None
        checkpoint = self._signer.at_head(tx)
        tx.records.add_checkpoint(checkpoint)
        return checkpoint

    # --- sinks ----------------------------------------------------------------------------------

    def write(self) -> None:
        """Takes the newest checkpoint to every sink that has not got it."""
        for sink in tuple(self._sinks):
            due = self._unwritten.get(sink.name)
            now = self._clock.elapsed()
            if due is None or due.next > now:
                continue
            is_written = self._put(sink, due.checkpoint)
            if self._unwritten.get(sink.name) is not due:
                continue  # one that was made meanwhile is still to be written
            if is_written:
                del self._unwritten[sink.name]
            else:
                self._unwritten[sink.name] = _Unwritten(due.checkpoint, now + _RETRY, due.since)

    @staticmethod
    def _put(sink: Sink, checkpoint: Checkpoint) -> bool:
        try:
            sink.put(checkpoint)
        except IntegrationError as error:
            log.warning("a checkpoint could not be written", sink=sink.name, error=str(error))
            return False
        return True

    def behind(self) -> Text | None:
        """What has had no checkpoint for longer than two of them may be apart: until it has, the past could be rewritten."""
        now = self._clock.elapsed()
        late = {name: now - each.since for name, each in [*self._unwritten.items()]}
        name, longest = max(late.items(), key=lambda each: each[1], default=("", 0.0))
        if longest <= 2 * self._every.total_seconds():
            return None
        since = timedelta(seconds=int(longest))
        return text("No checkpoint has reached {name} for {since}.", name=name, since=since)


@dataclass(frozen=True, slots=True)
class _Unwritten:
    checkpoint: Checkpoint
    next: float
    """When it is tried, by the clock's `elapsed`."""
    since: float
    """Of the first one that this sink did not get."""
