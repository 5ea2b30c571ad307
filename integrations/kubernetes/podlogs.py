"""The newest lines of some pods' containers, within a number of lines, of bytes and of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.clock import Clock
from bot.domain.errors import Missing, Refused, Unavailable
from bot.ports.clusters import PodLine
from integrations.kubernetes import shapes
from integrations.kubernetes.connection import Connection, place

BYTES = 1 << 20
"""Of the whole answer."""
_CONTAINER_BYTES = 4 << 20
MOST_LINES = 5_000
_MOST_PODS = 50
_BUDGET = timedelta(seconds=12)


@dataclass(frozen=True, slots=True)
class PodLogs:
    connection: Connection
    clock: Clock

    def newest(
        self, pods: Sequence[shapes.Pod], *, since: timedelta, limit: int, previous: bool
    ) -> tuple[PodLine, ...]:
        """Oldest first. Pods beyond the budget of time are left out, the youngest are asked first."""
        limit = max(1, min(limit, MOST_LINES))
        begin = self.clock.elapsed()
        lines: list[PodLine] = []
        silent: Unavailable | None = None
        for pod in sorted(pods, key=_born, reverse=True)[:_MOST_PODS]:
            for container in pod.spec.containers:
                if self.clock.elapsed() - begin > _BUDGET.total_seconds():
                    break
                try:
                    lines += self._of(pod, container.name, since=since, limit=limit, previous=previous)
                except Unavailable as error:
                    # Of a node that is down: the other pods' lines are worth having.
                    silent = error
        if silent is not None and not lines:
            raise silent
        return _within(sorted(lines, key=lambda line: _sortable(line.at))[-limit:])

    def _of(
        self, pod: shapes.Pod, container: str, *, since: timedelta, limit: int, previous: bool
    ) -> Sequence[PodLine]:
        tail = limit
        while True:
            query: dict[str, str | int] = {
                "container": container,
                "timestamps": "true",
                "sinceSeconds": max(1, int(since.total_seconds())),
                "tailLines": tail,
                "limitBytes": _CONTAINER_BYTES,
                "previous": "true" if previous else "false",
            }
            try:
                data = self.connection.get(place("Pod", pod.metadata.namespace, pod.metadata.name, "log"), query)
            except Missing:
                return ()
            except Refused as error:
                if _has_nothing_yet(str(error)):
                    return ()
                raise
            if len(data) < _CONTAINER_BYTES or tail == 1:
                return [_line(pod.metadata.name, container, each) for each in _split(data)]
            # limitBytes cuts the newest lines off: fewer of them fit.
            tail = max(1, tail // 4)


def _has_nothing_yet(words: str) -> bool:
    """400 with one of these: the container has not started, or never ended before."""
    return any(part in words for part in ("is waiting to start", "previous terminated container", "is not available"))


def _born(pod: shapes.Pod) -> str:
    return str(pod.metadata.creation_timestamp)


def _split(data: bytes) -> list[str]:
    return [line for line in data.decode("utf-8", "replace").split("\n") if line]


def _line(pod: str, container: str, line: str) -> PodLine:
    at, _, words = line.partition(" ")
    return PodLine(pod, container, at, words)


def _sortable(at: str) -> tuple[str, str]:
    """Fractions are of varying length, and `Z` sorts after every digit."""
    seconds, _, fraction = at.rstrip("Z").partition(".")
    return seconds, fraction


def _within(lines: Sequence[PodLine]) -> tuple[PodLine, ...]:
    size = 0
    kept: list[PodLine] = []
    for line in reversed(lines):
        size += len(line.words.encode()) + len(line.at) + len(line.pod)
        if size > BYTES and kept:
            break
        kept.append(line)
    return tuple(reversed(kept))
