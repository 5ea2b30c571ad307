"""Logs where no store keeps them: what the pods of a workload still have, filtered and counted here.

Implements Logs over the clusters' own reads, so it sees exactly the namespaces and workloads of the query. Always says
that it is partial: pods that are gone, and what was rotated away, are not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.clock import Clock
from bot.domain.errors import BadArguments, IntegrationError, Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.ports.clusters import ClusterReads
from bot.ports.observing import LogLine, LogPage, LogPattern, LogQuery, Scope
from integrations.fallback_logs.lines import Words, has_level, read

SOURCE = "pod logs"
WORDS_LIMIT = 500
_LINES = 2000
"""Read of a workload; what its cluster gives is at most 1 MiB."""
_LIMIT = 500
_BUCKETS = 60
_MINED = 1000

Mine = Callable[[Iterable[str]], tuple[LogPattern, ...]]


class PodLogs:
    """Implements bot.ports.observing.Logs. `clusters` by name; `mine` finds the patterns of messages."""

    def __init__(self, clusters: Mapping[str, ClusterReads], mine: Mine, clock: Clock) -> None:
        self._clusters = clusters
        self._mine = mine
        self._clock = clock

    def search(self, query: LogQuery) -> LogPage:
        if query.until <= query.since:
            raise BadArguments(text("The end of the search is not after its beginning."), field="since")
        if len(query.words) > WORDS_LIMIT:
            raise BadArguments(text("The words to look for are longer than {limit} characters.", limit=WORDS_LIMIT))
        words = Words.parse(query.words)
        read_all: list[LogLine] = []
        is_cut = False
        failed: list[IntegrationError] = []
        for scope in query.scopes:
            try:
                lines = self._lines(scope, query)
            except IntegrationError as bad:
                failed.append(bad)
                continue
            is_cut = is_cut or len(lines) >= _LINES
            read_all += lines
        if failed and len(failed) == len(query.scopes):
            raise failed[0]
        found = sorted((line for line in read_all if _is_wanted(line, query, words)), key=lambda line: line.at)
        limit = max(0, min(query.limit, _LIMIT))
        return LogPage(
            total=len(found),
            lines=tuple(_kept(found, limit, is_oldest=query.is_oldest)),
            counts=_counts(found, query),
            patterns=self._mine(line.message for line in reversed(found[-_MINED:])),
            source=SOURCE,
            partial=_partial(is_cut=is_cut, failed=len(failed), read_from=_oldest(read_all)),
        )

    def ping(self) -> str:
        return "logs are those that the pods still have"

    def _lines(self, scope: Scope, query: LogQuery) -> list[LogLine]:
        """Of the workload and, where there is one, its canary."""
        reads = self._clusters[scope.cluster].workloads
        since = max(self._clock.now() - query.since, timedelta(seconds=1))
        found: list[LogLine] = []
        missing: list[Missing] = []
        for name in (scope.workload, f"{scope.workload}-canary"):
            ref = ObjectRef(scope.cluster, scope.namespace, "Deployment", name, "")
            try:
                lines = reads.logs(ref, since=since, limit=_LINES, pod=query.pod)
            except Missing as gone:
                missing.append(gone)
                continue
            found += [line for each in lines if (line := read(each)) is not None]
        if len(missing) == 2:
            raise missing[0]
        return found


def _is_wanted(line: LogLine, query: LogQuery, words: Words) -> bool:
    return (
        query.since <= line.at < query.until
        and (not query.pod or line.pod == query.pod)
        and has_level(line, query.level)
        and words.are_in(line.message)
    )


def _kept(found: list[LogLine], limit: int, *, is_oldest: bool) -> list[LogLine]:
    return found[:limit] if is_oldest else found[max(0, len(found) - limit) :]


def _counts(found: Iterable[LogLine], query: LogQuery) -> tuple[int, ...]:
    counts = [0] * max(1, min(query.buckets, _BUCKETS))
    span = (query.until - query.since) / len(counts)
    for line in found:
        counts[min(int((line.at - query.since) / span), len(counts) - 1)] += 1
    return tuple(counts)


def _oldest(lines: Iterable[LogLine]) -> datetime | None:
    return min((line.at for line in lines), default=None)


def _partial(*, is_cut: bool, failed: int, read_from: datetime | None) -> Text:
    if failed:
        return text("Some clusters did not answer; of the others, only what running pods still have.")
    if is_cut and read_from is not None:
        return text("Only the newest lines of running pods were searched, those since {at}.", at=read_from)
    return text("Only what running pods still have: nothing of pods that are gone, or from before their last rotation.")
