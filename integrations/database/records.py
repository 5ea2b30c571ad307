"""bot.ports.store.Records: records are written with what they describe and put into the chain a moment later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.domain.chain import START, link
from bot.ports.store import Checkpoint, Raw, Record, RecordFilter, Sealed
from integrations.database.session import Row, Session, micros, moment
from integrations.database.tables import BODY, audit, audit_chain, audit_pending, checkpoints, sinks

p = sa.bindparam

SEAL_LOCK = 7_013_201_001
"""PostgreSQL's advisory lock of whoever seals; SQLite has one writer anyway."""

_FIELDS = ("at", "actor", "action", "target", "op", "kind", "outcome", "body")
_APPEND = sa.insert(audit).values({name: p(name) for name in _FIELDS}).returning(audit.c.id)
_PEND = sa.insert(audit_pending).values(id=p("id"))
# PostgreSQL writes both with one statement, one round trip less; SQLite has no writing in a WITH.
_written = _APPEND.cte("written")
_APPEND_AND_PEND = sa.insert(audit_pending).from_select(["id"], sa.select(_written.c.id)).returning(audit_pending.c.id)
_TRY_LOCK = sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal(SEAL_LOCK, sa.BigInteger)))
_TAIL = sa.select(audit_chain.c.seq, audit_chain.c.hash).order_by(audit_chain.c.seq.desc()).limit(1)
_PENDING = (
    sa.select(audit_pending.c.id, audit.c.body)
    .select_from(audit_pending.join(audit, audit.c.id == audit_pending.c.id))
    .order_by(audit_pending.c.id)
    .limit(p("n"))
)
_CHAIN = sa.insert(audit_chain).values(seq=p("seq"), id=p("id"), hash=p("hash"))
_SEALED = sa.delete(audit_pending).where(audit_pending.c.id == p("b_id"))

_COLUMNS = (audit.c.id, *(audit.c[name] for name in _FIELDS[:-1]), sa.cast(audit.c.body, BODY))
_PAGE = (
    sa.select(audit_chain.c.seq, audit_chain.c.hash, *_COLUMNS)
    .select_from(audit_chain.join(audit, audit.c.id == audit_chain.c.id))
    .where(audit_chain.c.seq > p("after"))
    .order_by(audit_chain.c.seq)
    .limit(p("n"))
)
# In the order of bot.ports.store.Raw.
_RAW_BODY = sa.String().with_variant(sa.LargeBinary, "sqlite")
_RAW = (
    sa.select(
        audit_chain.c.seq,
        audit_chain.c.hash,
        sa.cast(audit.c.body, _RAW_BODY),
        *(audit.c[name] for name in _FIELDS[:-1]),
    )
    .select_from(audit_chain.join(audit, audit.c.id == audit_chain.c.id))
    .where(audit_chain.c.seq > p("after"))
    .order_by(audit_chain.c.seq)
    .limit(p("n"))
)
_ALL = sa.select(
    sa.func.coalesce(audit_chain.c.seq, 0), sa.func.coalesce(audit_chain.c.hash, ""), *_COLUMNS
).select_from(audit.outerjoin(audit_chain, audit.c.id == audit_chain.c.id))
_UNSEALED = _ALL.where(audit_chain.c.seq.is_(None), audit.c.at < p("before")).order_by(audit.c.id).limit(p("n"))
_CHECKPOINT_COLUMNS = tuple(checkpoints.c[name] for name in ("database", "epoch", "size", "hash", "at", "signature"))
_CHECKPOINTS = sa.select(*_CHECKPOINT_COLUMNS).order_by(checkpoints.c.epoch, checkpoints.c.size)
_ADD_CHECKPOINT = (
    insert(checkpoints).values({column.name: p(column.name) for column in _CHECKPOINT_COLUMNS}).on_conflict_do_nothing()
)
_FED = sa.select(sinks.c.size).where(sinks.c.sink == p("sink"))
_feed = insert(sinks).values(sink=p("sink"), size=p("size"))
_FEED = _feed.on_conflict_do_update(index_elements=[sinks.c.sink], set_={"size": _feed.excluded.size})


class _Timed(msgspec.Struct):
    at: datetime


_read_time = msgspec.json.Decoder(_Timed).decode


class SqlRecords:
    def __init__(self, session: Session) -> None:
        self._session = session

    def append(self, record: Record) -> int:
        is_sqlite = self._session.is_sqlite
        row = self._session.row(
            _APPEND if is_sqlite else _APPEND_AND_PEND,
            at=said(record.body, self._session.at),
            actor=record.actor,
            action=record.action,
            target=record.target,
            op=record.op,
            kind=record.kind,
            outcome=record.outcome,
            body=record.body.encode() if is_sqlite else record.body,
        )
        assert row is not None
        if is_sqlite:
            self._session.run(_PEND, id=row[0])
        return int(row[0])

    def seal(self, *, limit: int) -> int:
        if not self._session.is_sqlite:
            locked = self._session.row(_TRY_LOCK)
            if not locked or not locked[0]:
                return 0
        pending = self._session.rows(_PENDING, n=limit)
        if not pending:
            return 0
        size, hash = self.head()
        links = []
        for id, body in pending:
            size += 1
            hash = link(hash, size, _words(body))
            links.append({"seq": size, "id": id, "hash": hash})
        self._session.run_each(_CHAIN, links)
        # Each by its id: one with a lower id may just have been committed, and is the next round's.
        self._session.run_each(_SEALED, [{"b_id": id} for id, _ in pending])
        return len(pending)

    def head(self) -> tuple[int, str]:
        row = self._session.row(_TAIL)
        return (0, START) if row is None else (int(row[0]), str(row[1]))

    def page(self, *, after: int, limit: int) -> tuple[Sealed, ...]:
        return tuple(map(_sealed, self._session.rows(_PAGE, after=after, n=limit)))

    def raw(self, *, after: int, limit: int) -> Sequence[Raw]:
        return cast("list[Raw]", self._session.bare_rows(_RAW, after=after, n=limit))

    def find(self, filter: RecordFilter) -> tuple[Sealed, ...]:
        query = _ALL.order_by(audit.c.id.desc()).limit(p("n"))
        params: dict[str, Any] = {"n": filter.limit}
        for name in ("id", "actor", "target", "op", "kind"):
            if (value := getattr(filter, name)) not in {None, ""}:
                query = query.where(audit.c[name] == p(f"f_{name}"))
                params[f"f_{name}"] = value
        if filter.since is not None:
            query = query.where(audit.c.at >= p("f_since"))
            params["f_since"] = micros(filter.since)
        for index, word in enumerate(filter.words.split()):
            # SQLite's lower() and LIKE know ASCII only, on both sides.
            wanted = word if self._session.is_sqlite else word.lower()
            body = sa.func.lower(sa.cast(audit.c.body, sa.Text))
            query = query.where(body.like(p(f"f_word{index}"), escape="\\"))
            params[f"f_word{index}"] = f"%{_literal(wanted)}%"
        return tuple(map(_sealed, self._session.ask(query, params)))

    def unsealed(self, *, older: timedelta, limit: int) -> tuple[Sealed, ...]:
        rows = self._session.rows(_UNSEALED, before=micros(self._session.now - older), n=limit)
        return tuple(map(_sealed, rows))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return tuple(
            Checkpoint(database, epoch, size, hash, moment(at), signature)
            for database, epoch, size, hash, at, signature in self._session.rows(_CHECKPOINTS)
        )

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._session.run(
            _ADD_CHECKPOINT,
            database=checkpoint.database,
            epoch=checkpoint.epoch,
            size=checkpoint.size,
            hash=checkpoint.hash,
            at=micros(checkpoint.at),
            signature=checkpoint.signature,
        )

    def fed(self, sink: str) -> int:
        row = self._session.row(_FED, sink=sink)
        return 0 if row is None else int(row[0])

    def feed(self, sink: str, size: int) -> None:
        self._session.run(_FEED, sink=sink, size=size)


def said(body: str, now: int) -> int:
    """The column says what the body says, whoever made it and when."""
    try:
        at = _read_time(body).at
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return now
    return micros(at if at.tzinfo else at.replace(tzinfo=UTC))


def _words(body: str | bytes) -> str:
    return body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _sealed(row: Row) -> Sealed:
    seq, hash, id, at, actor, action, target, op, kind, outcome, body = row
    return Sealed(seq, id, moment(at), Record(actor, action, target, op, kind, outcome, _words(body)), hash)
