"""Reads and idempotent changes of our own records, as World and Hands give them to commands and steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from bot.domain.errors import Locked
from bot.domain.operation import Operation, Place
from bot.domain.refs import OperationId, Principal
from bot.domain.reply import Buttons, Note, Reply, text
from bot.operations.desk import card_key
from bot.ports.store import (
    AlertThread,
    Lock,
    LostClaim,
    MessageClass,
    OperationFilter,
    Proof,
    RecordFilter,
    Release,
    Sealed,
    Store,
    Tx,
)
from bot.ports.world import Verdict
from bot.steps.codec import dump

R = TypeVar("R")


RECEIPT = "r"
"""Before a record's id, which an answer gives at once; its place in the chain comes with its sealing."""


def told_key(id: OperationId, who: Principal) -> str:
    return f"{card_key(id)}/told-{who}"


def pointing_up(reply: Reply) -> Reply:
    """Actions live on the first message of a thread."""
    there = Note(text("The button is on the first message of this thread."))
    return replace(reply, blocks=tuple(there if isinstance(block, Buttons) else block for block in reply.blocks))


@dataclass(frozen=True, slots=True)
class StoredBook:
    """bot.ports.world.Book over the Store."""

    store: Store

    def operation(self, id: OperationId) -> Operation | None:
        return self.store.read(lambda tx: tx.operations.load(id))

    def operations(self, filter: OperationFilter) -> tuple[Operation, ...]:
        return self.store.read(lambda tx: tx.operations.find(filter))

    def holder(self, hold: str) -> OperationId | None:
        return self.store.read(lambda tx: tx.holds.holder(hold))

    def lock(self, app: str, env: str) -> Lock | None:
        def work(tx: Tx) -> Lock | None:
            lock = tx.locks.get(app, env)
            return None if lock and lock.until and lock.until <= tx.now else lock

        return self.store.read(work)

    def locks(self) -> tuple[Lock, ...]:
        return self.store.read(lambda tx: tuple(k for k in tx.locks.list() if not k.until or k.until > tx.now))

    def releases(self, app: str, env: str, *, limit: int = 20) -> tuple[Release, ...]:
        return self.store.read(lambda tx: tx.releases.list(app, env, limit=limit))


@dataclass(frozen=True, slots=True)
class StoredLedger:
    """bot.ports.world.Ledger over the Store, for one acting person and one step of one operation."""

    store: Store
    by: Principal
    op: Operation
    """As it was saved before this step: our own records are fenced by its version, as the clusters are by the mark."""

    def _as_saved(self, work: Callable[[Tx], R]) -> R:
        """Raises LostClaim where another worker has taken the operation over since."""

        def fenced(tx: Tx) -> R:
            found = tx.operations.lock(self.op.id)
            if found is None or found.version != self.op.version:
                raise LostClaim(self.op.id)
            return work(tx)

        return self.store.transact(fenced)

    def put_release(self, release: Release) -> int:
        return self._as_saved(lambda tx: tx.releases.put(replace(release, at=tx.now, by=self.by)))

    def judge_release(self, app: str, env: str, *, operation: OperationId, proof: Proof) -> None:
        def work(tx: Tx) -> None:
            for release in tx.releases.list(app, env, limit=50):
                if release.operation == operation and release.proof is not Proof.ADOPTED:
                    tx.releases.judge(app, env, release.number, proof)

        self._as_saved(work)

    def set_proof(self, app: str, env: str, number: int, proof: Proof) -> None:
        self._as_saved(lambda tx: tx.releases.judge(app, env, number, proof))

    def lock(self, lock: Lock, *, time: timedelta | None, over: Principal | None) -> None:
        def work(tx: Tx) -> None:
            timed = replace(lock, at=tx.now, until=tx.now + time if time else None)
            if not tx.locks.put(timed, over=over):
                held = tx.locks.get(lock.app, lock.env)
                who = held.holder if held is not None else lock.holder
                raise Locked(text("{who} has locked {app} on {env} meanwhile.", who=who, app=lock.app, env=lock.env))

        self._as_saved(work)

    def unlock(self, app: str, env: str, *, holder: Principal) -> None:
        self._as_saved(lambda tx: tx.locks.drop(app, env, holder=holder))

    def tell(self, who: Principal, reply: Reply, *, address: str) -> None:
        """`address`: their own place; empty: the thread of the operation's card, where everybody sees it."""
        words = reply if address else pointing_up(reply)
        self._as_saved(
            lambda tx: tx.outbox.want(
                told_key(self.op.id, who),
                channel=address or self.op.place.channel,
                thread="" if address else self.op.place.thread,
                kind=MessageClass.OPERATION,
                body=f'{{"reply":{dump(words)}}}',
                parent="" if address else card_key(self.op.id),
                is_broadcast=not address,
            )
        )

    def acknowledge(self, number: int) -> None:
        def work(tx: Tx) -> None:
            thread = tx.alerts.by_number(number)
            if thread is None or json.loads(thread.state).get("acked_by"):
                return
            state = {**json.loads(thread.state), "acked_by": self.by.id, "acked_at": tx.now.isoformat()}
            tx.alerts.put(replace(thread, state=json.dumps(state, sort_keys=True)))
            body = f'{{"subject":"{thread.subject}"}}'
            tx.outbox.want(thread.subject, channel=thread.channel, kind=MessageClass.ALERT, body=body)

        self._as_saved(work)

    def set_defaults(self, place: Place, defaults: dict[str, str]) -> None:
        self._as_saved(lambda tx: tx.defaults.put(place, defaults))


@dataclass(frozen=True, slots=True)
class StoredTrail:
    """bot.ports.world.Trail over the Store."""

    store: Store
    verifier: Callable[[], Verdict]

    def find(self, filter: RecordFilter) -> tuple[Sealed, ...]:
        return self.store.read(lambda tx: tx.records.find(filter))

    def record(self, number: str) -> Sealed | None:
        if number.startswith(RECEIPT):
            found = self.find(RecordFilter(id=int(number.removeprefix(RECEIPT)), limit=1))
            return found[0] if found else None
        seq = int(number)
        page = self.store.read(lambda tx: tx.records.page(after=seq - 1, limit=1)) if seq > 0 else ()
        return page[0] if page and page[0].seq == seq else None

    def verify(self) -> Verdict:
        return self.verifier()

    def defaults(self, place: Place) -> dict[str, str]:
        """A thread's own, over its channel's."""

        def work(tx: Tx) -> dict[str, str]:
            channel = tx.defaults.get(Place(place.channel))
            return {**channel, **(tx.defaults.get(place) if place.thread else {})}

        return self.store.read(work)

    def about(self, place: Place) -> dict[str, str]:
        def work(tx: Tx) -> dict[str, str]:
            message = tx.outbox.by_ts(place.channel, place.thread) if place.thread else None
            subject = message.key if message is not None else ""
            kind, _, key = subject.partition("/")
            known: Mapping[str, str] = {}
            if kind == "operation" and (op := tx.operations.load(OperationId(key))) is not None:
                known = {"app": op.app, "env": op.env}
            elif (thread := tx.alerts.of_card(subject)) is not None:
                known = json.loads(thread.state)
            return {name: known[name] for name in ("app", "env") if known.get(name)}

        return self.store.read(work)

    def alert(self, number: int) -> AlertThread | None:
        return self.store.read(lambda tx: tx.alerts.by_number(number))
