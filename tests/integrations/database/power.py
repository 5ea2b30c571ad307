"""Losing power under SQLite: files cut at every byte of their last 4 KiB, and writes that no sync had reached yet.

What is left is opened as a start does it. It has to be whole; or closed to writes, because a checkpoint outside knows of
more; or refused. Nothing is missing silently.

    python -m tests.integrations.database.power            # every byte, some minutes
    python -m tests.integrations.database.power --step 64
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from bot.audit.checkpoint import Keys, Signer, signer_from_file
from bot.audit.sealer import Sealer
from bot.audit.sinks import FileSink
from bot.audit.standing import GuardedStore
from bot.domain.errors import IntegrationError
from bot.domain.operation import Operation
from bot.ports.store import OperationFilter, Sealed, Store, Tx
from integrations.database.store import open_store
from tests.contracts.store.stage import a_record, operation
from tests.kit.clocks import RealClock

REACH = 4096
SECTOR = 512
SUBSETS = 200
"""Random ones of the sectors of an unsynced commit."""


class Fate(StrEnum):
    WHOLE = "whole"
    CLOSED = "read-only, a checkpoint outside is ahead"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class State:
    records: tuple[Sealed, ...]
    unsealed: tuple[str, ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    database: bytes
    log: bytes
    states: tuple[State, ...]
    """Those that it may be in, if it is open to writes."""


def asked(store: Store, name: str) -> None:
    """As the desk does it: an operation with its record."""

    def work(tx: Tx) -> None:
        tx.operations.add(operation(tx, ask=name), inbox=None)
        tx.records.append(a_record(tx, name))

    store.transact(work)


def sealed(store: Store) -> None:
    while store.transact(lambda tx: tx.records.seal(limit=100)):
        pass


def state_of(store: Store) -> State:
    def work(tx: Tx) -> State:
        waiting = tx.records.unsealed(older=timedelta(0), limit=1000)
        operations = tx.operations.find(OperationFilter(limit=1000))
        return State(tx.records.page(after=0, limit=1000), tuple(each.record.body for each in waiting), operations)

    return store.read(work)


class Powerless:
    """A database with work in it, and a checkpoint of it in another place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.signer: Signer = signer_from_file(folder / "key")
        self.sink = FileSink(folder / "outside")
        self._path = folder / "whole.db"
        store = self._open(self._path)
        for number in range(12):
            asked(store, f"early-{number}")
        sealed(store)
        asked(store, "late")
        sealed(store)
        self.sink.put(store.transact(self.signer.at_head))
        self.known = state_of(store)
        self._synced = self._bytes()
        asked(store, "last")
        self._last = self._bytes()
        self._after = state_of(store)
        store.close()
        self._closed = self._bytes()

    @staticmethod
    def _open(path: Path) -> Store:
        return open_store(f"sqlite:///{path}", clock=RealClock())

    def _bytes(self) -> tuple[bytes, bytes]:
        log = self._path.with_name(f"{self._path.name}-wal")
        return self._path.read_bytes(), log.read_bytes() if log.exists() else b""

    # --- what is left -------------------------------------------------------------------------

    def cases(self, *, step: int, seed: int = 1) -> Iterator[Case]:
        database, log = self._synced
        for cut in range(1, REACH + 1, step):
            yield Case("log cut", database, log[:-cut], (self.known,))
        closed, _ = self._closed
        for cut in range(1, REACH + 1, step):
            yield Case("database cut", closed[:-cut], b"", (self._after,))
        yield from self._unsynced(step, random.Random(seed))

    def _unsynced(self, step: int, dice: random.Random) -> Iterator[Case]:
        """Of the last commit nothing was synced: any of its sectors may have been written, or not."""
        database, log = self._synced
        _, after = self._last
        assert after.startswith(log), "the log goes on where it was"
        tail, either = after[len(log) :], (self.known, self._after)
        for length in range(0, len(tail), max(step, 64)):
            yield Case("unsynced, cut", database, log + tail[:length], either)
        sectors = range(0, len(tail), SECTOR)
        lost = [{each} for each in sectors]
        lost += [{each for each in sectors if dice.random() < 0.5} for _ in range(max(20, SUBSETS // step))]
        for gone in lost:
            parts = [bytes(len(tail[at : at + SECTOR])) if at in gone else tail[at : at + SECTOR] for at in sectors]
            yield Case("unsynced, sectors lost", database, log + b"".join(parts), either)

    # --- a start on it ------------------------------------------------------------------------

    def fate(self, case: Case, folder: Path) -> Fate:
        """Raises AssertionError where something is missing and nobody would notice."""
        path = folder / "left.db"
        for old in folder.iterdir():
            old.unlink()
        path.write_bytes(case.database)
        path.with_name("left.db-wal").write_bytes(case.log)
        try:
            store = GuardedStore(self._open(path))
        except IntegrationError:
            return Fate.REFUSED
        try:
            return self._looked_at(store, case)
        except IntegrationError:
            return Fate.REFUSED
        finally:
            store.close()

    def _looked_at(self, store: GuardedStore, case: Case) -> Fate:
        sealer = Sealer(
            store=store,
            signer=self.signer,
            keys=Keys((self.signer.public,)),
            sinks=(self.sink,),
            clock=RealClock(),
            owner="start",
            on_wrong=store.close_writes,
        )
        sealer.look()
        found = state_of(store)
        if store.why_closed is not None:
            assert found.records == self.known.records[: len(found.records)], f"{case.kind}: no prefix"
            return Fate.CLOSED
        assert found in case.states, f"{case.kind}: open to writes, with {len(found.records)} records"
        return Fate.WHOLE


def tried(folder: Path, *, step: int) -> Counter[tuple[str, Fate]]:
    powerless, left = Powerless(folder), folder / "left"
    left.mkdir()
    return Counter((case.kind, powerless.fate(case, left)) for case in powerless.cases(step=step))


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--step", type=int, default=1, help="bytes between two cuts")
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.stderr))
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for (kind, fate), count in sorted(tried(Path(folder), step=given.parse_args().step).items()):
            print(f"{kind:24} {fate.value:44} {count:6}")


if __name__ == "__main__":
    main()
