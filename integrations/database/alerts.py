"""bot.ports.store.AlertThreads and Meta."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.ports.store import ALERT_CARD, AlertThread
from integrations.database.session import Row, Session, micros, moment, storable
from integrations.database.tables import alert_threads as t
from integrations.database.tables import leases, meta

p = sa.bindparam

_COLUMNS = (t.c.key, t.c.id, t.c.channel, t.c.state, t.c.is_firing, t.c.updated)
_GET = sa.select(*_COLUMNS).where(t.c.key == p("key"))
_BY_NUMBER = sa.select(*_COLUMNS).where(t.c.id == p("id"))
# Two halves of one index: for one condition with "or" SQLite reads the whole table.
FIRING_SINCE = sa.union_all(
    sa.select(*_COLUMNS).where(t.c.is_firing == 1),
    sa.select(*_COLUMNS).where(t.c.is_firing == 0, t.c.updated >= p("at")),
).order_by(sa.literal_column("id"))
_VALUES = ("channel", "state", "is_firing", "updated")
# Not an upsert: PostgreSQL would use up a number each time, and people say these numbers.
_CHANGE = sa.update(t).where(t.c.key == p("b_key")).values({name: p(f"b_{name}") for name in _VALUES}).returning(t.c.id)
_NEW = sa.insert(t).values({name: p(f"b_{name}") for name in ("key", *_VALUES)}).returning(t.c.id)

_META = sa.select(meta.c.value).where(meta.c.name == p("name"))
_put_meta = insert(meta).values(name=p("name"), value=p("value"))
_PUT_META = _put_meta.on_conflict_do_update(index_elements=[meta.c.name], set_={"value": _put_meta.excluded.value})
_lease = insert(leases).values(name=p("name"), owner=p("owner"), until=p("until"))
_LEASE = _lease.on_conflict_do_update(
    index_elements=[leases.c.name],
    set_={"owner": _lease.excluded.owner, "until": _lease.excluded.until},
    where=sa.or_(leases.c.owner == _lease.excluded.owner, leases.c.until <= p("now")),
).returning(leases.c.owner)


class SqlAlertThreads:
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, key: str) -> AlertThread | None:
        row = self._session.row(_GET, key=key)
        return None if row is None else _thread(row)

    def of_card(self, subject: str) -> AlertThread | None:
        return self.get(subject.removeprefix(ALERT_CARD)) if subject.startswith(ALERT_CARD) else None

    def put(self, thread: AlertThread) -> AlertThread:
        values = {
            "b_key": thread.key,
            "b_channel": thread.channel,
            "b_state": storable(thread.state),
            "b_is_firing": int(thread.is_firing),
            "b_updated": micros(thread.updated),
        }
        row = self._session.row(_CHANGE, **values) or self._session.row(_NEW, **values)
        assert row is not None
        return replace(thread, number=int(row[0]))

    def by_number(self, number: int) -> AlertThread | None:
        row = self._session.row(_BY_NUMBER, id=number)
        return None if row is None else _thread(row)

    def firing_since(self, moment: datetime) -> tuple[AlertThread, ...]:
        return tuple(_thread(row) for row in self._session.rows(FIRING_SINCE, at=micros(moment)))


class SqlMeta:
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> str:
        row = self._session.row(_META, name=name)
        return "" if row is None else str(row[0])

    def put(self, name: str, value: str) -> None:
        self._session.run(_PUT_META, name=name, value=storable(value))

    def lease(self, name: str, *, owner: str, span: timedelta) -> bool:
        until = micros(self._session.now + span)
        row = self._session.row(_LEASE, name=name, owner=owner, until=until, now=self._session.at)
        return row is not None


def _thread(row: Row) -> AlertThread:
    key, number, channel, state, is_firing, updated = row
    return AlertThread(key, number, channel, state, bool(is_firing), moment(updated))
