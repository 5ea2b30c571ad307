"""SQLite: one process, one writing connection, group commit; readers beside it.

The file lock beside the database keeps a second process out: two writers in one WAL can corrupt it before 3.51.3.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from bot.domain.clock import Clock
from bot.domain.errors import Refused, Unavailable
from bot.domain.reply import text
from bot.ports.store import Arrival, Record
from integrations.database import schema
from integrations.database.errors import SYSTEM, VENDOR, is_broken_io, is_locked, is_not_text, translated
from integrations.database.inbox import SqlInbox
from integrations.database.lane import Attempt, Interrupted, Lane, Ticket
from integrations.database.operations import take_over_all
from integrations.database.records import SqlRecords
from integrations.database.session import Session, Statements

R = TypeVar("R")
Work = Callable[[Session], object]

BUSY = 1.0
"""Seconds. Nobody but a person with a shell can hold our lock; no action waits longer than 2 s for a database."""
STILL_BUSY = 0.05
"""Seconds for whoever comes after one who waited in vain: Slack's three seconds are for the whole queue."""
KEPT_READERS = 8


class _NotTogether(Exception):
    """One that had written failed: each is run alone."""


class _LockedOut(Exception):
    """Another process holds the lock: nothing was begun, and the next would wait as long."""


class FileLock:
    """Held as long as the process lives, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise Refused(
                SYSTEM,
                text("{path} is in use by process {pid}.", path=str(path.with_suffix("")), pid=holder),
                why=text("With SQLite only one process may have the database open."),
                next=text("Stop that process, or use PostgreSQL to run more than one."),
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)


def path_of(url: str) -> Path:
    database = sa.make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("a file such as sqlite:////var/lib/pilothouse/pilothouse.db")
    return Path(database)


class NoBell:
    """bot.ports.store.Bell of a store that a single process has."""

    def ring(self) -> None:
        return

    def listen(self, heard: Callable[[], None]) -> None:
        return


class Sqlite:
    def __init__(self, url: str, *, clock: Clock) -> None:
        self.bell = NoBell()
        self._path = path_of(url)
        self._clock = clock
        self._statements = Statements(SQLiteDialect_pysqlite(paramstyle="named"))
        self._lane: Lane[Work, object] = Lane(self._commit)
        self._readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._is_closed = False
        self._must_reopen = False
        self._is_locked_out = False
        with contextlib.ExitStack() as undo:
            self._lock = lock_of(self._path)
            undo.callback(self._lock.release)
            check_whole(self._path)
            schema.prepare_sqlite(self._path)
            self._writer = self._connect()
            self.transact(take_over_all)
            undo.pop_all()

    def transact(self, work: Callable[[Session], R]) -> R:
        try:
            return cast(R, self._lane.put(work))
        except Interrupted as error:
            raise Unavailable(SYSTEM, text("The database was stopped while it wrote.")) from error

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        return self.transact(lambda session: [*map(SqlInbox(session).accept, arrivals)])

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int:
        def work(session: Session) -> int:
            if inbox is not None:
                SqlInbox(session).done(inbox)
            return SqlRecords(session).append(make(session.now))

        return self.transact(work)

    # --- writing ------------------------------------------------------------------------------

    def _commit(self, tickets: Sequence[Ticket[Work, object]]) -> None:
        try:
            if len(tickets) > 1 and self._commit_together(tickets):
                return
            for ticket in tickets:
                self._commit_alone(ticket)
        except _LockedOut as locked:
            for ticket in tickets:
                if not ticket.is_done:
                    ticket.fail(translated(cast(Exception, locked.__cause__)))

    def _commit_together(self, tickets: Sequence[Ticket[Work, object]]) -> bool:
        """False, with nothing done, when one that had written failed: then each is run alone."""
        writer = self._ready()
        if writer is None:
            return False
        try:
            with self._transaction(writer):
                attempts = [self._attempt(ticket, writer) for ticket in tickets]
        except _NotTogether:
            return False
        except VENDOR as error:
            self._must_reopen = is_broken_io(error)
            return False
        for ticket, attempt in zip(tickets, attempts, strict=True):
            ticket.settle(attempt)
        return True

    def _attempt(self, ticket: Ticket[Work, object], writer: sqlite3.Connection) -> Attempt[object]:
        """One that fails before it wrote anything disturbs nobody."""
        written = writer.total_changes
        with Attempt[object]() as attempt:
            attempt.result = ticket.item(self._session(writer, is_reading=False))
        if attempt.error is not None and (isinstance(attempt.error, VENDOR) or writer.total_changes != written):
            raise _NotTogether
        return attempt

    def _commit_alone(self, ticket: Ticket[Work, object]) -> None:
        writer = self._ready()
        if writer is None:
            ticket.fail(Unavailable(SYSTEM, text("The database is closed or cannot be opened.")))
            return
        with Attempt[object]() as attempt, self._transaction(writer):
            attempt.result = ticket.item(self._session(writer, is_reading=False))
        if isinstance(attempt.error, _LockedOut):
            raise attempt.error
        if isinstance(attempt.error, VENDOR):
            self._must_reopen = is_broken_io(attempt.error)
            failure = translated(attempt.error)
            if failure is not attempt.error:
                failure.__cause__ = attempt.error
            attempt.error = failure
        ticket.settle(attempt)

    @contextlib.contextmanager
    def _transaction(self, writer: sqlite3.Connection) -> Iterator[None]:
        self._begin(writer)
        try:
            yield
            writer.execute("COMMIT")
        finally:
            self._roll_back(writer)

    def _begin(self, writer: sqlite3.Connection) -> None:
        """Raises _LockedOut, the first time after BUSY seconds."""
        try:
            writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_locked(error):
                raise
            self._wait_at_most(writer, STILL_BUSY)
            self._is_locked_out = True
            raise _LockedOut from error
        if self._is_locked_out:
            self._wait_at_most(writer, BUSY)
            self._is_locked_out = False

    @staticmethod
    def _wait_at_most(writer: sqlite3.Connection, seconds: float) -> None:
        writer.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")

    def _ready(self) -> sqlite3.Connection | None:
        """After a failed sync the file is read anew: what the old connection believes may not be on the disk."""
        if self._is_closed:
            return None
        if self._must_reopen:
            with contextlib.suppress(sqlite3.Error):
                self._writer.close()
            try:
                self._writer = self._connect()
            except Unavailable:
                return None
            self._must_reopen = False
        return self._writer

    @staticmethod
    def _roll_back(writer: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            if writer.in_transaction:
                writer.execute("ROLLBACK")

    # --- reading ------------------------------------------------------------------------------

    def read(self, work: Callable[[Session], R]) -> R:
        reader = self._borrow()
        try:
            return self._read(reader, work)
        except VENDOR as error:
            if not is_not_text(error):
                raise translated(error) from error
        finally:
            self._give_back(reader)
        return self._read_broken_text(work)

    def _read(self, reader: sqlite3.Connection, work: Callable[[Session], R]) -> R:
        reader.execute("BEGIN")
        try:
            return work(self._session(reader, is_reading=True))
        finally:
            self._roll_back(reader)

    def _read_broken_text(self, work: Callable[[Session], R]) -> R:
        """Slower, and never stopped by a text that somebody broke: the verifier has to be able to name it."""
        reader = self._connect(is_reading=True)
        reader.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            return self._read(reader, work)
        except VENDOR as error:
            raise translated(error) from error
        finally:
            reader.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._is_closed:
                raise Unavailable(SYSTEM, text("The database is closed."))
            if self._readers:
                return self._readers.pop()
        return self._connect(is_reading=True)

    def _give_back(self, reader: sqlite3.Connection) -> None:
        with self._guard:
            if not self._is_closed and len(self._readers) < KEPT_READERS:
                self._readers.append(reader)
                return
        reader.close()

    # --- the rest -----------------------------------------------------------------------------

    def now(self) -> datetime:
        if self._is_closed:
            raise Unavailable(SYSTEM, text("The database is closed."))
        return self._clock.now()

    def _session(self, connection: sqlite3.Connection, *, is_reading: bool) -> Session:
        now = self._clock.now()
        plain = cast(Any, connection)
        return Session(plain, self._statements, now=now, is_reading=is_reading, is_sqlite=True)

    def _connect(self, *, is_reading: bool = False) -> sqlite3.Connection:
        return connect(self._path, is_reading=is_reading)

    def ping(self) -> str:
        self.read(lambda session: session.connection.execute("SELECT 1 FROM meta", {}).fetchone())
        return f"SQLite {sqlite3.sqlite_version}, {self._path}"

    def close(self) -> None:
        with self._guard:
            if self._is_closed:
                return
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self.transact(self._close_writer)
        self._writer.close()
        self._lock.release()

    def _close_writer(self, session: Session) -> None:
        """Runs in the lane, behind everything that was asked before."""
        self._is_closed = True


def lock_of(path: Path) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
    return FileLock(path.with_name(f"{path.name}.lock"))


def check_whole(path: Path) -> None:
    """Raises Refused where the file is shorter than it says: SQLite reads zeros behind the end, and says nothing."""
    with contextlib.closing(connect(path)) as connection:
        try:
            # What the log has belongs to the file first.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (pages,), (size,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
            )
        except sqlite3.Error as error:
            raise translated(error) from error
    found = path.stat().st_size
    if found < pages * size:
        raise Refused(
            SYSTEM,
            text("{path} is cut off: {found} bytes of {whole}.", path=str(path), found=found, whole=pages * size),
            next=text("Restore it from a backup, look with `pilothouse audit verify`, then `pilothouse audit adopt`."),
        )


def connect(path: Path, *, is_reading: bool = False) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if is_reading:
            connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        raise translated(error) from error
    return connection


def _unusable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        SYSTEM, text("{path} cannot be opened.", path=str(path)), why=text("{why}", why=error.strerror or "")
    )
