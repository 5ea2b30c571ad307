"""During an upgrade the version before runs on the migrated schema, beside the new one, and both do the same work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.ports.store import Store
from integrations.database import schema, upgrade
from integrations.database.store import open_store
from tests.contracts.store.stage import added, loaded, sealed_records
from tests.integrations.database.postgres_server import Server
from tests.kit.clocks import RealClock

pytestmark = pytest.mark.postgres
LEASE = timedelta(seconds=30)


@pytest.fixture
def both(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Store]]:
    """The new one, and one that does not know the newest script."""
    url = postgres.fresh()
    new = open_store(url, clock=RealClock(), connections=4)
    scripts = tmp_path / "migrations"
    shutil.copytree(upgrade._SCRIPTS, scripts)
    newest = max((scripts / "versions").glob("v*.py"))
    newest.unlink()
    shutil.rmtree(scripts / "versions" / "__pycache__", ignore_errors=True)
    monkeypatch.setattr(upgrade, "_SCRIPTS", scripts)
    monkeypatch.setattr(schema, "HEAD", "0001")
    old = open_store(url, clock=RealClock(), connections=4)
    yield new, old
    new.close()
    old.close()


def test_each_takes_up_what_the_other_stored(both: tuple[Store, Store]) -> None:
    new, old = both
    cross(new, old)
    cross(old, new)


def cross(one: Store, other: Store) -> None:
    op = added(one)
    (claim,) = other.transact(lambda tx: tx.operations.claim(owner="other", lease=LEASE, limit=5))
    assert claim.id == op.id
    seen = loaded(other, op.id)
    saved = other.transact(lambda tx: tx.operations.save(seen, claim=claim, wake=None))
    assert loaded(one, op.id).version == saved.version


def test_they_seal_one_chain(both: tuple[Store, Store]) -> None:
    for store in both:
        sealed_records(store, 3)
    pages = {store.read(lambda tx: tx.records.page(after=0, limit=50)) for store in both}
    assert len(pages) == 1
    assert [each.seq for each in pages.pop()] == [1, 2, 3, 4, 5, 6]
