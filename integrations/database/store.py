"""bot.ports.store.Store over SQLite or PostgreSQL: one code path above two ways of holding a transaction.

`open_store` is the way in. No connection is held across anything but database work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.clock import Clock
from bot.domain.refs import Secret
from bot.ports.store import Arrival, Bell, Record, Store, Tx
from integrations.database.alerts import SqlAlertThreads, SqlMeta
from integrations.database.holds import SqlHolds, SqlLocks, SqlSteps
from integrations.database.inbox import SqlInbox
from integrations.database.operations import SqlOperations
from integrations.database.outbox import SqlOutbox, Turns
from integrations.database.records import SqlRecords
from integrations.database.releases import SqlDefaults, SqlReleases
from integrations.database.schedules import SqlSchedules
from integrations.database.session import Session
from integrations.database.sqlite import Sqlite

R = TypeVar("R")


class Backend(Protocol):
    @property
    def bell(self) -> Bell: ...

    def transact(self, work: Callable[[Session], R]) -> R: ...

    def read(self, work: Callable[[Session], R]) -> R: ...

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]: ...

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int: ...

    def now(self) -> datetime: ...

    def ping(self) -> str: ...

    def close(self) -> None: ...


class DatabaseStore:
    """Safe to use from many threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turns = Turns()

    @property
    def bell(self) -> Bell:
        return self._backend.bell

    def transact(self, work: Callable[[Tx], R]) -> R:
        return self._backend.transact(lambda session: work(self._tx(session)))

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        return self._backend.accept(arrivals)

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int:
        return self._backend.note(make, inbox)

    def read(self, work: Callable[[Tx], R]) -> R:
        return self._backend.read(lambda session: work(self._tx(session)))

    def now(self) -> datetime:
        return self._backend.now()

    def ping(self) -> str:
        """`SQLite 3.40.1, /data/pilothouse.db`; raises Unavailable."""
        return self._backend.ping()

    def close(self) -> None:
        self._backend.close()

    def maintain(self, work: Callable[[Session], R]) -> R:
        """For retention, which is no business of the port."""
        return self._backend.transact(work)

    def _tx(self, session: Session) -> Tx:
        return Tx(
            now=session.now,
            inbox=SqlInbox(session),
            operations=SqlOperations(session),
            steps=SqlSteps(session),
            holds=SqlHolds(session),
            locks=SqlLocks(session),
            releases=SqlReleases(session),
            defaults=SqlDefaults(session),
            records=SqlRecords(session),
            outbox=SqlOutbox(session, self._turns),
            alerts=SqlAlertThreads(session),
            schedules=SqlSchedules(session),
            meta=SqlMeta(session),
        )


def open_store(url: Secret | str, *, clock: Clock, connections: int = 10) -> DatabaseStore:
    """`sqlite:////var/lib/pilothouse/pilothouse.db` or `postgresql://user:password@host/name`.

    Raises Refused where it may not be used (another process has it, settings that lose data, a schema of another
    version: `next` says what mends it) and Unavailable where it does not answer. A new database is set up at once.
    """
    plain = url.reveal() if isinstance(url, Secret) else url
    if plain.startswith("sqlite:"):
        return DatabaseStore(Sqlite(plain, clock=clock))
    from integrations.database.postgres import Postgres

    return DatabaseStore(Postgres(plain, clock=clock, connections=connections))


def _is_a_store(store: DatabaseStore) -> Store:
    return store
