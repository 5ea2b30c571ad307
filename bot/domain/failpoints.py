"""Named places where a test may end, stop or delay this process: the sixteen crash points of docs/reliability.md.

Compiled in, and nothing at all until `arm` is called (bot.app does, with a setting): one look at an empty mapping. The one
module of the domain that acts on the process, because a crash point has to stand in the very line that it is about.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    EXIT = "exit"
    """As kill -9: at once, without a word."""
    TERMINATE = "term"
    """SIGTERM to ourselves; the work goes on until the process has stopped in order."""
    STOP = "stop"
    """SIGSTOP: stands still until somebody sends SIGCONT."""
    SLEEP = "sleep"


@dataclass(slots=True)
class _Armed:
    deed: Deed
    seconds: float
    left: int
    """Hits until it happens; it happens once."""
    latch: str


_FORM = re.compile(r"(CP(?:[1-9]|1[0-6]))=(exit|term|stop|sleep)(?:\(([0-9.]{1,6})\))?(?:@([1-9][0-9]{0,3}))?")
_armed: dict[str, _Armed] = {}
_guard = threading.Lock()
_pause = threading.Event()


def arm(spec: str, *, latch: str = "") -> None:
    """`CP10=exit`, `CP11=stop@2` (at the second hit), `CP5=sleep(0.5)`, several with commas; empty: none.

    `latch`: a file that whoever comes first creates: of several processes with the same one a single one acts.
    Raises ValueError for what is none of these.
    """
    made: dict[str, _Armed] = {}
    for each in filter(None, (part.strip() for part in spec.split(","))):
        found = _FORM.fullmatch(each)
        if found is None:
            raise ValueError(f"no failpoint: {each!r}; one is CP10=exit or CP11=stop@2")
        point, deed, seconds, count = found.groups()
        made[point] = _Armed(Deed(deed), float(seconds or 1), int(count or 1), latch)
    with _guard:
        _armed.clear()
        _armed.update(made)


def _is_first(latch: str) -> bool:
    if not latch:
        return True
    try:
        os.close(os.open(latch, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def failpoint(name: str) -> None:
    """A place that has a name. Unarmed it does nothing."""
    if not _armed:
        return
    with _guard:
        armed = _armed.get(name)
        if armed is None:
            return
        armed.left -= 1
        if armed.left:
            return
        del _armed[name]
    if not _is_first(armed.latch):
        return
    match armed.deed:
        case Deed.EXIT:
            os._exit(137)
        case Deed.TERMINATE:
            os.kill(os.getpid(), signal.SIGTERM)
        case Deed.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Deed.SLEEP:
            _pause.wait(armed.seconds)
