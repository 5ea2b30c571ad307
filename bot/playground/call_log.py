"""What went between Slack and the app, newest last and bounded: for the page's payloads and for tests' questions.

Tokens and signing secrets never enter it.
"""

import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange. `status`: ok or Slack's error, an HTTP status such as 429, acked, or the error that a person saw.

    The bodies are kept as JSON bytes: a few thousand of them as Python objects would take more memory than the whole bot.
    """

    n: int
    at: float
    direction: str
    kind: str
    name: str
    status: str
    ms: float
    request_bytes: bytes
    response_bytes: bytes

    @property
    def request(self) -> Json:
        """What was sent; without the token."""
        data = msgspec.json.decode(self.request_bytes)
        return data if isinstance(data, dict) else {}

    @property
    def response(self) -> Json | None:
        data = msgspec.json.decode(self.response_bytes)
        return data if isinstance(data, dict) else None

    def to_json(self) -> Json:
        shown = ("n", "at", "direction", "kind", "name", "request", "response", "status", "ms")
        return {name: getattr(self, name) for name in shown}


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
        entry = Entry(
            next(self._numbers),
            self._now(),
            direction,
            kind,
            name,
            status,
            round(ms, 2),
            msgspec.json.encode(shown),
            msgspec.json.encode(response),
        )
        self.entries.append(entry)
        self.counts[name, status] += 1
        for listener in tuple(self.listeners):
            listener(entry)
        return entry
