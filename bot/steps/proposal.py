"""What the road hands to the desk: a planned change, or a signal to an operation, agreed to and not yet stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.operation import Place, Quorum, SignalKind
from bot.domain.refs import OperationId, Principal
from bot.domain.schedules import Run
from bot.ports.apps import App
from bot.steps.step import Plan


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the road agreed to; the desk adds id, times and phase."""

    command: str
    permission: str
    line: str
    app: App | None
    requester: Principal
    origin: str
    place: Place
    plan: Plan
    ask_key: str
    policy_version: str
    quorum: Quorum
    expiry: timedelta
    fields: Mapping[str, str]
    is_asked: bool
    """Starts, or is put to the vote, at once: no private plan first."""
    reason: str = ""
    run: Run | None = None
    """Of a schedule: stored with the operation, or neither is."""


@dataclass(frozen=True, slots=True)
class Given:
    """A signal to be."""

    command: str
    permission: str
    id: OperationId
    kind: SignalKind
    by: Principal
    origin: str
    seen: str
    """Start of the plan hash that the person saw; empty: whatever stands there."""
    step: int | None
    """The step that the person saw; None: where the operation stands."""
    words: str
