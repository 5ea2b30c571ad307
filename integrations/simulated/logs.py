"""The Logs port over what simulated pods have written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.errors import BadArguments
from bot.domain.reply import Text, text
from bot.ports.observing import LogLine, LogPage, LogPattern, LogQuery
from integrations.simulated.loglines import MOST, Line, lines
from integrations.simulated.moments import moment
from integrations.simulated.objects import SimulatedPod
from integrations.simulated.words import Wanted, mask
from integrations.simulated.world import SimulatedWorld

SYSTEM = "elasticsearch"
SOURCE = "simulated logs"
_LONGEST = timedelta(hours=24)
_PATTERN_LINES = 1_000
_PATTERNS = 10
_MOST_LINES = 500
_MOST_BUCKETS = 60
_RANK = {"error": 2, "warn": 1, "info": 0}


class SimulatedLogs:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def search(self, query: LogQuery) -> LogPage:
        self._world.meet(SYSTEM, "logs.search")
        if query.until <= query.since:
            raise BadArguments(text("The end of the search is not after its beginning."), field="since")
        since = max(query.since, query.until - _LONGEST)
        partial: Text | None = None
        if since > query.since:
            partial = text("Only the last {time} were searched.", time=_LONGEST)
        with self._world.entered():
            written = self._written(query, since.timestamp())
        if len(written) >= MOST:
            partial = text("There is more than can be searched at once.")
        wanted = Wanted.parse(query.words)
        least = _RANK[query.level] if query.level is not None else 0
        found = [line for line in written if _RANK[line.level] >= least and wanted.matches(line.message)]
        most = max(1, min(query.limit, _MOST_LINES))
        return LogPage(
            total=len(found),
            lines=tuple(_line(line) for line in (found[:most] if query.is_oldest else found[-most:])),
            counts=_counts(found, since.timestamp(), query.until.timestamp(), query.buckets),
            patterns=_patterns(found[-_PATTERN_LINES:]),
            source=SOURCE,
            partial=partial,
        )

    def ping(self) -> str:
        self._world.meet(SYSTEM, "logs.ping")
        return SOURCE

    def _written(self, query: LogQuery, since: float) -> list[Line]:
        until = min(query.until.timestamp(), self._world.timeline.now)
        found: list[Line] = []
        for name in dict.fromkeys(scope.cluster for scope in query.scopes):
            if name not in self._world.clusters():
                continue
            state = self._world.state(name)
            pods: list[SimulatedPod] = []
            for scope in query.scopes:
                if scope.cluster == name:
                    pods += state.ever(scope.namespace, (scope.workload, f"{scope.workload}-canary"))
            chosen = [pod for pod in pods if query.pod in {"", pod.name}]
            found += lines(state, chosen, since=since, until=until)
        return sorted(found, key=lambda line: line.at)


def _line(line: Line) -> LogLine:
    return LogLine(moment(line.at), line.pod, line.container, line.level, line.message)


def _counts(found: Sequence[Line], since: float, until: float, buckets: int) -> tuple[int, ...]:
    buckets = max(1, min(buckets, _MOST_BUCKETS))
    counts = [0] * buckets
    for line in found:
        counts[min(buckets - 1, int((line.at - since) / (until - since) * buckets))] += 1
    return tuple(counts)


def _patterns(found: Sequence[Line]) -> tuple[LogPattern, ...]:
    counted = Counter(mask(line.message) for line in found)
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return tuple(LogPattern(count, template) for template, count in ordered[:_PATTERNS])
