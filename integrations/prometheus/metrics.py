"""Metrics in Prometheus, read with prometheus-api-client: templates of the settings and expressions that apps declare,
every selector confined to one workload.

Nothing that a person typed becomes PromQL. No data is an empty series and never zero. Reads only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import requests
import urllib3
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from bot.domain.errors import BadArguments, IntegrationError, Refused, Unavailable
from bot.domain.refs import Secret
from bot.domain.reply import text
from bot.ports.observing import Measure, MetricQuery, Samples, Threshold
from integrations.prometheus.expressions import check, confined
from integrations.prometheus.promql import DEFAULT_TEMPLATES, Labels, check_template, expression
from integrations.prometheus.session import AnswerTooLarge, BadStatus, BoundedSession
from integrations.prometheus.thresholds import threshold

SYSTEM = "prometheus"
POINTS_LIMIT = 500
LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class PrometheusPlace:
    url: str
    token: Secret = Secret("")
    namespace_label: str = "namespace"
    pod_label: str = "pod"
    cluster_label: str = ""
    """Empty: this Prometheus knows one cluster only."""
    templates: Mapping[Measure, str] = field(default_factory=dict)
    """In place of DEFAULT_TEMPLATES."""
    window: timedelta = timedelta(minutes=2)
    """The range of rates, at least; four scrapes."""


class PrometheusMetrics:
    """Implements bot.ports.observing.Metrics. Thread-safe."""

    def __init__(self, place: PrometheusPlace, *, connect: timedelta, deadline: timedelta) -> None:
        """Raises ValueError where a template of the settings could reach beyond its scope."""
        self._templates = {
            measure: check_template(template) for measure, template in {**DEFAULT_TEMPLATES, **place.templates}.items()
        }
        self._labels = Labels(namespace=place.namespace_label, pod=place.pod_label, cluster=place.cluster_label)
        self._window = place.window
        self._deadline = deadline.total_seconds()
        self._session = BoundedSession(connect + deadline)
        token = place.token.reveal()
        self._client = PrometheusConnect(
            url=place.url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"} if token else None,
            retry=urllib3.Retry(0),
            session=self._session,
            timeout=(connect.total_seconds(), self._deadline),
        )

    def close(self) -> None:
        self._session.close()

    def range(self, query: MetricQuery) -> Samples:
        if query.until <= query.since:
            raise BadArguments(text("The end of the range is not after its beginning."), field="since")
        since = max(query.since, query.until - LONGEST)
        step = max(query.step, timedelta(seconds=1), (query.until - since) / POINTS_LIMIT)
        seconds = math.ceil(step.total_seconds())
        window = max(self._window, timedelta(seconds=seconds))
        asked = self._expression(query, window)
        try:
            found = self._client.custom_query_range(
                asked,
                start_time=since,
                end_time=query.until,
                step=f"{seconds}s",
                # A sample counts no longer than a rate looks back: older ones are stale and not "as before".
                params={"timeout": f"{self._deadline:g}s", "lookback_delta": f"{int(window.total_seconds())}s"},
            )
        except _ERRORS as bad:
            raise _translated(bad) from bad
        return _samples(found)

    def _expression(self, query: MetricQuery, window: timedelta) -> str:
        if isinstance(query.measure, Measure):
            return expression(self._templates[query.measure], query.scope, labels=self._labels, window=window)
        return confined(query.measure, query.scope, labels=self._labels, window=window)

    def check(self, words: str) -> None:
        check(words, labels=self._labels)

    def threshold(self, rule: str) -> Threshold | None:
        return threshold(rule)

    def ping(self) -> str:
        try:
            found = self._client.custom_query("vector(1)", params={"timeout": f"{self._deadline:g}s"})
        except _ERRORS as bad:
            raise _translated(bad) from bad
        if not isinstance(found, list) or len(found) != 1:
            raise _unreadable()
        return "Prometheus answers"


_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    PrometheusApiClientException,
    ValueError,
    KeyError,
    TypeError,
    RecursionError,
)
"""What the client lets through; the last four when an answer is not what it takes it for."""


def _samples(found: object) -> Samples:
    if not isinstance(found, list):
        raise _unreadable()
    if len(found) > 1:
        raise Refused(SYSTEM, text("The template of this measure gives {count} series, not one.", count=len(found)))
    points: list[tuple[datetime, float]] = []
    for series in found:
        values = series.get("values") if isinstance(series, Mapping) else None
        if not isinstance(values, list):
            raise _unreadable()
        try:
            read = [(datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in values]
        except (TypeError, ValueError, OverflowError, OSError) as bad:
            raise _unreadable() from bad
        points += [(at, value) for at, value in read if math.isfinite(value)]
    return Samples(tuple(sorted(points)))


def _unreadable() -> Unavailable:
    return Unavailable(SYSTEM, text("What Prometheus answered cannot be read."))


def _translated(bad: Exception) -> IntegrationError:
    """The one place where the client's exceptions become ours; their texts stay out, they hold bodies and URLs."""
    match bad:
        case BadStatus(status=401 | 403):
            return Refused(SYSTEM, text("Prometheus does not let us ask."))
        case BadStatus(status=429 | 500 | 502 | 503 | 504 as status, retry_after=wait):
            return Unavailable(
                SYSTEM, text("Prometheus cannot answer now ({status}).", status=status), retry_after=wait
            )
        case BadStatus(status=status):
            return Refused(SYSTEM, text("Prometheus did not accept the question ({status}).", status=status))
        case AnswerTooLarge():
            return Refused(SYSTEM, text("The answer of Prometheus is too large."))
        case requests.Timeout() | urllib3.exceptions.TimeoutError():
            return Unavailable(SYSTEM, text("Prometheus did not answer in time."))
        case requests.JSONDecodeError():
            return _unreadable()
        case requests.RequestException() | urllib3.exceptions.HTTPError():
            return Unavailable(SYSTEM, text("Prometheus cannot be reached."))
        case _:
            return _unreadable()
