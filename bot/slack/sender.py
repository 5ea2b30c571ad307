"""Drains the outbox: one sender among all replicas, up to four calls at once and one a channel, important things first.

Decides what goes next and how fast; delivery.py knows what happens to one message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog

from bot.domain.clock import Clock
from bot.domain.errors import Unavailable
from bot.domain.reply import Reply
from bot.ports.store import Message, MessageClass, Store
from bot.slack.budgets import POST, UPDATE, Budgets
from bot.slack.connect import Line
from bot.slack.delivery import Delivery
from bot.slack.macs import Macs
from bot.slack.mrkdwn import Names
from bot.slack.outgoing import Drawing, Outgoing
from bot.slack.render import Surface, render

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=10)
_RENEW = 3.0
IDLE = 0.5
"""Seconds between looks when nobody wakes us: another replica may have put something there."""
LAST_WORDS = timedelta(seconds=8)
LAST_LOOK = 0.1
AT_ONCE = 4
LOOK_AHEAD = 500
BROKEN = timedelta(seconds=20)
TRIES = 4
"""How often a row that cannot be drawn is tried before it is given up."""


class Sender:
    def __init__(
        self,
        *,
        store: Store,
        line: Line,
        clock: Clock,
        names: Callable[[], Names],
        macs: Macs,
        draw: Callable[[str], Reply | None],
        load: Callable[[str], Reply],
        owner: str,
        fallback: str = "",
        messages: int = 300,
        updates: int = 50,
    ) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._macs = macs
        self._owner = owner
        self._limits = (messages, updates)
        self._line = line
        self._fallback = fallback
        self._drawing = Drawing(draw=draw, load=load, render=self._rendered)
        self._budgets = Budgets(clock.elapsed, messages=messages, updates=updates)
        self._delivery = self._make_delivery()
        self._flying: dict[str, tuple[Message, Future[None]]] = {}
        self._broken: dict[str, int] = {}
        self._leased_until = 0.0
        self._send_until = 0.0
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sender")

    # --- life -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """The outbox may have something: called after a commit."""
        self._woken.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def stop(self, *, within: timedelta = LAST_WORDS) -> None:
        """What waits is sent as far as there is time, what is under way is finished; the rest stays in the outbox, for
        another replica or the next start."""
        self._send_until = self._clock.elapsed() + within.total_seconds()
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True)
        if self._leased_until:
            self._hand_over()

    def _hand_over(self) -> None:
        try:
            self._store.transact(lambda tx: tx.meta.lease("sender", owner=self._owner, span=timedelta(0)))
        except Unavailable:
            log.info("the sender's lease runs out by itself")

    def _run(self) -> None:
        while not self._has_ended():
            self._woken.clear()
            try:
                pause = self.step()
            except Unavailable as error:
                log.warning("the outbox cannot be read", error=str(error))
                pause = IDLE
            if pause > 0:
                self._woken.wait(min(pause, LAST_LOOK) if self._stopping.is_set() else pause)

    def _has_ended(self) -> bool:
        if not self._stopping.is_set():
            return False
        if self._clock.elapsed() >= self._send_until or not self._leased_until:
            return True
        try:
            return not self._flying and not self._store.read(lambda tx: tx.outbox.due(limit=1))
        except Unavailable:
            return True

    # --- one look ---------------------------------------------------------------------------------

    def step(self) -> float:
        """Sends what may be sent now; how many seconds until it is worth looking again. Raises Unavailable."""
        self._land()
        if not self._is_ours():
            return _RENEW
        if len(self._flying) >= AT_ONCE:
            return IDLE
        pause = IDLE
        held: set[tuple[str, MessageClass, bool]] = set()
        busy = {row.channel for row, _ in self._flying.values()}
        for row in self._store.read(lambda tx: tx.outbox.due(limit=LOOK_AHEAD)):
            # An edit that has to wait, of which Slack permits few, holds up no message behind it.
            lane = (row.channel, row.kind, bool(row.ts))
            if row.key in self._flying or row.channel in busy or lane in held:
                continue
            is_low = row.kind in {MessageClass.ALERT, MessageClass.CHATTER}
            wait = self._budgets.take(UPDATE if row.ts else POST, row.channel, is_low=is_low)
            if wait > 0:
                held.add(lane)
                pause = min(pause, wait)
                continue
            busy.add(row.channel)
            self._launch(row)
            if len(self._flying) >= AT_ONCE:
                break
        return max(pause, 0.001)

    def _is_ours(self) -> bool:
        """One sender at a time. A new one begins with empty budgets: the last may have spent them."""
        now = self._clock.elapsed()
        if now < self._leased_until - LEASE.total_seconds() + _RENEW:
            return True
        was_ours = now < self._leased_until
        if not self._store.transact(lambda tx: tx.meta.lease("sender", owner=self._owner, span=LEASE)):
            self._leased_until = 0.0
            return False
        if not was_ours:
            self._budgets = Budgets(self._clock.elapsed, messages=self._limits[0], updates=self._limits[1])
            self._delivery = self._make_delivery()
        self._leased_until = now + LEASE.total_seconds()
        return True

    def _make_delivery(self) -> Delivery:
        return Delivery(
            store=self._store,
            api=self._line.api,
            uploads=self._line.uploads,
            channels=self._line.channels,
            budgets=self._budgets,
            bot_id=self._line.me.bot_id,
            fallback=self._fallback,
        )

    def _launch(self, row: Message) -> None:
        future = self._pool.submit(self._send, row)
        self._flying[row.key] = (row, future)
        future.add_done_callback(lambda _: self._woken.set())

    def _send(self, row: Message) -> None:
        message = self._drawing.outgoing(row)
        if message is None:
            log.info("a message has nothing to show any more", key=row.key)
            self._store.transact(lambda tx: tx.outbox.failed(row.key, again_after=None))
            return
        self._delivery.send(row, message)

    def _land(self) -> None:
        for key, (_, future) in [*self._flying.items()]:
            if not future.done():
                continue
            del self._flying[key]
            trouble = future.exception()
            if trouble is None:
                self._broken.pop(key, None)
                continue
            log.error("a message could not be sent", key=key, exc_info=trouble)
            count = self._broken[key] = self._broken.get(key, 0) + 1
            again = BROKEN if count < TRIES or isinstance(trouble, Unavailable) else None
            self._store.transact(lambda tx, key=key, again=again: tx.outbox.failed(key, again_after=again))  # type: ignore[misc]

    def _rendered(self, reply: Reply, surface: Surface) -> Outgoing:
        drawn = render(reply, names=self._names(), macs=self._macs, surface=surface, now=self._clock.now())
        return Outgoing(drawn.text, drawn.blocks, files=drawn.files, pictures=drawn.pictures, stays=reply.stays)
