"""An operation of which nothing is said that a test is not about."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.operation import Operation, Place, Quorum
from bot.domain.refs import OperationId, PlanHash, Principal

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = Principal("ana")
BARE = Operation(
    id=OperationId("op-1"),
    kind="deploy",
    line="deploy web@2 to prod",
    app="web",
    env="prod",
    tenant="team-web",
    requester=ANA,
    origin="typed",
    place=Place("C1"),
    plan="{}",
    face="{}",
    plan_hash=PlanHash("7f3a9c21"),
    ask_key="k",
    policy_version="p",
    holds=("web/prod",),
    steps=(),
    quorum=Quorum(),
    created=T0,
    expires=T0,
    since=T0,
)
"""A draft without steps; `replace` gives it what a test is about."""
