"""The product's own durable memory. One commit is a function: `store.transact(work)` runs `work(tx)` in one transaction.

`work` does database work only and is safe to run twice (group commit re-runs it alone after an error). Times are the
database's. What is committed together, and why: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from bot.domain.operation import Operation, Place, Signal
from bot.domain.refs import OperationId, Principal
from bot.ports.schedules import Schedules

R = TypeVar("R")


# --- inbox ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came, neutral and without tokens, response_url or secrets; stored before it is acknowledged."""

    nonce: str
    """SHA-256 of signature, timestamp and body: the same bytes again."""
    delivery: str
    """event_id, trigger_id, view id + hash, webhook delivery id: the same request in other bytes."""
    source: str
    """`slack`, `alertmanager`, `terminal`..."""
    kind: str
    actor: str
    channel: str
    body: str
    """JSON that the source's edge can read again after a restart."""


@dataclass(frozen=True, slots=True)
class Stored:
    id: int
    arrival: Arrival
    at: datetime


class Inbox(Protocol):
    def accept(self, arrival: Arrival) -> int | None:
        """The row's id; None when the nonce or the delivery is known already."""
        ...

    def done(self, id: int) -> None: ...

    def leftovers(self, *, owner: str, lease: timedelta, older: timedelta, limit: int) -> tuple[Stored, ...]:
        """Claims rows that nobody works on: new for longer than `older` and not leased."""
        ...

    def prune(self, *, older: timedelta) -> int: ...


# --- operations -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    id: OperationId
    owner: str
    claims: int
    """Grows with each claim; a save names it, so that a lost lease cannot save."""
    is_takeover: bool
    """The last owner did not let go: a write of its may still be on its way."""


@dataclass(frozen=True, slots=True)
class OperationFilter:
    app: str = ""
    env: str = ""
    requester: Principal | None = None
    is_final: bool | None = None
    kinds: tuple[str, ...] = ()
    limit: int = 20


class Operations(Protocol):
    def next_id(self) -> OperationId: ...

    def add(self, op: Operation, *, inbox: int | None) -> None:
        """Due at once. Raises AlreadyOpen when another that is not final has its ask_key."""
        ...

    def load(self, id: OperationId) -> Operation | None:
        """With its signals."""
        ...

    def lock(self, id: OperationId) -> Operation | None:
        """The same, and nobody else changes the row until the commit: votes come one after the other."""
        ...

    def save(self, op: Operation, *, claim: Claim | None, wake: timedelta | None) -> Operation:
        """The row with version + 1. Raises Stale when the row's version is not `op.version`, or LostClaim when `claim`
        is not the row's any more (owner, claims, lease). `wake`: due again after this time, None: not by itself.
        Without a claim (the road) the row keeps its owner. A final operation is due no more."""
        ...

    def signal(self, id: OperationId, signal: Signal) -> None:
        """Adds the row and makes the operation due now."""
        ...

    def find(self, filter: OperationFilter) -> tuple[Operation, ...]:
        """Newest first."""
        ...

    def open_ask(self, ask_key: str) -> OperationId | None: ...

    def claim(self, *, owner: str, lease: timedelta, limit: int) -> tuple[Claim, ...]:
        """Of those due, not final, unowned or with a lease run out; SKIP LOCKED."""
        ...

    def renew(self, claims: tuple[Claim, ...], *, lease: timedelta) -> tuple[OperationId, ...]:
        """Those that are still ours."""
        ...

    def release(self, claim: Claim) -> None:
        """Clears the owner: every outcome of what it did is known."""
        ...

    def soonest(self) -> timedelta | None:
        """Until the next one is due."""
        ...


class AlreadyOpen(Exception):
    def __init__(self, id: OperationId) -> None:
        super().__init__(id)
        self.id = id


class Stale(Exception):
    """The row moved on since it was read: read again."""


class LostClaim(Exception):
    """Another worker has the operation now: drop what you were doing."""


class StepState(StrEnum):
    SENDING = "sending"
    DONE = "done"
    UNKNOWN = "unknown"
    """The reply was lost or the writer died: stamp before anything else."""


class Steps(Protocol):
    def mark(self, id: OperationId, step: str, state: StepState, *, fence: int) -> None: ...

    def states(self, id: OperationId) -> tuple[tuple[str, StepState, int], ...]: ...

    def lose(self, id: OperationId, step: str, *, fence: int) -> None:
        """This step's creation went unanswered now; what becomes of the step later does not change that."""
        ...

    def lost(self, id: OperationId) -> datetime | None:
        """When a creation went unanswered last."""
        ...


class Holds(Protocol):
    def take(self, keys: tuple[str, ...], op: OperationId) -> int | OperationId:
        """All keys, in sorted order, or none. The new fence (epoch x 2^32 + n, only ever grows), or who holds one."""
        ...

    def raise_fence(self, op: OperationId) -> int:
        """A higher fence for the holds of `op`: a take-over."""
        ...

    def free(self, op: OperationId) -> None: ...

    def holder(self, key: str) -> OperationId | None: ...


# --- what people set --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lock:
    app: str
    env: str
    holder: Principal
    reason: str
    at: datetime
    until: datetime | None


class Locks(Protocol):
    def get(self, app: str, env: str) -> Lock | None: ...

    def put(self, lock: Lock, *, over: Principal | None = None) -> bool:
        """False where somebody holds it who is neither the lock's holder nor `over`; what has run out nobody holds."""
        ...

    def drop(self, app: str, env: str, *, holder: Principal) -> None:
        """Nobody else's."""
        ...

    def list(self) -> tuple[Lock, ...]: ...


class Proof(StrEnum):
    CANDIDATE = "candidate"
    """Being rolled out, or stopped by a person before it was proven."""
    ADOPTED = "adopted"
    """Ran and was healthy when we first changed the app."""
    PROVEN = "proven"
    """Deployed by us, done and baked."""
    BAD = "bad"
    """Rolled back from: locked out until somebody unlocks it."""


@dataclass(frozen=True, slots=True)
class Release:
    """What ran: enough to bring it back, byte for byte."""

    app: str
    env: str
    number: int
    """Per app and env, from 1; 0 until stored."""
    version: str
    """The tag that people know it by; a short digest where there is none."""
    image: str
    """`repository@sha256:...` of the app's container."""
    container: str
    template: str
    """The whole pod template, canonical JSON."""
    config: str
    """JSON of ConfigMap name to its data, for those that the template names."""
    proof: Proof
    operation: str
    at: datetime
    by: Principal


class Releases(Protocol):
    def put(self, release: Release) -> int:
        """Its number. The same app, env, template and operation again gives the number that it has."""
        ...

    def judge(self, app: str, env: str, number: int, proof: Proof) -> None: ...

    def list(self, app: str, env: str, *, limit: int = 20) -> tuple[Release, ...]:
        """Newest first."""
        ...

    def get(self, app: str, env: str, number: int) -> Release | None: ...


class Defaults(Protocol):
    """`here app=web env=staging`, per channel or thread."""

    def get(self, place: Place) -> dict[str, str]: ...

    def put(self, place: Place, defaults: dict[str, str]) -> None: ...


# --- audit ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What happened, as it is hashed. `body` is canonical JSON with all of these and the details."""

    actor: str
    action: str
    """The permission that it needs: `workloads:deploy`; `audit:...` for the record's own affairs."""
    target: str
    """`web/prod`, a cluster, a name; may be empty."""
    op: str
    kind: str
    """attempt, denied, vote, signal, intent, step, outcome, ..."""
    outcome: str
    """A stable word: `ok`, an error's code, a phase."""
    body: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record in the chain: hash = SHA-256("pilothouse-audit-1" + previous hash + seq as 8 bytes + body)."""

    seq: int
    id: int
    at: datetime
    record: Record
    hash: str


Raw = tuple[int, str, bytes, int, str, str, str, str, str, str]
"""A record in the chain as it is stored, for those who read all of them: seq, hash, body; then what is searched: at
(microseconds since 1970), actor, action, target, op, kind, outcome."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The chain's state at a size, to be kept outside the database."""

    database: str
    epoch: int
    size: int
    hash: str
    at: datetime
    signature: str
    """Ed25519 over the rest, base64."""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    id: int | None = None
    """The number that `append` gave; None: any."""
    words: str = ""
    actor: str = ""
    target: str = ""
    op: str = ""
    kind: str = ""
    since: datetime | None = None
    limit: int = 20


class Records(Protocol):
    def append(self, record: Record) -> int:
        """Its id. Sealed into the chain within a second, in another transaction."""
        ...

    def seal(self, *, limit: int) -> int:
        """Puts pending records into the chain; how many. One sealer at a time, others get 0."""
        ...

    def head(self) -> tuple[int, str]:
        """(size, hash); (0, 64 zeros) when empty."""
        ...

    def page(self, *, after: int, limit: int) -> tuple[Sealed, ...]:
        """By seq."""
        ...

    def raw(self, *, after: int, limit: int) -> Sequence[Raw]:
        """The same records, bare."""
        ...

    def find(self, filter: RecordFilter) -> tuple[Sealed, ...]:
        """Newest first; also those not sealed yet, with seq 0."""
        ...

    def unsealed(self, *, older: timedelta, limit: int) -> tuple[Sealed, ...]:
        """Older than that and not in the chain (seq 0): the sealer stands still, or somebody inserted them."""
        ...

    def checkpoints(self) -> tuple[Checkpoint, ...]: ...

    def add_checkpoint(self, checkpoint: Checkpoint) -> None: ...

    def fed(self, sink: str) -> int:
        """Up to which seq a feed has gone."""
        ...

    def feed(self, sink: str, size: int) -> None: ...


# --- outbox -----------------------------------------------------------------------------------


class MessageClass(StrEnum):
    """In the order in which they are sent."""

    APPROVAL = "approval"
    OPERATION = "operation"
    ALERT = "alert"
    CHATTER = "chatter"


@dataclass(frozen=True, slots=True)
class Message:
    """What a place should show. `sent_rev < rev`: something is to be sent."""

    key: str
    """`operation/op-7`, `operation/op-7/3`, `audit/51-64`, `alert/...`: also what is looked up after a lost reply."""
    n: int
    channel: str
    parent: str
    """Key of the message whose thread this belongs to; empty: none."""
    kind: MessageClass
    body: str
    """JSON: {"subject": "operation/op-7"} is drawn from the stored state when it is sent; {"reply": ...}; {"text": ...}."""
    rev: int
    sent_rev: int
    ts: str
    """Where it stands, empty until it was sent; in which channel that is (a DM gets its own id)."""
    posted_in: str
    tries: int
    is_broadcast: bool
    """A thread reply that also shows in the channel."""
    thread: str = ""
    """A thread that is not ours (a mention's); empty: none."""


class Outbox(Protocol):
    def want(
        self,
        key: str,
        *,
        channel: str,
        kind: MessageClass,
        body: str,
        parent: str = "",
        is_broadcast: bool = False,
        thread: str = "",
    ) -> None:
        """The message `key` should say `body`; the latest wins. `thread`: a thread that is not ours (a mention's)."""
        ...

    def due(self, *, limit: int) -> tuple[Message, ...]:
        """sent_rev < rev and try_at reached, by class, then n; FIFO per channel and class; a reply only when its
        parent has a ts."""
        ...

    def trying(self, key: str, *, again_after: timedelta) -> None:
        """Committed before a post: after a crash it is looked up first."""
        ...

    def sent(self, key: str, *, rev: int, ts: str, posted_in: str) -> None: ...

    def failed(self, key: str, *, again_after: timedelta | None) -> None:
        """None: given up (logged); it is not sent again."""
        ...

    def gone(self, key: str) -> None:
        """Somebody deleted it: it is posted anew."""
        ...

    def get(self, key: str) -> Message | None: ...

    def by_ts(self, channel: str, ts: str) -> Message | None: ...

    def hold(self) -> int:
        """Everything unsent waits until it is wanted anew (after a restore from a backup); how many."""
        ...


# --- the rest ---------------------------------------------------------------------------------


class Meta(Protocol):
    def get(self, name: str) -> str: ...

    def put(self, name: str, value: str) -> None: ...

    def lease(self, name: str, *, owner: str, span: timedelta) -> bool:
        """True when it is ours now, for `span`."""
        ...


@dataclass(frozen=True, slots=True)
class AlertThread:
    key: str
    """Alertmanager's group key, hashed."""
    number: int
    channel: str
    state: str
    """JSON of what its card is drawn from."""
    is_firing: bool
    updated: datetime

    @property
    def subject(self) -> str:
        """Of its card, and the key of that message."""
        return f"{ALERT_CARD}{self.key}"


ALERT_CARD = "alert/"


class AlertThreads(Protocol):
    def get(self, key: str) -> AlertThread | None: ...

    def of_card(self, subject: str) -> AlertThread | None:
        """By the subject of a card; None also for the card of something else."""
        ...

    def put(self, thread: AlertThread) -> AlertThread:
        """New ones get their number (`al-311`)."""
        ...

    def by_number(self, number: int) -> AlertThread | None: ...

    def firing_since(self, moment: datetime) -> tuple[AlertThread, ...]:
        """What fires, or had not been known to have ended by then; by number."""
        ...


@dataclass(frozen=True, slots=True)
class Tx:
    """What one transaction may do."""

    now: datetime
    inbox: Inbox
    operations: Operations
    steps: Steps
    holds: Holds
    locks: Locks
    releases: Releases
    defaults: Defaults
    records: Records
    outbox: Outbox
    alerts: AlertThreads
    schedules: Schedules
    meta: Meta


class Bell(Protocol):
    """Between replicas: something was committed that another may want to look at. A help, no promise: whoever is not
    woken looks within a second."""

    def ring(self) -> None:
        """After a commit, never inside a transaction. Returns at once."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """`heard` is called in a thread of its own for what others rang, several rings at once. Called once."""
        ...


class Store(Protocol):
    @property
    def bell(self) -> Bell: ...

    def transact(self, work: Callable[[Tx], R]) -> R:
        """Durable (synced) when it returns. Raises Unavailable("database") when it cannot be written."""
        ...

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[int | None]:
        """`tx.inbox.accept` of each in a transaction of their own, with those of others who wait: the edges' way. Of
        equal ones the first is new."""
        ...

    def note(self, make: Callable[[datetime], Record], inbox: int | None) -> int:
        """A record that describes no change of ours (what was read, what was refused), and its request done: durable, in
        a transaction with those of others who wait. Its id. `make` is given the database's time."""
        ...

    def read(self, work: Callable[[Tx], R]) -> R:
        """A snapshot; writing in it is an error."""
        ...

    def now(self) -> datetime:
        """The database's time, in a round trip and no transaction."""
        ...

    def ping(self) -> str: ...

    def close(self) -> None: ...
