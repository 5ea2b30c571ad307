"""How the process ends: a signal that is heard whenever it comes, and a stop that does not outlive its deadline.

The one place where a process in order may end without its threads. Nothing is lost by it: claims and leases run out, what
was stored is gone on with, and whoever takes an operation over stamps before it looks.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import structlog

log = structlog.get_logger(__name__)

STOP_WITHIN = 45.0
"""Seconds from the signal: 20 for the step under way, 8 for what is to be shown, the rest for edges and the record.
Shorter than the 60 that the deployment gives before SIGKILL."""
HUNG = 1
"""The exit code of a stop that was not in order."""


class StopSignals:
    """SIGTERM and SIGINT are heard from now on, also while the start is under way; from then on the deadline runs.

    Through a pipe that the interpreter itself writes into. The system may give a signal to any thread; handlers run in the main
    one, which is not woken by that where it waits. And in the middle of whatever that one does, setting an Event waits for
    ever for a lock that it may hold while it begins to wait for that Event.
    """

    def __init__(self, *, within: float = STOP_WITHIN) -> None:
        self._within = within
        self._heard, told = os.pipe()
        os.set_blocking(told, False)
        # Full: it has been heard often enough.
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _heard)
        threading.Thread(target=self._end_in_time, name="stop-deadline", daemon=True).start()

    def wait(self) -> None:
        """Reads nothing: two threads wait for the same word."""
        select.select([self._heard], [], [])

    def _end_in_time(self) -> None:
        self.wait()
        threading.Event().wait(self._within)
        end_at_once(f"It did not stop within {self._within:g} s of the signal.", code=HUNG)


def _heard(number: int, frame: object) -> None:
    """Without a handler of Python's nothing is written into the pipe."""


def end_at_once(why: str, *, code: int) -> NoReturn:
    """Says which threads still run and where, and ends the process."""
    log.error("ended without waiting any longer", why=why, running="; ".join(still_running()))
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)


def still_running() -> list[str]:
    """`MainThread (server.py:104 close)`: by name, where each is now."""
    frames = sys._current_frames()
    said = []
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if frame is None or thread is threading.current_thread():
            continue
        # Where it waits says little; who made it wait says more.
        while frame.f_back is not None and Path(frame.f_code.co_filename).name in {"threading.py", "thread.py"}:
            frame = frame.f_back
        code = frame.f_code
        said.append(f"{thread.name} ({Path(code.co_filename).name}:{frame.f_lineno} {code.co_name})")
    return said
