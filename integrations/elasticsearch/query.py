"""A LogQuery as the body of an Elasticsearch search. Pure.

What a person typed goes into one place, `simple_query_string` with the fewest of its signs, and is only ever one more
condition: namespaces, workloads, time and level are filter clauses beside it, so no words can widen the search.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from bot.domain.errors import BadArguments
from bot.domain.reply import text
from bot.ports.observing import Level, LogQuery, Scope

Clause: TypeAlias = "dict[str, object]"

WORDS_LIMIT = 500
LINES_LIMIT = 500
BUCKETS_LIMIT = 60
LONGEST = timedelta(days=31)
PATTERN_LINES = 1000
_EXAMINED = 5_000_000
"""Documents a shard; lines are sorted after this limit, so that a lower one would lose the newest."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# What Kubernetes makes names of: no vowels, so that `web-admin-...` is never taken for a pod of `web`.
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
_LONGEST_BASE = 58
"""Kubernetes cuts what stands before the last five characters of a pod's name to this."""

_LEVELS: Mapping[Level, tuple[str, ...]] = {
    Level.ERROR: ("error", "err", "fatal", "critical", "crit", "panic", "alert", "emerg", "severe"),
    Level.WARN: ("warn", "warning"),
}
_BELOW_INFO = ("debug", "trace", "verbose")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of fields; those that are filtered by have to be keywords."""

    namespace: str = "kubernetes.namespace"
    pod: str = "kubernetes.pod"
    container: str = "kubernetes.container"
    level: str = "level"
    message: str = "message"
    time: str = "@timestamp"
    cluster: str = ""
    """Empty: the index holds one cluster only."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is searched, and in how many equal parts it is counted."""

    since: datetime
    until: datetime
    buckets: int

    @property
    def step(self) -> int:
        """Milliseconds of a bucket."""
        return max(1, -(-self.milliseconds(self.until - self.since) // self.buckets))

    @property
    def start(self) -> int:
        return self.milliseconds(self.since - datetime.fromtimestamp(0, UTC))

    @staticmethod
    def milliseconds(time: timedelta) -> int:
        return time // timedelta(milliseconds=1)


def span(query: LogQuery) -> Span:
    """Bounded: at most 31 days, the newest of what was asked for."""
    if query.until <= query.since:
        raise BadArguments(text("The end of the search is not after its beginning."), field="since")
    return Span(max(query.since, query.until - LONGEST), query.until, max(1, min(query.buckets, BUCKETS_LIMIT)))


def body(query: LogQuery, fields: Fields, *, size: int) -> Clause:
    """Raises BadArguments. `size` lines, newest first unless the oldest are wanted."""
    over = span(query)
    within = {
        "gte": over.start,
        "lt": over.start + Span.milliseconds(over.until - over.since),
        "format": "epoch_millis",
    }
    conditions: list[Clause] = [
        {"bool": {"should": [_scope(scope, fields) for scope in query.scopes], "minimum_should_match": 1}},
        {"range": {fields.time: within}},
    ]
    if query.pod:
        conditions.append({"term": {fields.pod: query.pod}})
    conditions += _level(query.level, fields)
    histogram = {
        "field": fields.time,
        "fixed_interval": f"{over.step}ms",
        "offset": f"{over.start % over.step}ms",
        "min_doc_count": 1,
    }
    return {
        "query": {"bool": {"filter": conditions, "must": _words(query.words, fields)}},
        "aggs": {"over_time": {"date_histogram": histogram}},
        "sort": [{fields.time: {"order": "asc" if query.is_oldest else "desc"}}],
        "size": size,
        "_source": [_source(name) for name in (fields.namespace, fields.pod, fields.container)]
        + [_source(fields.level), fields.message, fields.time],
        "track_total_hits": True,
        "terminate_after": _EXAMINED,
    }


def _source(name: str) -> str:
    """Where a keyword's text stands in the document."""
    return name.removesuffix(".keyword")


def _scope(scope: Scope, fields: Fields) -> Clause:
    """One workload's pods in one namespace; never less."""
    if not _NAME.fullmatch(scope.namespace) or not _NAME.fullmatch(scope.workload):
        raise BadArguments(text("{workload} cannot be a workload.", workload=scope.workload[:100]))
    conditions: list[Clause] = [{"term": {fields.namespace: scope.namespace}}, pods(scope.workload, fields)]
    if fields.cluster:
        conditions.append({"term": {fields.cluster: scope.cluster}})
    return {"bool": {"filter": conditions}}


def pods(workload: str, fields: Fields) -> Clause:
    """Pods of a Deployment (and of its canary), a StatefulSet or a DaemonSet of this name."""
    if len(workload) + len("-canary-") + 11 > _LONGEST_BASE:
        return {"prefix": {fields.pod: {"value": f"{workload[: _LONGEST_BASE - 1]}"}}}
    name = workload.replace(".", "\\.")
    pattern = f"{name}(-canary)?-({_RANDOM}{{1,10}}-{_RANDOM}{{5}}|{_RANDOM}{{5}}|[0-9]{{1,5}})"
    return {"regexp": {fields.pod: {"value": pattern, "flags": "NONE", "max_determinized_states": 10_000}}}


def _level(level: Level | None, fields: Fields) -> list[Clause]:
    match level:
        case None:
            return []
        case Level.INFO:
            # A line without a level may be anything, so it is not left out.
            return [{"bool": {"must_not": [{"terms": {fields.level: _spellings(_BELOW_INFO)}}]}}]
        case Level.WARN:
            return [{"terms": {fields.level: _spellings((*_LEVELS[Level.WARN], *_LEVELS[Level.ERROR]))}}]
        case Level.ERROR:
            return [{"terms": {fields.level: _spellings(_LEVELS[Level.ERROR])}}]


def _spellings(words: tuple[str, ...]) -> list[str]:
    return [spelling for word in words for spelling in (word, word.upper(), word.capitalize())]


def _words(words: str, fields: Fields) -> list[Clause]:
    if not words.strip():
        return []
    if len(words) > WORDS_LIMIT:
        raise BadArguments(text("The words to look for are longer than {limit} characters.", limit=WORDS_LIMIT))
    return [
        {
            "simple_query_string": {
                "query": words,
                "fields": [fields.message],
                "default_operator": "and",
                "flags": "NOT|PHRASE|WHITESPACE",
                "lenient": True,
                "analyze_wildcard": False,
                "auto_generate_synonyms_phrase_query": False,
            }
        }
    ]
