"""Is this database the one that the outside remembers? One restored from a backup, or cut, is read-only until a keeper
adopts it (`pilothouse audit adopt`): what it does not know of may still be running.

An adoption is a record with a checkpoint signed by our key, so that whoever can write the database cannot forge one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from bot.audit.checkpoint import Keys, Signer, dump, load
from bot.audit.records import record
from bot.domain.errors import IntegrationError, Unavailable
from bot.domain.operation import Signal, SignalKind
from bot.domain.refs import Principal
from bot.domain.reply import Text, text
from bot.ports.store import Arrival, Bell, Checkpoint, OperationFilter, Record, RecordFilter, Store, Tx

R = TypeVar("R")

ADOPT = "audit:adopt"
ADOPT_KIND = "adopt"
_MANY = 10_000


def is_excused(checkpoint: Checkpoint, adoptions: Iterable[Checkpoint]) -> bool:
    """Taken of records that were lost, by an older epoch, in a loss that a keeper accepted."""
    return any(checkpoint.epoch < adopted.epoch and checkpoint.size > adopted.size for adopted in adoptions)


def adoptions(tx: Tx, keys: Keys) -> tuple[Checkpoint, ...]:
    """By whom the chain was taken up again, and where; only those that our key signed."""
    found = []
    for sealed in tx.records.find(RecordFilter(kind=ADOPT_KIND, limit=_MANY)):
        try:
            adopted = load(json.loads(sealed.record.body)["details"]["checkpoint"])
        except (ValueError, KeyError, TypeError):
            continue
        if keys.is_genuine(adopted) and adopted.database == tx.meta.get("database"):
            found.append(adopted)
    return tuple(found)


def wrong_with(tx: Tx, known: Iterable[Checkpoint], keys: Keys) -> Text | None:
    """What says that this is not the chain that the checkpoints saw; None: it is. Forged ones say nothing."""
    database, epoch = tx.meta.get("database"), int(tx.meta.get("epoch") or 1)
    size, _ = tx.records.head()
    accepted = adoptions(tx, keys)
    for checkpoint in sorted(known, key=lambda each: (each.epoch, each.size), reverse=True):
        if not keys.is_genuine(checkpoint) or is_excused(checkpoint, accepted):
            continue
        if checkpoint.database != database:
            return text("A checkpoint of {at} is of another database.", at=checkpoint.at)
        if checkpoint.epoch > epoch:
            return text("A checkpoint of {at} is of a later epoch: this database is older.", at=checkpoint.at)
        if checkpoint.size > size:
            return text(
                "A checkpoint of {at} saw {seen} records, and there are {size}.",
                at=checkpoint.at,
                seen=checkpoint.size,
                size=size,
            )
        found = tx.records.page(after=checkpoint.size - 1, limit=1) if checkpoint.size else ()
        if checkpoint.size and (not found or found[0].seq != checkpoint.size or found[0].hash != checkpoint.hash):
            return text(
                "Record {seq} is not the one that a checkpoint of {at} saw.", seq=checkpoint.size, at=checkpoint.at
            )
    return None


def adopt(store: Store, *, signer: Signer, known: Iterable[Checkpoint], by: Principal, reason: str) -> Checkpoint:
    """Takes the record up where it ends now. Epoch (and so every fence) goes above all that were ever given, open
    operations are paused, unsent messages held. The checkpoint has to be put into every sink."""
    newest = max((checkpoint.epoch for checkpoint in known), default=1)
    store.transact(lambda tx: tx.records.seal(limit=_MANY))

    def work(tx: Tx) -> Checkpoint:
        epoch = max(newest, int(tx.meta.get("epoch") or 1)) + 1
        tx.meta.put("epoch", str(epoch))
        adopted = signer.at_head(tx)
        held = tx.outbox.hold()
        paused = 0
        for op in tx.operations.find(OperationFilter(is_final=False, limit=_MANY)):
            signal = Signal(
                kind=SignalKind.PAUSE,
                by=by,
                at=tx.now,
                plan_hash=op.plan_hash,
                step=op.cursor,
                words="adopted after a restore",
            )
            tx.operations.signal(op.id, signal)
            paused += 1
        tx.records.append(
            record(
                actor=str(by),
                action=ADOPT,
                target="",
                op="",
                kind=ADOPT_KIND,
                outcome="ok",
                at=tx.now,
                details={
                    "checkpoint": dump(adopted),
                    "reason": reason,
                    "paused": str(paused),
                    "held": str(held),
                    "known": str(max((each.size for each in known), default=0)),
                },
            )
        )
        return adopted

    return store.transact(work)


class GuardedStore:
    """A Store that can be closed to writes: reads go on, everything else is refused at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._why: Text | None = None
        self._guard = threading.Lock()

    @property
    def bell(self) -> Bell:
        return self._store.bell

    @property
    def why_closed(self) -> Text | None:
        return self._why

    def close_writes(self, why: Text) -> None:
        with self._guard:
            self._why = why

    def open_writes(self) -> None:
        with self._guard:
            self._why = None

    def transact(self, work: Callable[[Tx], R]) -> R:
        self._check()
        return self._store.transact(work)

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        """Also while it is closed: whoever asks has to hear why nothing is done."""
        return self._store.accept(arrivals)

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int:
        self._check()
        return self._store.note(make, inbox)

    def read(self, work: Callable[[Tx], R]) -> R:
        return self._store.read(work)

    def now(self) -> datetime:
        return self._store.now()

    def ping(self) -> str:
        return self._store.ping()

    def close(self) -> None:
        self._store.close()

    def _check(self) -> None:
        if self._why is not None:
            raise Unavailable(
                "database",
                text("The database is read-only until a keeper runs `pilothouse audit adopt`."),
                why=self._why,
                retry_after=timedelta(minutes=1),
            )


def collected(sinks: Iterable[Callable[[], tuple[Checkpoint, ...]]]) -> tuple[tuple[Checkpoint, ...], int]:
    """What those places remember that answer, and how many did not."""
    found: list[Checkpoint] = []
    silent = 0
    for read in sinks:
        try:
            found.extend(read())
        except IntegrationError:
            silent += 1
    return tuple(found), silent
