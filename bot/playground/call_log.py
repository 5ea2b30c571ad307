"""What went between Slack and the app, newest last and bounded: for the page's payloads and for tests' questions.

Tokens and signing secrets never enter it.
"""

import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange. `status`: ok or Slack's error, an HTTP status such as 429, acked, no_ack."""

    n: int
    at: float
    direction: str
    kind: str
    name: str
    request: Json
    response: Json | None
    status: str
    ms: float

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


class CallLog:
    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.listeners: list[Callable[[Entry], None]] = []
        self._numbers = itertools.count(1)
        self._now = now

    def add(
        self, direction: str, kind: str, name: str, *, request: Json, response: Json | None, status: str, ms: float
    ) -> Entry:
        shown = {key: value for key, value in request.items() if key != "token"}
        entry = Entry(next(self._numbers), self._now(), direction, kind, name, shown, response, status, round(ms, 2))
        self.entries.append(entry)
        self.counts[name, status] += 1
        for listener in tuple(self.listeners):
            listener(entry)
        return entry
