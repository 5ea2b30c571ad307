"""Claims and how long they are ours, by this machine's own clock: what may be sent to a target that has no precondition.

The clock is CLOCK_BOOTTIME, read before the claim or renewal went out: a lease is never thought longer than the database
knows it, also not after the process stood still.
"""

from __future__ import annotations

import threading
from datetime import timedelta

from bot.domain.clock import Clock
from bot.domain.refs import OperationId
from bot.operations.timekeeper import Timekeeper
from bot.ports.store import Claim, Store


class Leases:
    def __init__(self, store: Store, clock: Clock, timekeeper: Timekeeper, *, owner: str, lease: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._timekeeper = timekeeper
        self._owner = owner
        self._lease = lease
        self._until: dict[OperationId, float] = {}
        self._guard = threading.Lock()

    def claim(self, limit: int) -> tuple[Claim, ...]:
        """None while a clock is off. Raises Unavailable."""
        if not self._timekeeper.is_steady():
            return ()
        asked = self._clock.elapsed()
        claims = self._store.transact(lambda tx: tx.operations.claim(owner=self._owner, lease=self._lease, limit=limit))
        with self._guard:
            self._until = {id: until for id, until in self._until.items() if until > asked}
        self._keep(tuple(claim.id for claim in claims), asked)
        return claims

    def renew(self, claims: tuple[Claim, ...]) -> None:
        asked = self._clock.elapsed()
        ours = self._store.transact(lambda tx: tx.operations.renew(claims, lease=self._lease))
        with self._guard:
            for claim in claims:
                self._until.pop(claim.id, None)
        self._keep(ours, asked)

    def left(self, id: OperationId) -> timedelta:
        """Zero where the claim is lost, or was never ours."""
        with self._guard:
            until = self._until.get(id, 0.0)
        return timedelta(seconds=max(0.0, until - self._clock.elapsed()))

    def _keep(self, ids: tuple[OperationId, ...], asked: float) -> None:
        with self._guard:
            self._until.update(dict.fromkeys(ids, asked + self._lease.total_seconds()))
