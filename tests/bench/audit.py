"""What durability costs: our inbox and audit record against a plain synced INSERT, on both databases, in one run.

    python -m tests.bench.audit [--seconds 3] [--records 100000]

Every figure stands beside its baseline of the same run: the driver alone, one row, one commit, one sync.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import queue
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bot.audit.chain import Walk
from bot.audit.checkpoint import Keys, Signer
from bot.audit.recount import Recount
from bot.audit.verify import verify
from bot.ports.store import Store, Tx
from integrations.database.sqlite import connect
from integrations.database.store import open_store
from tests.contracts.store.stage import a_record, a_record_at, arrival
from tests.integrations.database.postgres_server import Server, binaries
from tests.kit.clocks import RealClock

WRITERS = (1, 32)
ROUNDS = 6
PLAIN = "plain INSERT"
HASHED_ONCE = "rows fetched and hashed once"
COLUMNS = "(k TEXT, a TEXT, b TEXT, c TEXT, body TEXT)"
ROW = ("nonce", "slack", "command", "U0ANA0001", '{"text":"deploy web"}' * 10)


@dataclass(frozen=True, slots=True)
class Measured:
    per_second: float
    p50: float
    p99: float
    """Milliseconds."""


def measured(works: Mapping[str, Callable[[int], object]], *, writers: int, seconds: float) -> dict[str, Measured]:
    """Each again and again in so many threads; in turns, so that a noisy neighbour disturbs all alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    numbers = itertools.count()
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name] += _slice(work, numbers, writers, seconds / ROUNDS)
    return {name: _summed(sorted(spans), seconds) for name, spans in taken.items()}


def _summed(spans: list[float], seconds: float) -> Measured:
    return Measured(len(spans) / seconds, statistics.median(spans) * 1000, spans[int(len(spans) * 0.99)] * 1000)


def _slice(work: Callable[[int], object], numbers: Iterator[int], writers: int, seconds: float) -> list[float]:
    spans: list[list[float]] = [[] for _ in range(writers)]
    gate = threading.Barrier(writers + 1)
    end = time.perf_counter() + seconds

    def run(own: list[float]) -> None:
        gate.wait()
        while (started := time.perf_counter()) < end:
            work(next(numbers))
            own.append(time.perf_counter() - started)

    threads = [threading.Thread(target=run, args=(own,)) for own in spans]
    for thread in threads:
        thread.start()
    gate.wait()
    for thread in threads:
        thread.join()
    return list(itertools.chain.from_iterable(spans))


@contextmanager
def plain_sqlite(folder: Path) -> Iterator[Callable[[int], object]]:
    """The same settings, one connection, one INSERT and one sync at a time."""
    connection = connect(folder / "plain.db")
    connection.execute(f"CREATE TABLE plain {COLUMNS} STRICT")
    guard = threading.Lock()

    def insert(_: int) -> None:
        with guard:
            connection.execute("INSERT INTO plain VALUES (?, ?, ?, ?, ?)", ROW)

    yield insert
    connection.close()


@contextmanager
def plain_postgres(url: str) -> Iterator[Callable[[int], object]]:
    """A connection for each writer."""
    free: queue.LifoQueue[psycopg.Connection[tuple[object, ...]]] = queue.LifoQueue()
    opened = [psycopg.connect(url, autocommit=True) for _ in range(max(WRITERS))]
    opened[0].execute(f"CREATE TABLE plain {COLUMNS}".encode())
    for connection in opened:
        free.put(connection)

    def insert(_: int) -> None:
        connection = free.get()
        connection.execute("INSERT INTO plain VALUES (%s, %s, %s, %s, %s)", ROW)
        free.put(connection)

    yield insert
    for connection in opened:
        connection.close()


@contextmanager
def sealing(store: Store) -> Iterator[None]:
    stopped = threading.Event()

    def seal() -> None:
        while not stopped.wait(0.2):
            while store.transact(lambda tx: tx.records.seal(limit=1000)) == 1000:
                pass

    thread = threading.Thread(target=seal)
    thread.start()
    yield
    stopped.set()
    thread.join()


def accept(store: Store, name: str) -> Callable[[int], object]:
    return lambda number: store.accept((arrival(f"{name}-{number}"),))


def append(store: Store) -> Callable[[int], object]:
    def work(number: int) -> None:
        store.transact(lambda tx: tx.records.append(a_record(tx, f"{number}")))

    return work


def note(store: Store) -> Callable[[int], object]:
    """A record that stands alone, as of what was read or refused."""

    def work(number: int) -> None:
        store.note(lambda at: a_record_at(at, f"{number}"), None)

    return work


def writes(name: str, plain: Callable[[int], object], store: Store, seconds: float) -> Iterator[dict[str, object]]:
    for writers in WRITERS:
        works = {PLAIN: plain, "accept": accept(store, f"{writers}"), "append": append(store), "note": note(store)}
        with sealing(store):
            found = measured(works, writers=writers, seconds=seconds)
        for what, one in found.items():
            yield line(name, what, writers, one, found[PLAIN])


def line(name: str, what: str, writers: int, one: Measured, base: Measured) -> dict[str, object]:
    return {
        "database": name,
        "what": what,
        "writers": writers,
        "per_second": round(one.per_second),
        "p50_ms": round(one.p50, 3),
        "p99_ms": round(one.p99, 3),
        "rate_to_plain": round(one.per_second / base.per_second, 2),
        "p50_to_plain": round(one.p50 / base.p50, 2),
    }


def filled(store: Store, count: int) -> None:
    def work(tx: Tx) -> None:
        for number in range(500):
            tx.records.append(a_record(tx, f"{number}"))

    while store.read(lambda tx: tx.records.head())[0] < count:
        store.transact(work)
        while store.transact(lambda tx: tx.records.seal(limit=2000)):
            pass


def hashed_once(store: Store) -> int:
    """What no verifier can do without: every row fetched, every body hashed."""
    after, count, digest = 0, 0, b""
    while page := store.read(lambda tx, last=after: tx.records.raw(after=last, limit=2000)):  # type: ignore[misc]
        for record in page:
            digest = hashlib.sha256(digest + record[2]).digest()
        after, count = page[-1][0], count + len(page)
    return count


def verifying(name: str, store: Store, count: int) -> Iterator[dict[str, object]]:
    filled(store, count)
    keys = Keys((Signer(b"b" * 32).public,))

    def verified() -> int:
        verdict = verify(store, sinks=(), keys=keys)
        assert verdict.is_intact
        return verdict.records

    page = store.read(lambda tx: tx.records.raw(after=0, limit=20_000))
    for what, checker in (("first verifier", Walk()), ("second verifier", Recount({}))):
        started = time.perf_counter()
        checker.feed(page)
        yield {"database": name, "what": what, "records_per_second": round(len(page) / (time.perf_counter() - started))}
    works: dict[str, Callable[[], int]] = {"audit verify, all of it": verified, HASHED_ONCE: lambda: hashed_once(store)}
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in works}
    for _ in range(5):
        for what, work in works.items():
            started, cpu = time.perf_counter(), time.process_time()
            done = work()
            taken[what].append((done / (time.perf_counter() - started), done / (time.process_time() - cpu)))
    for what, rates in taken.items():
        yield {
            "database": name,
            "what": what,
            "records_per_second": round(statistics.median(wall for wall, _ in rates)),
            "records_per_cpu_second": round(statistics.median(busy for _, busy in rates)),
        }


def show(rows: Iterator[dict[str, object]]) -> list[dict[str, object]]:
    kept = []
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        kept.append(row)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store: Store = open_store(f"sqlite:///{folder}/pilothouse.db", clock=RealClock())
        with plain_sqlite(folder) as plain:
            rows += show(writes("sqlite", plain, store, given.seconds))
        rows += show(verifying("sqlite", store, given.records))
        store.close()
    if binaries() is not None:
        server = Server()
        url = server.fresh()
        store = open_store(url, clock=RealClock())
        with plain_postgres(url) as plain:
            rows += show(writes("postgresql", plain, store, given.seconds))
        rows += show(verifying("postgresql", store, given.records))
        store.close()
        server.remove()
    about = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "machine": platform.machine()}
    if given.json is not None:
        given.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    print(json.dumps(about))


if __name__ == "__main__":
    main()
