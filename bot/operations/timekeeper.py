"""Whether time can be trusted: deadlines and holds end at times of the database, so a clock that jumps must end none.

The reference is CLOCK_BOOTTIME, which nobody sets and which goes on while the machine sleeps. The database's clock and the
machine's own are compared with it, and with each other. While one of them is off operations stand still: nothing is
claimed, decided or begun. It ends by itself when the clock is right again; that a new time is the right one is said by a
person, with a start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.domain.clock import Clock
from bot.domain.errors import NotNow, Unavailable
from bot.domain.reply import Text, text
from bot.ports.store import Store

log = structlog.get_logger(__name__)

LIMIT = timedelta(seconds=5)
LOOK_EVERY = 1.0
"""Seconds between two looks at the database's clock."""
_SLOW = 1.0
"""An answer that took longer says too little about when it was made."""


class Timekeeper:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._wall = _Reference(*self._now())
        self._database: _Reference | None = None
        self._looked: float | None = None
        self._off: Text | None = None
        self.on_change: Callable[[Text | None], None] = lambda _: None
        """Told what is off, and with None when it is right again; outside of any transaction."""

    @property
    def why_off(self) -> Text | None:
        """As far as the last look found."""
        return self._off

    def is_steady(self) -> bool:
        """Looks: at our own clock each time, at the database's at most once a second. Raises Unavailable."""
        with self._guard:
            off = self._compare(self._database_now())
            is_new = (off is None) != (self._off is None)
            self._off = off
        if is_new:
            log.error("operations stand still", why=off.plain()) if off else log.warning("operations go on")
            self.on_change(off)
        return off is None

    def check(self, now: datetime) -> None:
        """In a transaction whose time is `now`, before anything is decided by it. Raises Unavailable."""
        off = self._compare(now)
        if off is not None:
            raise Unavailable("clock", text("Operations stand still: a clock is off."), why=off)

    def hindrance(self) -> NotNow | None:
        """Why nothing may be changed now."""
        if self._off is None:
            return None
        return NotNow(
            text("Nothing is changed while a clock is off."),
            why=self._off,
            next=text("`doctor` shows whether it is right again; then write it once more."),
        )

    def ping(self) -> str:
        """For doctor. Raises Unavailable."""
        if self._off is not None:
            raise Unavailable("clock", text("Operations stand still."), why=self._off)
        return "the database's, this machine's and elapsed time agree"

    def _database_now(self) -> datetime | None:
        """None: not asked now, or not in a time that says anything."""
        asked = self._clock.elapsed()
        if self._looked is not None and asked - self._looked < LOOK_EVERY:
            return None
        now = self._store.now()
        self._looked = asked
        if self._clock.elapsed() - asked > _SLOW:
            return None
        if self._database is None:
            self._database = _Reference(now, asked)
        return now

    def _compare(self, database: datetime | None) -> Text | None:
        wall, elapsed = self._now()
        jump = self._wall.jump(wall, elapsed)
        if abs(jump) >= LIMIT:
            return text("This machine's clock was set {way} by {span}.", way=_way(jump), span=abs(jump))
        if database is None or self._database is None:
            # Not looked at now: what was found last still stands, where it was about the database.
            return self._off if self._database_was_off() else None
        jump, apart = self._database.jump(database, elapsed), database - wall
        if abs(jump) >= LIMIT:
            return text("The database's clock was set {way} by {span}.", way=_way(jump), span=abs(jump))
        if abs(apart) >= LIMIT:
            return text("The database's clock and this machine's are {span} apart.", span=abs(apart))
        return None

    def _now(self) -> tuple[datetime, float]:
        """Both clocks at one moment, also where the process stood still meanwhile."""
        while True:
            before, wall, after = self._clock.elapsed(), self._clock.now(), self._clock.elapsed()
            if after - before < _SLOW:
                return wall, after

    def _database_was_off(self) -> bool:
        return self._off is not None and self._off.template.startswith("The database")


class _Reference:
    """A clock's time at a moment of elapsed time."""

    def __init__(self, at: datetime, elapsed: float) -> None:
        self._at = at
        self._elapsed = elapsed

    def jump(self, now: datetime, elapsed: float) -> timedelta:
        """By how much it went on more than time did."""
        return (now - self._at) - timedelta(seconds=elapsed - self._elapsed)


def _way(jump: timedelta) -> str:
    return "forward" if jump > timedelta(0) else "back"
