"""bot.ports.store.Outbox: what each place should show, and what of it is still to be sent."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.ports.store import Message, MessageClass
from integrations.database.session import Row, Session, micros, storable
from integrations.database.tables import messages as t

p = sa.bindparam

_RANKS = {kind: rank for rank, kind in enumerate(MessageClass)}
_KINDS = tuple(MessageClass)

_want = insert(t).values(
    key=p("key"),
    n=p("n"),
    channel=p("channel"),
    parent=p("parent"),
    thread=p("thread"),
    rank=p("rank"),
    body=p("body"),
    is_broadcast=p("is_broadcast"),
    rev=1,
    sent_rev=0,
    ts="",
    posted_in="",
    tries=0,
    try_at=0,
    held=0,
    at=p("at"),
)
_was_sent = t.c.sent_rev >= t.c.rev
_WANT = _want.on_conflict_do_update(
    index_elements=[t.c.key],
    set_={
        "body": _want.excluded.body,
        "rank": _want.excluded.rank,
        "rev": t.c.rev + 1,
        # What waits keeps its place; what was sent queues anew, so that edits cannot starve posts.
        "n": sa.case((_was_sent, _want.excluded.n), else_=t.c.n),
        "try_at": sa.case((_was_sent, 0), else_=t.c.try_at),
        "tries": sa.case((_was_sent, 0), else_=t.c.tries),
        "held": 0,
        "at": _want.excluded.at,
    },
)

_COLUMNS = tuple(
    t.c[name]
    for name in (
        "key",
        "n",
        "channel",
        "parent",
        "rank",
        "body",
        "rev",
        "sent_rev",
        "ts",
        "posted_in",
        "tries",
        "is_broadcast",
        "thread",
    )
)
_parent = t.alias("parents")
_first = t.alias("firsts")
_waits_before = (
    sa.select(sa.literal(1))
    .where(
        _first.c.sent_rev < _first.c.rev,
        _first.c.held == 0,
        _first.c.channel == t.c.channel,
        _first.c.rank == t.c.rank,
        _first.c.n < t.c.n,
        _first.c.try_at > p("now"),
    )
    .correlate(t)
    .exists()
)
_has_parent = sa.select(sa.literal(1)).where(_parent.c.key == t.c.parent, _parent.c.ts != "").correlate(t).exists()
_DUE = (
    sa.select(*_COLUMNS)
    .where(
        t.c.sent_rev < t.c.rev,
        t.c.held == 0,
        t.c.try_at <= p("now"),
        sa.or_(t.c.parent == "", _has_parent),
        ~_waits_before,
    )
    .order_by(t.c.rank, t.c.n, t.c.key)
    .limit(p("n"))
)
_of_key = t.c.key == p("b_key")
_TRYING = sa.update(t).where(_of_key).values(tries=t.c.tries + 1, try_at=p("b_at"))
_SENT = (
    sa.update(t)
    .where(_of_key)
    .values(sent_rev=p("b_rev"), ts=p("b_ts"), posted_in=p("b_posted_in"), tries=0, try_at=0, at=p("b_at"))
)
_LATER = sa.update(t).where(_of_key).values(try_at=p("b_at"))
_GIVEN_UP = sa.update(t).where(_of_key).values(sent_rev=t.c.rev, tries=0, try_at=0)
_GONE = sa.update(t).where(_of_key).values(ts="", posted_in="", sent_rev=0, tries=0, try_at=0)
_GET = sa.select(*_COLUMNS).where(t.c.key == p("key"))
_BY_TS = sa.select(*_COLUMNS).where(t.c.posted_in == p("channel"), t.c.ts == p("ts")).limit(1)
_HOLD = sa.update(t).where(t.c.sent_rev < t.c.rev, t.c.held == 0).values(held=1)


class Turns:
    """Places in the queue: the database's time in microseconds, and never the same twice from one process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, at: int) -> int:
        self._last = max(self._last + 1, at)
        return self._last


class SqlOutbox:
    def __init__(self, session: Session, turns: Turns) -> None:
        self._session = session
        self._turns = turns

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
        self._session.run(
            _WANT,
            key=key,
            n=self._turns.next(self._session.at),
            channel=channel,
            parent=parent,
            thread=thread,
            rank=_RANKS[kind],
            body=storable(body),
            is_broadcast=int(is_broadcast),
            at=self._session.at,
        )

    def due(self, *, limit: int) -> tuple[Message, ...]:
        return tuple(_message(row) for row in self._session.rows(_DUE, now=self._session.at, n=limit))

    def trying(self, key: str, *, again_after: timedelta) -> None:
        self._session.run(_TRYING, b_key=key, b_at=micros(self._session.now + again_after))

    def sent(self, key: str, *, rev: int, ts: str, posted_in: str) -> None:
        self._session.run(_SENT, b_key=key, b_rev=rev, b_ts=ts, b_posted_in=posted_in, b_at=self._session.at)

    def failed(self, key: str, *, again_after: timedelta | None) -> None:
        if again_after is None:
            self._session.run(_GIVEN_UP, b_key=key)
        else:
            self._session.run(_LATER, b_key=key, b_at=micros(self._session.now + again_after))

    def gone(self, key: str) -> None:
        self._session.run(_GONE, b_key=key)

    def get(self, key: str) -> Message | None:
        row = self._session.row(_GET, key=key)
        return None if row is None else _message(row)

    def by_ts(self, channel: str, ts: str) -> Message | None:
        row = self._session.row(_BY_TS, channel=channel, ts=ts)
        return None if row is None else _message(row)

    def hold(self) -> int:
        return self._session.run(_HOLD)


def _message(row: Row) -> Message:
    key, n, channel, parent, rank, body, rev, sent_rev, ts, posted_in, tries, is_broadcast, thread = row
    return Message(
        key=key,
        n=n,
        channel=channel,
        parent=parent,
        kind=_KINDS[rank],
        body=body,
        rev=rev,
        sent_rev=sent_rev,
        ts=ts,
        posted_in=posted_in,
        tries=tries,
        is_broadcast=bool(is_broadcast),
        thread=thread,
    )
