"""World: everything that may be read. Hands: everything that may be changed. Both bound to one acting person.

Commands and `observe` get a World; only the engine ever holds Hands: so a command cannot write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.canaries import CanaryDefaults
from bot.domain.operation import Operation, Place
from bot.domain.refs import AppName, EnvName, OperationId, Principal
from bot.domain.reply import Reply, Text
from bot.domain.schedules import PastRun, Schedule
from bot.ports.apps import App, Apps
from bot.ports.builds import Builds, BuildWriter, NoBuilds
from bot.ports.clusters import ClusterReads, ClusterWrites
from bot.ports.observing import Alerts, AlertWriter, Images, Logs, Metrics
from bot.ports.store import AlertThread, Lock, OperationFilter, Proof, RecordFilter, Release, Sealed


@dataclass(frozen=True, slots=True)
class Check:
    """One line of doctor."""

    name: str
    is_ok: bool
    words: Text
    mend: Text | None = None
    """The exact command or setting that mends it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of `audit verify`."""

    is_intact: bool
    records: int
    words: tuple[Text, ...]


class Book(Protocol):
    """Reads of our own records."""

    def operation(self, id: OperationId) -> Operation | None: ...

    def operations(self, filter: OperationFilter) -> tuple[Operation, ...]: ...

    def holder(self, hold: str) -> OperationId | None: ...

    def lock(self, app: str, env: str) -> Lock | None: ...

    def locks(self) -> tuple[Lock, ...]: ...

    def releases(self, app: str, env: str, *, limit: int = 20) -> tuple[Release, ...]: ...


class Trail(Protocol):
    """Reads of the audit record, of alert threads, and of what a place is about."""

    def find(self, filter: RecordFilter) -> tuple[Sealed, ...]: ...

    def record(self, number: str) -> Sealed | None:
        """`5318`: by its place in the chain; `r5321`: by the receipt that an answer gave, also before it is sealed."""
        ...

    def verify(self) -> Verdict: ...

    def defaults(self, place: Place) -> dict[str, str]: ...

    def about(self, place: Place) -> dict[str, str]:
        """`app` and `env` of the operation or alert whose card the thread hangs on; empty elsewhere."""
        ...

    def alert(self, number: int) -> AlertThread | None: ...


class Cards(Protocol):
    """How an operation is shown."""

    def card(self, op: Operation) -> Reply: ...

    def review(self, op: Operation, *, asker: Principal, may_vote: bool) -> Reply:
        """Everything that changes, in a dialog; whose submit approves where the asker may vote."""
        ...


@dataclass(frozen=True, slots=True)
class HelpLine:
    name: str
    summary: str
    usage: str
    example: str
    is_change: bool
    parameters: tuple[tuple[str, str], ...] = ()
    """Each by its name, and what it means."""


class Rules(Protocol):
    """What the policy says to the asker."""

    def may(self, permission: str, app: App | None) -> bool: ...

    def roles(self) -> tuple[str, ...]: ...

    def groups(self) -> tuple[str, ...]: ...

    def waits_for(self, op: Operation) -> bool:
        """The asker may vote on it and has not."""
        ...

    def duration(self, name: str, app: AppName, env: EnvName) -> timedelta:
        """`bake`, `deadline`, `canary-deadline`: settings of delivery that an env or app may set."""
        ...

    def canary(self, app: App) -> CanaryDefaults:
        """What a canary of it does where its asker says nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule of the policy, with when it is due and what came of it last."""

    schedule: Schedule
    next_due: datetime | None
    last: PastRun | None


@dataclass(frozen=True, slots=True)
class Errand:
    """A command line that somebody is asked to run for another: checked, and in canonical form."""

    line: str
    what: Text
    """`deploy of web on prod`."""
    is_at_once: bool
    """It is carried out at the click, without a plan that is shown first."""


@dataclass(frozen=True, slots=True)
class World:
    now: datetime
    asker: Principal
    place: Place
    apps: Apps
    images: Images
    logs: Logs
    metrics: Metrics
    alerts: Alerts
    book: Book
    trail: Trail
    cards: Cards
    rules: Rules
    help: Callable[[], tuple[HelpLine, ...]]
    """Only what the asker may run."""
    checks: Callable[[], tuple[Check, ...]]
    """Doctor's; slow, it asks every backend."""
    schedules: Callable[[], tuple[Planned, ...]]
    cluster: Callable[[str], ClusterReads]
    errand: Callable[[Principal, str], Errand]
    """What this person could run for the asker. Raises UserError where they could not."""
    told: Callable[[OperationId, Principal], bool]
    """The operation has told this person (Hands.tell)."""
    builds: Builds = field(default_factory=NoBuilds)


class Ledger(Protocol):
    """Changes of our own records that are steps of a plan: idempotent, and named by operation."""

    def put_release(self, release: Release) -> int:
        """`at` and `by` of the release are set here."""
        ...

    def judge_release(self, app: str, env: str, *, operation: OperationId, proof: Proof) -> None:
        """The candidate that this operation recorded."""
        ...

    def set_proof(self, app: str, env: str, number: int, proof: Proof) -> None: ...

    def lock(self, lock: Lock, *, time: timedelta | None, over: Principal | None) -> None:
        """`at` is set here, and `until` to `time` from then. Raises Locked where somebody else than `over` holds it."""
        ...

    def unlock(self, app: str, env: str, *, holder: Principal) -> None: ...

    def set_defaults(self, place: Place, defaults: dict[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Hands:
    acting: Principal
    ledger: Ledger
    alerts: AlertWriter
    cluster: Callable[[str], ClusterWrites]
    tell: Callable[[Principal, Reply], None]
    """Once an operation and person, with a mention, in the thread of the operation's card; where others do not see that,
    in their own direct message. Its buttons are for the latter only: the card has them."""
    acknowledge: Callable[[int], None]
    """An alert by its number, as the acting person."""
    builds: BuildWriter = field(default_factory=NoBuilds)
    time_left: Callable[[], timedelta] = timedelta
    """Of the engine's lease: a target that cannot refuse a late write is sent nothing that could outlast it."""
