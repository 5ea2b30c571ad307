"""Logs in Elasticsearch (8 and 9), read with its own client: retries off, a deadline, a limit of what comes back.

Reads only, only the index that the settings name, only the namespaces of the query; a document of another namespace in
an answer is an error of ours or of the index, and nothing of that answer is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.domain.errors import IntegrationError, Missing, Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import Text, text
from bot.ports.observing import LogLine, LogPage, LogPattern, LogQuery, Scope
from integrations.elasticsearch.query import LINES_LIMIT, PATTERN_LINES, Clause, Fields, Span, body, span

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

SYSTEM = "elasticsearch"
SOURCE = "Elasticsearch"
_MESSAGE_LIMIT = 10_000

Mine = Callable[[Iterable[str]], tuple[LogPattern, ...]]


@dataclass(frozen=True, slots=True)
class ElasticsearchPlace:
    url: str
    index: str
    api_key: Secret = Secret("")
    fields: Fields = Fields()
    verify: bool = True


class ElasticsearchLogs:
    """Implements bot.ports.observing.Logs. Thread-safe."""

    def __init__(self, place: ElasticsearchPlace, mine: Mine, *, deadline: timedelta) -> None:
        """`mine`: finds the patterns of messages. `deadline`: of one search, all in all."""
        self._place = place
        self._mine = mine
        self._deadline = deadline.total_seconds()
        self._client: Elasticsearch | None = None
        self._guard = threading.Lock()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def search(self, query: LogQuery) -> LogPage:
        over = span(query)
        if not query.scopes:
            return LogPage(0, (), (0,) * over.buckets, (), SOURCE)
        limit = max(0, min(query.limit, LINES_LIMIT))
        size = max(limit, PATTERN_LINES)
        partial: list[Text] = []
        if over.since > query.since:
            partial.append(text("Only the last {days} days were searched.", days=(over.until - over.since).days))
        answer = self._search(body(query, self._place.fields, size=size))
        if answer is None:
            partial.append(text("The lines are so long that no patterns were looked for."))
            answer = self._search(body(query, self._place.fields, size=limit))
        if answer is None:
            raise Refused(
                SYSTEM,
                text("The lines are too long to be shown."),
                next=text("Look for fewer: a shorter time, more words, a pod."),
            )
        return self._page(query, over, answer, limit, partial)

    def ping(self) -> str:
        """Also that the namespace and pod fields are keywords: as analysed text they would match parts of names."""
        fields = (self._place.fields.namespace, self._place.fields.pod)
        client = self._connected()
        try:
            version = str(_part(client.info(), "version").get("number", ""))
            found = client.field_caps(
                index=self._place.index, fields=list(fields), ignore_unavailable=True, allow_no_indices=True
            )
            kinds = _part(found, "fields")
        except self._errors() as bad:
            raise _translated(bad) from bad
        for field in fields:
            types = kinds.get(field, {})
            if isinstance(types, Mapping) and types and set(types) - {"keyword", "constant_keyword", "unmapped"}:
                raise Refused(SYSTEM, text("The field {field} is not a keyword in every index.", field=field))
        return f"Elasticsearch {version}"

    # --- asking -------------------------------------------------------------------------------

    def _connected(self) -> Elasticsearch:
        with self._guard:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> Elasticsearch:
        # The client takes a third of a second to import, and most replicas never search.
        from elastic_transport.client_utils import DEFAULT
        from elasticsearch import Elasticsearch

        from integrations.elasticsearch.bounded_node import BoundedNode

        return Elasticsearch(
            self._place.url,
            api_key=self._place.api_key.reveal() or None,
            node_class=BoundedNode,
            verify_certs=self._place.verify if self._place.url.startswith("https") else DEFAULT,
            request_timeout=self._deadline,
            max_retries=0,
            retry_on_timeout=False,
            retry_on_status=(),
            http_compress=False,
        )

    def _errors(self) -> tuple[type[Exception], ...]:
        from elasticsearch import ApiError, SerializationError, TransportError, UnsupportedProductError

        return ApiError, TransportError, SerializationError, UnsupportedProductError

    def _search(self, asked: Clause) -> Mapping[str, object] | None:
        """None: the answer is larger than we read."""
        client = self._connected()
        try:
            found = client.search(
                index=self._place.index,
                ignore_unavailable=True,
                allow_no_indices=True,
                expand_wildcards="open",
                # The server gives up before we do, and then says what it has.
                body={**asked, "timeout": f"{max(1, int(self._deadline * 800))}ms"},
            )
        except self._errors() as bad:
            if type(bad).__name__ == "AnswerTooLarge":
                return None
            raise _translated(bad) from bad
        content = found.body
        if not isinstance(content, Mapping):
            raise _unreadable()
        return content

    # --- answering ----------------------------------------------------------------------------

    def _page(
        self, query: LogQuery, over: Span, answer: Mapping[str, object], limit: int, partial: list[Text]
    ) -> LogPage:
        hits = _part(answer, "hits")
        found = hits.get("hits", [])
        total = _part(hits, "total").get("value", 0)
        if not isinstance(found, list) or not isinstance(total, int):
            raise _unreadable()
        lines = [self._line(hit, query.scopes) for hit in found]
        if answer.get("timed_out") is True:
            partial.append(text("The search took too long and was cut short."))
        elif answer.get("terminated_early") is True:
            partial.append(text("There is more than can be searched at once."))
        if _part(answer, "_shards").get("failed"):
            partial.append(text("Some of the index could not be searched."))
        return LogPage(
            total=total,
            lines=tuple(lines[:limit] if query.is_oldest else reversed(lines[:limit])),
            counts=_counts(answer, over),
            patterns=self._mine(line.message for line in lines[:PATTERN_LINES]),
            source=SOURCE,
            partial=_joined(partial),
        )

    def _line(self, hit: object, scopes: tuple[Scope, ...]) -> LogLine:
        fields = self._place.fields
        source = hit.get("_source", {}) if isinstance(hit, Mapping) else {}
        namespace = _text(source, fields.namespace)
        if namespace not in {scope.namespace for scope in scopes}:
            raise Refused(SYSTEM, text("Elasticsearch answered with lines of another namespace; none are shown."))
        return LogLine(
            at=_moment(_text(source, fields.time)),
            pod=_text(source, fields.pod),
            container=_text(source, fields.container),
            level=_text(source, fields.level),
            message=_text(source, fields.message)[:_MESSAGE_LIMIT],
        )


def _counts(answer: Mapping[str, object], over: Span) -> tuple[int, ...]:
    counts = [0] * over.buckets
    # An index pattern that matches nothing is answered without aggregations.
    buckets = _part(_part(answer, "aggregations"), "over_time").get("buckets", [])
    for bucket in buckets if isinstance(buckets, list) else []:
        key, count = bucket.get("key"), bucket.get("doc_count")
        if isinstance(key, int | float) and isinstance(count, int):
            place = int((key - over.start) // over.step)
            counts[max(0, min(place, over.buckets - 1))] += count
    return tuple(counts)


def _part(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, Mapping) or hasattr(value, "get") else None
    return found if isinstance(found, Mapping) else {}


def _text(source: object, field: str) -> str:
    """A field of a document, whether it is written nested, dotted, or half of each."""
    name = field.removesuffix(".keyword")
    if not isinstance(source, Mapping):
        return ""
    if name in source:
        found = source[name]
        return found if isinstance(found, str) else "" if found is None else str(found)
    head, dot, rest = name.partition(".")
    while dot:
        if isinstance(inner := source.get(head), Mapping):
            return _text(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return ""


def _moment(words: str) -> datetime:
    try:
        found = datetime.fromisoformat(words) if not words.isdigit() else datetime.fromtimestamp(int(words) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as bad:
        raise _unreadable() from bad
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _joined(words: list[Text]) -> Text | None:
    found: Text | None = None
    for each in words:
        found = text("{a} {b}", a=found, b=each) if found else each
    return found


def _unreadable() -> Unavailable:
    return Unavailable(SYSTEM, text("What Elasticsearch answered cannot be read."))


def _translated(bad: Exception) -> IntegrationError:
    """The one place where the client's exceptions become ours; bodies stay out, they hold documents and queries."""
    from elasticsearch import ApiError, ConnectionTimeout, SerializationError, UnsupportedProductError

    match bad:
        case UnsupportedProductError():
            return Refused(SYSTEM, text("What answers at its address is not Elasticsearch."))
        case ApiError(status_code=401 | 403):
            return Refused(SYSTEM, text("Elasticsearch does not let us search."))
        case ApiError(status_code=404):
            return Missing(SYSTEM, text("Elasticsearch does not know the index."))
        case ApiError(status_code=429):
            return Unavailable(SYSTEM, text("Elasticsearch has too much to do."), retry_after=timedelta(seconds=10))
        case ApiError(status_code=status) if status < 500:
            return Refused(SYSTEM, text("Elasticsearch did not accept the search ({status}).", status=status))
        case ApiError(status_code=status):
            return Unavailable(SYSTEM, text("Elasticsearch cannot answer now ({status}).", status=status))
        case ConnectionTimeout():
            return Unavailable(SYSTEM, text("Elasticsearch did not answer in time."))
        case SerializationError():
            return _unreadable()
        case _:
            return Unavailable(SYSTEM, text("Elasticsearch cannot be reached."))
