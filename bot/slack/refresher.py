"""Keeps the Home tabs that people have opened as the stored state is: looks whether it moved, and draws them anew.

What moves in clusters alone is not looked at: that is read when the tab is opened, and when something of ours moves.
"""

from __future__ import annotations

import threading
from functools import partial

import structlog

from bot.domain.errors import Unavailable
from bot.domain.reply import Reply
from bot.ports.people import Identity
from bot.slack.front import Views
from bot.slack.home import Home

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0
"""Seconds: changes in between are published as one."""


class Refresher:
    def __init__(self, home: Home, views: Views, *, every: float = LOOK_EVERY) -> None:
        self._home = home
        self._views = views
        self._every = every
        self._pulse = ""
        self._behind: set[Identity] = set()
        """Who still sees what was before."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="home", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = self._every
        while not self._stopping.wait(pause):
            try:
                pause = max(self.step(), self._every)
            except Unavailable as error:
                log.warning("Home tabs cannot be kept up to date now", error=str(error))
                pause = self._every

    def step(self) -> float:
        """One look; how many seconds until another is worth it. Raises Unavailable."""
        watched = self._home.watched()
        pulse = self._views.pulse()
        if pulse != self._pulse:
            self._pulse = pulse
            self._behind = {*watched}
        for identity in watched:
            if identity not in self._behind or self._stopping.is_set():
                continue
            wait = self._home.changed(identity, partial(self._draw, identity))
            if wait > 0:
                return wait
            self._behind.discard(identity)
        return 0.0

    def _draw(self, identity: Identity) -> Reply:
        return self._views.home(identity, is_open=False)
