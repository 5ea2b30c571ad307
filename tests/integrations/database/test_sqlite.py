"""SQLite alone: one process, group commit, what a kill, a full disk and a torn file leave behind."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.ports.store import RecordFilter, Tx
from integrations.database.sqlite import BUSY, STILL_BUSY, Sqlite
from integrations.database.store import DatabaseStore, open_store
from tests.contracts.store.stage import a_record, accepted, added, arrival, in_threads, sealed_records
from tests.kit.clocks import RealClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pilothouse.db"


def opened(path: Path) -> DatabaseStore:
    return open_store(f"sqlite:///{path}", clock=RealClock())


@pytest.fixture
def store(path: Path) -> Iterator[DatabaseStore]:
    store = opened(path)
    yield store
    store.close()


def committed_by_a_killed_writer(path: Path, *, lines: int) -> set[int]:
    """What the process had said was committed when it was killed."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.integrations.database.writer", f"sqlite:///{path}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split("\n")[:-1]
    writer.stdout.close()
    writer.wait(10)
    return {int(line) for line in (*said, *rest)}


def test_everything_that_was_committed_survives_kill_9(path: Path) -> None:
    said = committed_by_a_killed_writer(path, lines=400)
    store = opened(path)
    assert all(accepted(store, arrival(f"{number}")) is None for number in said)
    found = store.read(lambda tx: tx.records.find(RecordFilter(limit=100_000)))
    names = {each.record.body.split('"name":"r')[1].split('"')[0] for each in found}
    assert {str(number) for number in said} <= names
    store.close()


def test_a_second_opening_is_refused_and_names_the_process(store: DatabaseStore, path: Path) -> None:
    with pytest.raises(Refused, match=r"in use by process \d+"):
        opened(path)
    assert store.read(lambda tx: tx.meta.get("epoch")) == "1"


def test_a_second_process_is_refused(path: Path, store: DatabaseStore) -> None:
    other = subprocess.run(
        [sys.executable, "-m", "tests.integrations.database.writer", f"sqlite:///{path}"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
        check=False,
    )
    assert other.returncode != 0
    assert "in use by process" in other.stderr
    assert store.ping()


def test_it_can_be_opened_after_it_was_closed(path: Path) -> None:
    for _ in range(3):
        opened(path).close()


def test_a_closed_store_is_unavailable(path: Path) -> None:
    store = opened(path)
    store.close()
    store.close()
    with pytest.raises(Unavailable):
        store.transact(lambda tx: tx.meta.get("a"))
    with pytest.raises(Unavailable):
        store.read(lambda tx: tx.meta.get("a"))


def test_32_writers_share_commits_and_all_is_there(store: DatabaseStore) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            store.transact(lambda tx, n=number: tx.meta.put(f"{writer}-{n}", "x"))  # type: ignore[misc]

    in_threads([lambda writer=writer: write(writer) for writer in range(32)])  # type: ignore[misc]
    found = store.read(lambda tx: [tx.meta.get(f"{w}-{n}") for w in range(32) for n in range(20)])
    assert found == ["x"] * 640


def test_in_a_shared_commit_who_fails_takes_nobody_along(store: DatabaseStore) -> None:
    """The first holds the lane until all others wait, so that they are one batch."""
    holds, waits = threading.Event(), threading.Event()

    def first() -> int:
        def work(tx: Tx) -> int:
            holds.set()
            waits.wait(10)
            tx.meta.put("first", "1")
            return -1

        return store.transact(work)

    def other(number: int) -> Callable[[], int]:
        def work(tx: Tx) -> int:
            if number == 7:
                raise LookupError(number)
            tx.meta.put(f"{number}", "1")
            if number % 5 == 0:
                raise KeyError(number)
            return number

        def wait_and_write() -> int:
            holds.wait(10)
            if number == 29:
                waits.set()
            return store.transact(work)

        return wait_and_write

    outcomes = in_threads([first, *(other(number) for number in range(30))])[1:]
    for number, outcome in enumerate(outcomes):
        stored = store.read(lambda tx, n=number: tx.meta.get(f"{n}"))  # type: ignore[misc]
        if number == 7:
            assert isinstance(outcome, LookupError)
            assert stored == ""
        elif number % 5 == 0:
            assert isinstance(outcome, KeyError)
            assert stored == ""
        else:
            assert outcome == number
            assert stored == "1"


def test_a_transaction_inside_a_transaction_is_an_error_and_not_a_wait(store: DatabaseStore) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.transact(lambda tx: store.transact(lambda inner: inner.meta.put("a", "1")))
    store.transact(lambda tx: tx.meta.put("a", "2"))


def test_who_is_interrupted_while_working_for_others_leaves_nobody_waiting(store: DatabaseStore) -> None:
    def work(tx: Tx) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.transact(work)
    store.transact(lambda tx: tx.meta.put("a", "1"))
    assert store.read(lambda tx: tx.meta.get("a")) == "1"


def test_a_database_that_somebody_else_locks_is_unavailable_and_then_goes_on(store: DatabaseStore, path: Path) -> None:
    person = sqlite3.connect(path, isolation_level=None)
    person.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        store.transact(lambda tx: tx.meta.put("a", "1"))
    person.execute("ROLLBACK")
    person.close()
    store.transact(lambda tx: tx.meta.put("a", "1"))


def test_who_comes_while_somebody_else_locks_the_database_does_not_wait_for_those_before(
    store: DatabaseStore, path: Path
) -> None:
    """Each try to begin waits for the lock: one for all who came together, and none as long for those who come later."""
    begun: list[str] = []
    backend = store._backend
    assert isinstance(backend, Sqlite)
    backend._writer.set_trace_callback(begun.append)
    person = sqlite3.connect(path, isolation_level=None)
    person.execute("BEGIN IMMEDIATE")
    refused: list[int] = []

    def ask(number: int) -> None:
        with pytest.raises(Unavailable):
            accepted(store, arrival(f"{number}"))
        refused.append(number)

    in_threads([lambda number=number: ask(number) for number in range(24)])  # type: ignore[misc]
    assert sorted(refused) == list(range(24))
    assert begun.count(f"PRAGMA busy_timeout={int(STILL_BUSY * 1000)}") == begun.count("BEGIN IMMEDIATE") < 24
    person.execute("ROLLBACK")
    person.close()
    assert accepted(store, arrival("later")) is not None
    assert begun[-3:].count(f"PRAGMA busy_timeout={int(BUSY * 1000)}") == 1


def test_a_full_disk_is_unavailable_and_loses_nothing(path: Path) -> None:
    """A limit on the size of files stands for the full disk: the same write fails in the same way."""
    store = opened(path)
    store.transact(lambda tx: tx.meta.put("before", "1"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = path.with_name("pilothouse.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, before[1]))
    try:
        with pytest.raises(Unavailable):
            store.transact(lambda tx: tx.meta.put("big", "x" * 1_000_000))
        assert store.read(lambda tx: tx.meta.get("before")) == "1"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    store.transact(lambda tx: tx.meta.put("after", "1"))
    assert store.read(lambda tx: (tx.meta.get("big"), tx.meta.get("after"))) == ("", "1")
    store.close()


def test_what_is_no_database_is_unavailable(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 1000)
    with pytest.raises(Unavailable):
        opened(path)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        opened(tmp_path / "file" / "pilothouse.db")


def test_a_start_takes_over_whatever_was_claimed(path: Path) -> None:

    store = opened(path)
    added(store)
    hour = timedelta(hours=1)
    store.transact(lambda tx: tx.operations.claim(owner="dead", lease=hour, limit=1))
    store.close()
    store = opened(path)
    (claim,) = store.transact(lambda tx: tx.operations.claim(owner="alive", lease=hour, limit=1))
    assert claim.is_takeover
    store.close()


@pytest.mark.parametrize("cut", [1, 24, 512, 1000, 2048, 4095, 4096])
def test_a_torn_log_opens_with_a_whole_prefix_of_what_was_committed(path: Path, tmp_path: Path, cut: int) -> None:
    store = opened(path)
    sealed_records(store, 30)
    for number in range(20):
        store.transact(lambda tx, n=number: tx.records.append(a_record(tx, f"late-{n}")))  # type: ignore[misc]
    torn = tmp_path / "torn.db"
    shutil.copy(path, torn)
    log = path.with_name("pilothouse.db-wal").read_bytes()
    torn.with_name("torn.db-wal").write_bytes(log[:-cut])
    store.close()
    again = opened(torn)
    found = again.read(lambda tx: tx.records.find(RecordFilter(limit=100)))
    assert [each.id for each in reversed(found)] == list(range(1, len(found) + 1))
    assert len(found) >= 30
    again.close()


def test_text_that_somebody_broke_is_still_read(path: Path) -> None:
    store = opened(path)
    sealed_records(store, 3)
    person = sqlite3.connect(path)
    person.execute("DROP TRIGGER audit_no_update")
    person.execute("UPDATE audit SET actor = CAST(x'ff' AS TEXT), body = x'ff00' WHERE id = 2")
    person.commit()
    person.close()
    page = store.read(lambda tx: tx.records.page(after=0, limit=10))
    assert [each.record.actor for each in page] == ["ana", "\udcff", "ana"]
    store.close()
