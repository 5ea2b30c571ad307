"""Runs the engine on threads: claims what is due, renews leases, wakes up when something was stored, stops in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog

from bot.domain.errors import Unavailable
from bot.domain.refs import OperationId
from bot.operations.engine import Engine
from bot.ports.store import Claim, Store

log = structlog.get_logger(__name__)

THREADS = 8
RENEW_EVERY = 1.5
"""Seconds."""
LONGEST_SLEEP = 1.0
STOP_WITHIN = timedelta(seconds=20)


class Worker:
    def __init__(self, engine: Engine, store: Store, *, threads: int = THREADS) -> None:
        self._engine = engine
        self._store = store
        self._threads = threads
        self.longest_sleep = LONGEST_SLEEP
        """Seconds: what nobody woke us for is found after it."""
        self._running: dict[OperationId, Claim] = {}
        self._guard = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._idle = threading.Event()
        """Set once nothing runs any more: until then leases are renewed."""
        self._claiming = threading.Thread(target=self._claim_forever, name="engine", daemon=True)
        self._renewing = threading.Thread(target=self._renew_forever, name="engine-leases", daemon=True)
        self.on_tick: Callable[[], None] = lambda: None
        """Told after each tick: its card may be wanted anew."""

    def wake(self) -> None:
        """Something may be due: called after a commit, never inside a transaction."""
        self._woken.set()

    def start(self) -> None:
        self._claiming.start()
        self._renewing.start()

    def halt(self) -> None:
        """Claims nothing more from now on; what runs goes on."""
        self._stopping.set()
        self._woken.set()

    def stop(self, *, within: timedelta = STOP_WITHIN) -> bool:
        """Lets what runs finish its tick, with its lease, and let go of it. False: something hangs; its lease runs
        out, and whoever takes it over stamps first."""
        self.halt()
        if not self._claiming.ident:
            return True
        self._claiming.join(within.total_seconds())
        self._idle.set()
        self._renewing.join(RENEW_EVERY)
        return not self._claiming.is_alive()

    def _claim_forever(self) -> None:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="operation") as pool:
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    pause = self._claim_once(pool)
                except Unavailable as error:
                    log.warning("the database does not answer", error=str(error))
                    pause = LONGEST_SLEEP
                if pause > 0:
                    self._woken.wait(pause)

    def _claim_once(self, pool: ThreadPoolExecutor) -> float:
        """Seconds until it is worth looking again."""
        with self._guard:
            free = self._threads - len(self._running)
        if free <= 0:
            return self.longest_sleep
        claims = self._engine.leases.claim(free)
        for claim in claims:
            with self._guard:
                self._running[claim.id] = claim
            pool.submit(self._engine.tick, claim).add_done_callback(self._ended(claim))
        if claims:
            return 0.0
        soonest = self._store.read(lambda tx: tx.operations.soonest())
        return self.longest_sleep if soonest is None else min(self.longest_sleep, max(0.01, soonest.total_seconds()))

    def _ended(self, claim: Claim) -> Callable[[Future[None]], None]:
        def done(_: Future[None]) -> None:
            with self._guard:
                self._running.pop(claim.id, None)
            self._woken.set()
            self.on_tick()

        return done

    def _renew_forever(self) -> None:
        while not self._idle.wait(RENEW_EVERY):
            with self._guard:
                claims = tuple(self._running.values())
            if not claims:
                continue
            try:
                self._engine.leases.renew(claims)
            except Unavailable as error:
                log.warning("leases could not be renewed", error=str(error))
