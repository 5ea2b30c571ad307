"""What is kept how long. The audit record, its chain and checkpoints, fences and releases are kept for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from integrations.database.session import Session, micros
from integrations.database.store import DatabaseStore
from integrations.database.tables import alert_threads, inbox, leases, messages, operations, runs, signals, steps, votes

INBOX = timedelta(hours=25)
"""Slack may send an event again for a day."""
OPERATIONS = timedelta(days=400)
MESSAGES = timedelta(days=90)
RUNS = timedelta(days=90)
ALERTS = MESSAGES
"""After their end; their cards go then too."""
LOST_ALERTS = OPERATIONS
"""What fires and was not heard of for so long: Alertmanager repeats what fires every few hours."""
_BATCH = 200
"""Rows a transaction: others wait for SQLite's one writer."""

p = sa.bindparam

_OLD_INBOX = sa.delete(inbox).where(inbox.c.at < p("before"), inbox.c.state == "done")
_OLD_OPERATIONS = (
    sa.select(operations.c.id)
    .where(operations.c.final == 1, operations.c.ended_at < p("before"))
    .order_by(operations.c.number)
    .limit(_BATCH)
)
_PARTS = tuple(sa.delete(table).where(table.c.op == p("op")) for table in (signals, votes, steps))
_OPERATION = sa.delete(operations).where(operations.c.id == p("op"))
# A card may be edited as long as its operation lives, however old its last edit is.
_living = sa.select(sa.literal(1)).where(
    operations.c.final == 0, messages.c.key == sa.literal("operation/") + operations.c.id
)
_OLD_MESSAGES = sa.delete(messages).where(
    messages.c.at < p("before"),
    sa.or_(messages.c.sent_rev >= messages.c.rev, messages.c.held == 1),
    ~_living.correlate(messages).exists(),
)
_OLD_RUNS = sa.delete(runs).where(runs.c.at < p("before"))
_OLD_ALERTS = sa.delete(alert_threads).where(
    sa.or_(
        sa.and_(alert_threads.c.is_firing == 0, alert_threads.c.updated < p("before")),
        alert_threads.c.updated < p("lost"),
    )
)
_OLD_LEASES = sa.delete(leases).where(leases.c.until < p("before"))


@dataclass(frozen=True, slots=True)
class Pruned:
    inbox: int
    operations: int
    messages: int


def prune(store: DatabaseStore) -> Pruned:
    """Called once an hour by bot.app. Raises Unavailable."""
    requests = store.maintain(lambda session: session.run(_OLD_INBOX, before=_before(session, INBOX)))
    store.maintain(lambda session: session.run(_OLD_LEASES, before=_before(session, INBOX)))
    said = store.maintain(lambda session: session.run(_OLD_MESSAGES, before=_before(session, MESSAGES)))
    store.maintain(lambda session: session.run(_OLD_RUNS, before=_before(session, RUNS)))
    store.maintain(
        lambda session: session.run(_OLD_ALERTS, before=_before(session, ALERTS), lost=_before(session, LOST_ALERTS))
    )
    gone = 0
    while count := store.maintain(_prune_operations):
        gone += count
    return Pruned(requests, gone, said)


def _prune_operations(session: Session) -> int:
    rows = session.rows(_OLD_OPERATIONS, before=_before(session, OPERATIONS))
    for (op,) in rows:
        for part in _PARTS:
            session.run(part, op=op)
        session.run(_OPERATION, op=op)
    return len(rows)


def _before(session: Session, age: timedelta) -> int:
    return micros(session.now - age)
