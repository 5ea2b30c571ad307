"""Requests at a steady rate, each over a connection of its own, and what became of them.

A connection of its own, because kube-proxy chooses a pod for each connection: a kept one would see only one version.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that got no answer: when it was sent, in seconds since the first, and why."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of the requests. `lost` got no answer; `errors` got one, with a status of 500 or more."""

    sent: int
    by_version: Mapping[str, int]
    by_status: Mapping[int, int]
    lost: tuple[Lost, ...]
    seconds: tuple[float, ...]
    """How long each answer took, sorted."""

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.by_status.items() if status >= 500)

    def share(self, version: str) -> float:
        """What part of the answers came from a version."""
        answered = sum(self.by_version.values())
        return self.by_version.get(version, 0) / answered if answered else 0.0

    def percentile(self, percent: float) -> float:
        """How long an answer took, in seconds, at that percentile; 0 where none came."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * percent / 100))] if self.seconds else 0.0


@dataclass(slots=True)
class Load:
    """Load on one URL, as a context: `with Load(url, rate=100) as load: ...; load.result`.

    It goes on until the end of the context, or until `total` requests are sent.
    """

    url: str
    rate: float = 100.0
    """Requests a second, spread evenly; what the threads cannot keep up with comes later, none is left out."""
    threads: int = 8
    total: int | None = None
    timeout: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _workers: list[threading.Thread] = field(default_factory=list)
    _sent: int = 0
    _begin: float = 0.0
    _versions: Counter[str] = field(default_factory=Counter)
    _statuses: Counter[int] = field(default_factory=Counter)
    _lost: list[Lost] = field(default_factory=list)
    _seconds: list[float] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._begin = time.monotonic()
        self._workers = [threading.Thread(target=self._work, name=f"load-{number}") for number in range(self.threads)]
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Waits until all is sent and answered."""
        for worker in self._workers:
            worker.join()

    @property
    def result(self) -> LoadResult:
        """What is known so far; all of it after the context or after join()."""
        with self._lock:
            sent = sum(self._statuses.values()) + len(self._lost)
            return LoadResult(
                sent, dict(self._versions), dict(self._statuses), tuple(self._lost), tuple(sorted(self._seconds))
            )

    def _work(self) -> None:
        place = urlsplit(self.url)
        assert place.hostname
        while not self._stop.is_set():
            with self._lock:
                number = self._sent
                if self.total is not None and number >= self.total:
                    return
                self._sent += 1
            if self._stop.wait(max(0.0, self._begin + number / self.rate - time.monotonic())):
                return
            self._request(place.hostname, place.port or 80, place.path or "/")

    def _request(self, host: str, port: int, path: str) -> None:
        start = time.monotonic()
        connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close", **self.headers})
            answer = connection.getresponse()
            version = answer.read().decode().strip()
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self._lost.append(Lost(start - self._begin, f"{type(error).__name__}: {error}"))
            return
        finally:
            connection.close()
        with self._lock:
            self._versions[version] += 1
            self._statuses[answer.status] += 1
            self._seconds.append(time.monotonic() - start)


def send(
    url: str, *, total: int, rate: float = 200.0, threads: int = 8, headers: Mapping[str, str] | None = None
) -> LoadResult:
    """Sends so many requests, and returns when all are answered or lost."""
    with Load(url, rate=rate, threads=threads, total=total, headers=headers or {}) as load:
        load.join()
    return load.result
