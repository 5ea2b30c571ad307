"""bot.ports.store.Inbox over the `inbox` table."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.ports.store import Arrival, Stored
from integrations.database.session import Row, Session, micros, moment, storable
from integrations.database.tables import inbox as t

p = sa.bindparam

_ACCEPT = (
    insert(t)
    .values({name: p(name) for name in ("nonce", "delivery", "source", "kind", "actor", "channel", "body", "at")})
    .on_conflict_do_nothing()
    .returning(t.c.id)
)
_DONE = sa.update(t).where(t.c.id == p("b_id")).values(state="done")
_FREE = sa.and_(t.c.state == "new", t.c.at <= p("before"), sa.or_(t.c.owner.is_(None), t.c.lease_until <= p("now")))
_LEFT = (
    sa.select(t.c.id, t.c.nonce, t.c.delivery, t.c.source, t.c.kind, t.c.actor, t.c.channel, t.c.body, t.c.at)
    .where(_FREE)
    .order_by(t.c.id)
    .limit(p("n"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    sa.update(t)
    .where(t.c.id == p("b_id"))
    .values(owner=p("b_owner"), lease_until=p("b_until"), attempts=t.c.attempts + 1)
)
_PRUNE = sa.delete(t).where(t.c.at < p("before"), t.c.state == "done")


def arrival_row(arrival: Arrival, at: int) -> dict[str, str | int]:
    return {
        "nonce": storable(arrival.nonce),
        "delivery": storable(arrival.delivery),
        "source": storable(arrival.source),
        "kind": storable(arrival.kind),
        "actor": storable(arrival.actor),
        "channel": storable(arrival.channel),
        "body": storable(arrival.body),
        "at": at,
    }


class SqlInbox:
    def __init__(self, session: Session) -> None:
        self._session = session

    def accept(self, arrival: Arrival) -> int | None:
        row = self._session.row(_ACCEPT, **arrival_row(arrival, self._session.at))
        return None if row is None else int(row[0])

    def done(self, id: int) -> None:
        self._session.run(_DONE, b_id=id)

    def leftovers(self, *, owner: str, lease: timedelta, older: timedelta, limit: int) -> tuple[Stored, ...]:
        now = self._session.now
        rows = self._session.rows(_LEFT, before=micros(now - older), now=micros(now), n=limit)
        for row in rows:
            self._session.run(_CLAIM, b_id=row[0], b_owner=owner, b_until=micros(now + lease))
        return tuple(_stored(row) for row in rows)

    def prune(self, *, older: timedelta) -> int:
        return self._session.run(_PRUNE, before=micros(self._session.now - older))


def _stored(row: Row) -> Stored:
    id, nonce, delivery, source, kind, actor, channel, body, at = row
    arrival = Arrival(nonce=nonce, delivery=delivery, source=source, kind=kind, actor=actor, channel=channel, body=body)
    return Stored(id=id, arrival=arrival, at=moment(at))
