"""The policy file in use: read again when it changed. While it is missing, empty or broken, nobody may do anything.

The last good policy is not kept in use: who broke the file may have meant to take a right away.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from bot.domain.clock import Clock
from bot.policy import strict_yaml
from bot.policy.judge import Judge
from bot.policy.loader import complaint, parse
from bot.policy.strict_yaml import BrokenFile, Problem

_EVERY = 2.0
"""Seconds between two looks at the file; well under the 30 s that a right may be remembered."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What tells one state of the file from another. Kubernetes swaps a link: the inode changes even within a second."""

    inode: int
    size: int
    changed: int


class PolicyFile:
    """Thread-safe. `judge()` is what the road calls for every request."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._seen: _Seen | None = None
        self._found: Judge | tuple[Problem, ...] = ()

    def judge(self) -> Judge:
        """Raises PolicyBroken saying what is wrong, for as long as it is."""
        found = self._current()
        if isinstance(found, Judge):
            return found
        raise complaint(found)

    def problems(self) -> tuple[Problem, ...]:
        """For doctor; empty while the policy can be used."""
        found = self._current()
        return () if isinstance(found, Judge) else found

    def _current(self) -> Judge | tuple[Problem, ...]:
        with self._lock:
            now = self._clock.elapsed()
            if self._looked is None or now - self._looked >= _EVERY:
                self._looked = now
                self._look()
            return self._found

    def _look(self) -> None:
        try:
            state = self._path.stat()
            seen = _Seen(state.st_ino, state.st_size, state.st_mtime_ns)
            if seen == self._seen:
                return
            with self._path.open("rb") as file:
                source = file.read(strict_yaml.SIZE_LIMIT + 1)
        except (OSError, ValueError) as bad:
            reason = bad.strerror if isinstance(bad, OSError) else None
            self._seen = None
            self._found = (Problem(0, "", f"{self._path} cannot be read: {reason or 'not a file'}"),)
            return
        self._seen = seen
        try:
            self._found = Judge(parse(source))
        except BrokenFile as broken:
            self._found = broken.problems
