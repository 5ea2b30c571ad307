"""PostgreSQL alone: servers that forget are refused, connections that died are replaced, the record stays insert-only."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.domain.errors import Refused, Unavailable
from bot.ports.store import Store
from integrations.database.schema import migrate
from integrations.database.session import Session
from integrations.database.store import open_store
from integrations.database.tables import metadata
from tests.contracts.store.stage import a_record, accepted, arrival, in_threads, sealed_records
from tests.integrations.database.postgres_server import Server, name_of
from tests.kit.clocks import RealClock

pytestmark = pytest.mark.postgres


def opened(url: str) -> Store:
    return open_store(url, clock=RealClock(), connections=4)


@pytest.fixture
def own() -> Iterator[Server]:
    """One that a test may stop."""
    server = Server()
    yield server
    server.remove()


def test_a_new_database_is_set_up_by_whoever_comes_first(postgres: Server) -> None:
    url = postgres.empty()
    stores = in_threads([lambda: opened(url)] * 4)
    identities = {
        store.read(lambda tx: tx.meta.get("database")) for store in stores if not isinstance(store, Exception)
    }
    assert len(stores) == 4
    assert len(identities) == 1
    for store in stores:
        assert not isinstance(store, Exception)
        store.close()


def test_the_migrations_make_the_tables_that_are_declared(postgres: Server) -> None:
    url = postgres.fresh()
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_role_that_does_not_wait_for_the_disk_is_refused(postgres: Server) -> None:
    url = postgres.fresh()
    postgres.execute(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off")
    with pytest.raises(Refused, match="forget") as error:
        opened(url)
    assert error.value.why is not None
    assert error.value.why.plain() == "Not on: synchronous_commit."


def test_a_server_that_does_not_sync_is_refused() -> None:
    server = Server(options="-c fsync=off -c full_page_writes=off")
    try:
        with pytest.raises(Refused) as error:
            opened(server.empty())
        assert error.value.why is not None
        assert error.value.why.plain() == "Not on: fsync, full_page_writes."
    finally:
        server.remove()


def test_after_a_crash_of_the_server_everything_is_there_and_work_goes_on(own: Server) -> None:
    store = opened(own.fresh())
    sealed_records(store, 20)
    accepted(store, arrival("a"))
    in_threads([lambda: store.read(lambda tx: tx.meta.get("x"))] * 4)
    own.stop()
    with pytest.raises(Unavailable):
        store.transact(lambda tx: tx.meta.put("a", "1"))
    own.start()
    assert accepted(store, arrival("a")) is None
    assert store.read(lambda tx: tx.records.head())[0] == 20
    store.transact(lambda tx: tx.meta.put("a", "1"))
    store.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        opened("postgresql://postgres@127.0.0.1:1/nothing")


def test_connections_that_the_server_ended_are_replaced(postgres: Server) -> None:
    url = postgres.fresh()
    store = opened(url)
    in_threads([lambda: store.read(lambda tx: tx.meta.get("x"))] * 4)
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
    for _ in range(6):
        store.transact(lambda tx: tx.meta.put("a", "1"))
    store.close()


def test_a_row_that_somebody_holds_is_unavailable_and_no_wait_for_ever(postgres: Server) -> None:
    url = postgres.fresh()
    store = opened(url)
    store.transact(lambda tx: tx.meta.put("a", "1"))
    with psycopg.connect(url) as person:
        person.execute("SELECT * FROM meta FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(Unavailable):
            store.transact(lambda tx: tx.meta.put("a", "2"))
        assert time.monotonic() - started < 10
    store.transact(lambda tx: tx.meta.put("a", "3"))
    store.close()


def test_the_bots_own_role_cannot_change_the_record_nor_lift_its_guard(postgres: Server) -> None:
    url = postgres.empty()
    name = name_of(url)
    postgres.execute(f"CREATE ROLE bot_{name} LOGIN")
    migrate(url, role=f"bot_{name}")
    url = postgres.url(name, user=f"bot_{name}")
    store = opened(url)
    sealed_records(store, 2)
    assert store.read(lambda tx: tx.records.head())[0] == 2
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        for sql in (
            "UPDATE audit SET actor = 'x'",
            "DELETE FROM audit_chain",
            "TRUNCATE audit",
            "ALTER TABLE audit DISABLE TRIGGER USER",
            "DROP TABLE audit",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.encode())


def test_two_replicas_seal_one_chain(postgres: Server) -> None:
    url = postgres.fresh()
    one, two = opened(url), opened(url)

    def write(store: Store, name: str) -> None:
        for number in range(10):
            store.transact(lambda tx, n=number: tx.records.append(a_record(tx, f"{name}-{n}")))  # type: ignore[misc]
            store.transact(lambda tx: tx.records.seal(limit=100))

    in_threads([lambda: write(one, "one"), lambda: write(two, "two")])
    while one.transact(lambda tx: tx.records.seal(limit=100)):
        pass
    assert [each.seq for each in two.read(lambda tx: tx.records.page(after=0, limit=100))] == list(range(1, 21))
    one.close()
    two.close()


def test_many_more_writers_than_connections_all_come_through(postgres: Server) -> None:
    store = open_store(postgres.fresh(), clock=RealClock(), connections=2)

    def write(writer: int) -> None:
        for number in range(25):
            store.transact(lambda tx, n=number: tx.meta.put(f"{writer}-{n}", "x"))  # type: ignore[misc]

    outcomes = in_threads([lambda writer=writer: write(writer) for writer in range(24)])  # type: ignore[misc]
    assert outcomes == [None] * 24
    store.close()


def test_a_server_that_stands_still_is_unavailable_and_then_goes_on(own: Server) -> None:
    store = opened(own.fresh())
    store.transact(lambda tx: tx.meta.put("a", "1"))
    own.freeze()
    try:
        with pytest.raises(Unavailable):
            store.transact(lambda tx: tx.meta.put("a", "2"))
    finally:
        own.thaw()
    store.transact(lambda tx: tx.meta.put("a", "3"))
    assert store.read(lambda tx: tx.meta.get("a")) == "3"
    store.close()


def test_an_error_that_was_kept_silent_is_no_commit(postgres: Server) -> None:
    """The server answers such a COMMIT with ROLLBACK, and no error."""
    store = open_store(postgres.fresh(), clock=RealClock(), connections=4)

    def work(session: Session) -> None:
        session.connection.execute("INSERT INTO meta VALUES ('a', '1')", {})
        with contextlib.suppress(psycopg.Error):
            session.connection.execute("SELECT 1 / 0", {})

    with pytest.raises(RuntimeError, match="nothing is written"):
        store.maintain(work)
    assert store.read(lambda tx: tx.meta.get("a")) == ""
    store.close()
