"""PostgreSQL: a pool, READ COMMITTED, the server's own time. Refuses a server that may forget what it has acknowledged."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from bot.domain.clock import Clock
from bot.domain.errors import Refused, Unavailable
from bot.domain.reply import text
from bot.ports.store import Arrival, Record
from integrations.database import schema
from integrations.database.bell import PostgresBell
from integrations.database.errors import SYSTEM, Retry, translated
from integrations.database.inbox import arrival_row
from integrations.database.lane import Attempt, Interrupted, Lane, Ticket, Turnstile
from integrations.database.records import said
from integrations.database.session import Session, Statements, micros, moment, storable
from integrations.database.watch import Watch

R = TypeVar("R")
_VENDOR = (psycopg.Error, exc.SQLAlchemyError)

WAIT = 2.0
"""Seconds for a connection of the pool: no action waits longer for a database."""
ANSWER = 6.0
"""Seconds for a whole transaction; the server itself ends each statement after 5."""
TRIES = 4
"""Of a transaction that met another."""
ACCEPT_LIMIT = 256
NOTE_LANES = 2
"""While one waits for the disk the other makes its records."""
_OPTIONS = {
    "statement_timeout": 5000,
    "lock_timeout": 2000,
    "idle_in_transaction_session_timeout": 5000,
}
_MICROS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_NOW = f"SELECT {_MICROS}".encode()
# One round trip: the time comes with the BEGIN.
_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED; " + _NOW
_BEGIN_READ = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + _NOW
# Many rows are one JSON text: to write an array for each column takes the driver longer than the server all of it.
_ACCEPT_COLUMNS = ("nonce", "delivery", "source", "kind", "actor", "channel", "body")
_ACCEPT = (
    f"INSERT INTO inbox ({', '.join(_ACCEPT_COLUMNS)}, at) "  # noqa: S608 - names of columns, all ours
    f"SELECT {', '.join(f'rows.{name}' for name in _ACCEPT_COLUMNS)}, {_MICROS} "
    f"FROM json_to_recordset(%(rows)s::json) AS rows({', '.join(f'{name} text' for name in _ACCEPT_COLUMNS)}) "
    f"ON CONFLICT DO NOTHING RETURNING nonce, id"
)
_NOTE_COLUMNS = ("actor", "action", "target", "op", "kind", "outcome", "body")
_NOTE = (
    f"WITH written AS (INSERT INTO audit (at, {', '.join(_NOTE_COLUMNS)}) "  # noqa: S608 - names of columns, all ours
    f"SELECT rows.at, {', '.join(f'rows.{name}' for name in _NOTE_COLUMNS)} "
    "FROM ROWS FROM (json_to_recordset(%(rows)s::json) "
    f"AS (at bigint, {', '.join(f'{name} text' for name in _NOTE_COLUMNS)})) "
    f"WITH ORDINALITY AS rows(at, {', '.join(_NOTE_COLUMNS)}, n) ORDER BY rows.n RETURNING id), "
    "settled AS (UPDATE inbox SET state = 'done' WHERE id = ANY(%(inbox)s::bigint[])) "
    "INSERT INTO audit_pending (id) SELECT id FROM written RETURNING id"
)
_Note = tuple[Callable[[datetime], Record], int | None]


class Postgres:
    def __init__(self, url: str, *, clock: Clock, connections: int) -> None:
        """`connections`: at most so many, one of them for the bell."""
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._statements = Statements(_dialect())
        pooled = max(1, connections - 1)
        self._pool = QueuePool(
            self._connect,
            pool_size=pooled,
            max_overflow=0,
            timeout=WAIT,
            use_lifo=True,
            recycle=1800,
            reset_on_return=None,  # _give_back has done it
        )
        self._turnstile = Turnstile(pooled)
        self._inbox: Lane[Sequence[Arrival], Sequence[int | None]] = Lane(self._accept_all, limit=ACCEPT_LIMIT)
        self._notes = itertools.cycle([Lane(self._note_all, limit=ACCEPT_LIMIT) for _ in range(NOTE_LANES)])
        self._watch = Watch(clock, seconds=ANSWER)
        self.bell = PostgresBell(lambda: connect(self._url, name="pilothouse-bell"), self._watch)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            schema.prepare_postgres(self._url)
            self.ping()
            undo.pop_all()

    # --- transactions -------------------------------------------------------------------------

    def transact(self, work: Callable[[Session], R]) -> R:
        for left in reversed(range(TRIES)):
            try:
                return self._once(work, is_reading=False)
            except Retry as clash:
                if left == 0:
                    raise Unavailable(
                        SYSTEM,
                        text("The same rows are being changed by too many at once."),
                        retry_after=timedelta(seconds=1),
                    ) from clash
        raise AssertionError("the last try returns or raises")

    def read(self, work: Callable[[Session], R]) -> R:
        try:
            return self._once(work, is_reading=True)
        except Retry as clash:
            raise Unavailable(SYSTEM, text("The database could not show one state.")) from clash

    def _once(self, work: Callable[[Session], R], *, is_reading: bool) -> R:
        begin = _BEGIN_READ if is_reading else _BEGIN
        with self._connected(lambda connection: run(connection, begin)) as (connection, now):
            session = Session(
                cast(Any, connection), self._statements, now=_moment(now), is_reading=is_reading, is_sqlite=False
            )
            result = work(session)
            if run(connection, b"COMMIT").command_status != b"COMMIT":
                raise RuntimeError("a statement failed and its error was kept silent: nothing is written")
            return result

    @contextlib.contextmanager
    def _connected(self, first: Callable[[psycopg.Connection[Any]], R]) -> Iterator[tuple[psycopg.Connection[Any], R]]:
        """A connection of the pool and what `first` said on it; what was not committed at the end is undone."""
        if not self._turnstile.enter(timeout=WAIT):
            raise Unavailable(SYSTEM, text("Too many want the database at once."), retry_after=timedelta(seconds=2))
        try:
            pooled, connection, found = self._first(first)
            try:
                with self._watch.over(connection.fileno()):
                    yield connection, found
            finally:
                self._give_back(pooled, connection)
        except _VENDOR as error:
            failure = translated(error)
            if failure is error:
                raise
            raise failure from error
        finally:
            self._turnstile.leave()

    def _first(
        self, first: Callable[[psycopg.Connection[Any]], R]
    ) -> tuple[PoolProxiedConnection, psycopg.Connection[Any], R]:
        """A connection of the pool may have died while nobody used it: those that fail here are replaced."""
        for left in reversed(range(self._pool.size() + 1)):
            pooled = self._pool.connect()
            connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
            try:
                with self._watch.over(connection.fileno()):
                    return pooled, connection, first(connection)
            except psycopg.Error:
                self._give_back(pooled, connection)
                if left == 0 or not connection.closed:
                    raise
        raise AssertionError("the last try returns or raises")

    def _give_back(self, pooled: PoolProxiedConnection, connection: psycopg.Connection[Any]) -> None:
        """What was not committed is undone here."""
        if not connection.closed and connection.pgconn.transaction_status is not TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.Error), self._watch.over(connection.fileno()):
                connection.rollback()
        if connection.closed:
            pooled.invalidate()
        else:
            pooled.close()

    # --- the inbox's lane ---------------------------------------------------------------------

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        try:
            return self._inbox.put(arrivals)
        except Interrupted as error:
            raise Unavailable(SYSTEM, text("The database was stopped while it wrote.")) from error

    def _accept_all(self, tickets: Sequence[Ticket[Sequence[Arrival], Sequence[int | None]]]) -> None:
        with Attempt[dict[str | int, int]]() as attempt:
            attempt.result = self._insert([arrival for ticket in tickets for arrival in ticket.item])
        for ticket in tickets:
            if attempt.error is not None:
                ticket.fail(attempt.error)
            else:
                # Of equal ones the first is new.
                ids = attempt.result or {}
                ticket.give([ids.pop(arrival_row(arrival, 0)["nonce"], None) for arrival in ticket.item])

    def _insert(self, arrivals: Sequence[Arrival]) -> dict[str | int, int]:
        """One statement is a transaction of its own: one round trip, one sync. Known deliveries are no error, so that
        running it again after a lost answer is safe; then all are known."""
        rows = _json([arrival_row(arrival, 0) for arrival in arrivals])
        with self._connected(lambda connection: connection.execute(_ACCEPT.encode(), {"rows": rows})) as (_, cursor):
            return {nonce: int(id) for nonce, id in cursor.fetchall()}

    # --- the lane of records that stand alone -------------------------------------------------

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int:
        try:
            return next(self._notes).put((make, inbox))
        except (Interrupted, Retry) as error:
            raise Unavailable(SYSTEM, text("The database was stopped while it wrote.")) from error

    def _note_all(self, tickets: Sequence[Ticket[_Note, int]]) -> None:
        with Attempt[None]() as attempt:
            self._write_notes(tickets)
        for ticket in tickets:
            if attempt.error is not None and not ticket.is_done:
                ticket.fail(attempt.error)

    def _write_notes(self, tickets: Sequence[Ticket[_Note, int]]) -> None:
        """Two round trips and one sync for all: the time that the records say, and one statement."""
        with self._connected(lambda connection: run(connection, _NOW)) as (connection, found):
            now = _moment(found)
            made = [(ticket, record) for ticket in tickets if (record := _made(ticket, now)) is not None]
            if not made:
                return
            rows = [
                {name: storable(getattr(record, name)) for name in _NOTE_COLUMNS}
                | {"at": said(record.body, micros(now))}
                for _, record in made
            ]
            inbox = [inbox for ticket, _ in made if (inbox := ticket.item[1]) is not None]
            cursor = connection.execute(_NOTE.encode(), {"rows": _json(rows), "inbox": inbox})
            ids = sorted(int(id) for (id,) in cursor.fetchall())
        for (ticket, _), id in zip(made, ids, strict=True):
            ticket.give(id)

    # --- the rest -----------------------------------------------------------------------------

    def now(self) -> datetime:
        with self._connected(lambda connection: run(connection, _NOW)) as (_, found):
            return _moment(found)

    def _connect(self) -> Any:
        return connect(self._url)

    def ping(self) -> str:
        version = self.read(lambda session: session.connection.execute("SHOW server_version", {}).fetchall()[0][0])
        return "; ".join(filter(None, (f"PostgreSQL {version}", self.bell.state)))

    def close(self) -> None:
        self.bell.close()
        self._watch.stop()
        self._pool.dispose()


def _made(ticket: Ticket[_Note, int], now: datetime) -> Record | None:
    """None where making it failed, which the ticket then tells."""
    with Attempt[Record]() as attempt:
        attempt.result = ticket.item[0](now)
    if attempt.error is not None:
        ticket.fail(attempt.error)
    return attempt.result


def run(connection: psycopg.Connection[Any], sql: bytes) -> PGresult:
    """The result of the last of these statements. Straight to libpq, in a third of the time that the driver's own way
    takes: for what comes with every transaction and has no parameters. Raises psycopg.Error."""
    result = connection.pgconn.exec_(sql)
    if result.status in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
        return result
    if connection.closed:
        raise psycopg.OperationalError(result.get_error_message())
    raise error_from_result(result)


def _moment(found: PGresult) -> datetime:
    return moment(int(found.get_value(0, 0) or 0))


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _dialect() -> PGDialect_psycopg:
    return PGDialect_psycopg()  # type: ignore[no-untyped-call]


def connect(url: sa.URL, *, name: str = "pilothouse") -> psycopg.Connection[Any]:
    """Raises Refused when the server is set up to lose what it has acknowledged."""
    given: dict[str, Any] = url.translate_connect_args(username="user", database="dbname") | dict(url.query)
    options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    connection = psycopg.connect(
        **{
            "connect_timeout": 2,
            "tcp_user_timeout": 8000,
            "keepalives_idle": 5,
            "application_name": name,
            "client_encoding": "UTF8",
            **given,
            "options": f"{options} {given.get('options', '')}".strip(),
        },
        autocommit=True,
    )
    # No column of ours is a VARCHAR: Session.bare_rows casts to it what is to stay bytes.
    connection.adapters.register_loader("varchar", ByteaBinaryLoader)
    wrong = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if not _is_on(connection, name)]
    if wrong:
        connection.close()
        raise Refused(
            SYSTEM,
            text("PostgreSQL is set up to forget what it has acknowledged."),
            why=text("Not on: {names}.", names=", ".join(wrong)),
            next=text(
                "Set {names} to on in postgresql.conf and for this role, and start again.", names=", ".join(wrong)
            ),
        )
    return connection


def _is_on(connection: psycopg.Connection[Any], name: str) -> bool:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return row is not None and row[0] in {"on", "remote_apply"}
