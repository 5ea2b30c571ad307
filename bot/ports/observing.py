"""Images, logs, metrics and alerts: what outside systems know about an app. Reads only, except silences.

Every query is confined to the namespaces of the app it is about by structure (a filter clause, a matcher), never by
text; every answer is bounded in size and time. Adapters raise IntegrationError only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.domain.reply import Text

# --- images -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Image:
    """One image of an OCI registry, resolved."""

    repository: str
    """As it stands in a pod, without tag or digest: `registry.test/web`."""
    tag: str
    """As asked; empty when asked by digest."""
    digest: str
    """`sha256:...` of the index or manifest that the tag names; this is what is deployed."""
    platforms: tuple[str, ...] = ()
    """Digests of the manifests in an index: a running imageID may be any of them."""

    @property
    def pinned(self) -> str:
        return f"{self.repository}@{self.digest}"


class Images(Protocol):
    def resolve(self, repository: str, ref: str) -> Image:
        """`ref` is a tag or `sha256:...`. Raises Missing where the registry does not have it."""
        ...

    def tags(self, repository: str) -> tuple[str, ...]:
        """At most 1,000, as the registry orders them."""
        ...

    def ping(self) -> str: ...


# --- logs -------------------------------------------------------------------------------------


class Level(StrEnum):
    ERROR = "error"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an app's pods are: the only place that a query may look at."""

    cluster: str
    namespace: str
    workload: str
    """Pods of the app are named after it; its canary is `WORKLOAD-canary`."""
    replica_set: str = ""
    """Metrics are those of this ReplicaSet's pods alone; empty: of all that the workload ever had. Logs do not ask."""

    @property
    def pods(self) -> str:
        """What names of pods begin with."""
        return self.replica_set or self.workload


@dataclass(frozen=True, slots=True)
class LogQuery:
    scopes: tuple[Scope, ...]
    since: datetime
    until: datetime
    words: str = ""
    """What to look for: words, "a phrase", -not; nothing else has a meaning."""
    level: Level | None = None
    """This level and worse."""
    pod: str = ""
    limit: int = 50
    buckets: int = 12
    """Of the histogram."""
    is_oldest: bool = False
    """The oldest lines of the span are wanted, not the newest."""


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    pod: str
    container: str
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class LogPattern:
    count: int
    template: str
    """`upstream timed out after <*> ms`."""


@dataclass(frozen=True, slots=True)
class LogPage:
    total: int
    """Of all that match, or of what was looked at when `partial` says so."""
    lines: tuple[LogLine, ...]
    """The newest (or the oldest, as asked), the oldest of them first."""
    counts: tuple[int, ...]
    """Matches in `buckets` equal spans between since and until, oldest first."""
    patterns: tuple[LogPattern, ...]
    """Of at most 1,000 newest matches, most frequent first, at most 10."""
    source: str
    """`Elasticsearch`, `pod logs`."""
    partial: Text | None = None
    """What is missing from the answer and why."""


class Logs(Protocol):
    def search(self, query: LogQuery) -> LogPage: ...

    def ping(self) -> str: ...


# --- metrics ----------------------------------------------------------------------------------


class Measure(StrEnum):
    """What we ask of an app's metrics; the adapter's settings say how (PromQL templates)."""

    REQUESTS = "requests"
    """Requests a second."""
    ERRORS = "errors"
    """Share of failed requests, 0 to 1."""
    LATENCY = "latency"
    """95th percentile, seconds."""
    CPU = "cpu"
    """Cores."""
    MEMORY = "memory"
    """Bytes."""
    PEAK_MEMORY = "peak-memory"
    """Bytes: the most that one pod took since the sample before."""
    RESTARTS = "restarts"


@dataclass(frozen=True, slots=True)
class Expression:
    """PromQL that an app declares. The adapter confines every selector of it to the scope's namespace and, where it says
    nothing of `$pods`, `$workload` or `$track` itself, to the scope's pods.

    In a label's value `$namespace`, `$workload`, `$track` and, in a regular expression, `$pods` stand for what they are;
    `[$window]` is the range of rates.
    """

    words: str
    track: str = "stable"
    """Or `canary`."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What an alert's rule measures, and where it begins to fire: `errors > 0.02`."""

    measured: Expression
    limit: float
    is_above: bool
    """It fires above the limit; else below it."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    measure: Measure | Expression
    scope: Scope
    """Pods `WORKLOAD-*` without its canary; the canary is a scope of its own."""
    since: datetime
    until: datetime
    step: timedelta


@dataclass(frozen=True, slots=True)
class Samples:
    """One series. NaN, infinite and stale samples are left out: an empty one is "no data", never zero."""

    points: tuple[tuple[datetime, float], ...]


class Metrics(Protocol):
    def range(self, query: MetricQuery) -> Samples: ...

    def check(self, words: str) -> None:
        """Raises BadArguments where an Expression of these words could not be confined, or is none. Asks nobody."""
        ...

    def threshold(self, rule: str) -> Threshold | None:
        """Of an alert's rule that compares something with one number; None of any other. Asks nobody, and never raises."""
        ...

    def ping(self) -> str: ...


# --- alerts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    fingerprint: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: datetime
    ends: datetime | None
    is_firing: bool
    silenced_by: tuple[str, ...] = ()
    rule: str = ""
    """Its expression as Prometheus evaluates it; empty where nobody said it."""

    @property
    def order(self) -> tuple[bool, bool, datetime]:
        """What calls for somebody first."""
        return bool(self.silenced_by), self.labels.get("severity") != "critical", self.starts


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """One delivery of Alertmanager's webhook: the group's alerts as they are now."""

    key: str
    receiver: str
    is_firing: bool
    labels: Mapping[str, str]
    """Common to the group."""
    alerts: tuple[Alert, ...]
    truncated: int = 0
    link: str = ""


class Alerts(Protocol):
    def list(self, namespaces: tuple[str, ...]) -> tuple[Alert, ...]:
        """Firing now, also the silenced ones; empty `namespaces` means none, not all."""
        ...

    def silenced(self, comment: str) -> bool:
        """A silence with exactly this comment is active."""
        ...

    def ping(self) -> str: ...


class AlertWriter(Protocol):
    def silence(self, matchers: Mapping[str, str], *, time: timedelta, by: str, comment: str) -> str:
        """From now, for `time`; exact matchers only. The silence's id. `comment` carries the operation's id: asking
        again with the same comment gives the silence that is there."""
        ...
