"""bot.ports.store.Steps, Holds and Locks: what an operation has begun, what it keeps to itself, what people locked."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.domain.refs import OperationId, Principal
from bot.ports.store import Lock, LostClaim, StepState
from integrations.database.session import Row, Session, maybe_micros, maybe_moment, micros, moment, storable
from integrations.database.tables import holds, locks, meta, steps

p = sa.bindparam

EPOCH_SIZE = 2**32
"""Fences of one epoch; after a restore from a backup the next epoch's are all above those ever given."""

_mark = insert(steps).values(
    op=p("op"), step=p("step"), state=p("state"), fence=p("fence"), first_at=p("at"), at=p("at")
)
_MARK = _mark.on_conflict_do_update(
    index_elements=[steps.c.op, steps.c.step],
    set_={"state": _mark.excluded.state, "fence": _mark.excluded.fence, "at": _mark.excluded.at},
)
_LOST = "lost "
"""Before a step's name: a row beside its own, which a second try does not write over."""
_STATES = (
    sa.select(steps.c.step, steps.c.state, steps.c.fence)
    .where(steps.c.op == p("op"), steps.c.step.not_like(f"{_LOST}%"))
    .order_by(steps.c.first_at, steps.c.step)
)
_NEWEST_LOST = sa.select(sa.func.max(steps.c.at)).where(steps.c.op == p("op"), steps.c.step.like(f"{_LOST}%"))

_MAKE = insert(holds).values(key=p("key"), fence=0).on_conflict_do_nothing()
_LOOK = sa.select(holds.c.fence, holds.c.holder).where(holds.c.key == p("key")).with_for_update()
_TAKE = sa.update(holds).where(holds.c.key == p("b_key")).values(fence=p("b_fence"), holder=p("b_holder"))
_MINE = (
    sa.select(holds.c.key, holds.c.fence).where(holds.c.holder == p("holder")).order_by(holds.c.key).with_for_update()
)
_FREE = sa.update(holds).where(holds.c.holder == p("b_holder")).values(holder=sa.null())
_HOLDER = sa.select(holds.c.holder).where(holds.c.key == p("key"))
_EPOCH = sa.select(meta.c.value).where(meta.c.name == "epoch")

_LOCK_COLUMNS = (locks.c.app, locks.c.env, locks.c.holder, locks.c.reason, locks.c.at, locks.c.until)
_GET_LOCK = sa.select(*_LOCK_COLUMNS).where(locks.c.app == p("app"), locks.c.env == p("env"))
_LIST_LOCKS = sa.select(*_LOCK_COLUMNS).order_by(locks.c.app, locks.c.env)
_put_lock = insert(locks).values({column.name: p(column.name) for column in _LOCK_COLUMNS})
_PUT_LOCK = _put_lock.on_conflict_do_update(
    index_elements=[locks.c.app, locks.c.env],
    set_={name: _put_lock.excluded[name] for name in ("holder", "reason", "at", "until")},
    where=sa.or_(locks.c.holder == _put_lock.excluded.holder, locks.c.holder == p("over"), locks.c.until <= p("now")),
).returning(locks.c.holder)
_DROP_LOCK = sa.delete(locks).where(
    locks.c.app == p("b_app"), locks.c.env == p("b_env"), locks.c.holder == p("b_holder")
)


class SqlSteps:
    def __init__(self, session: Session) -> None:
        self._session = session

    def mark(self, id: OperationId, step: str, state: StepState, *, fence: int) -> None:
        self._session.run(_MARK, op=id, step=step, state=state.value, fence=fence, at=self._session.at)

    def states(self, id: OperationId) -> tuple[tuple[str, StepState, int], ...]:
        return tuple((step, StepState(state), fence) for step, state, fence in self._session.rows(_STATES, op=id))

    def lose(self, id: OperationId, step: str, *, fence: int) -> None:
        self.mark(id, f"{_LOST}{step}", StepState.DONE, fence=fence)

    def lost(self, id: OperationId) -> datetime | None:
        row = self._session.row(_NEWEST_LOST, op=id)
        return maybe_moment(row[0]) if row is not None else None


class SqlHolds:
    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, keys: tuple[str, ...], op: OperationId) -> int | OperationId:
        ordered = sorted(set(keys))
        fences = [self._lowest()]
        for key in ordered:
            self._session.run(_MAKE, key=key)
            row = self._session.row(_LOOK, key=key)
            assert row is not None
            fence, holder = row
            if holder is not None and holder != op:
                return OperationId(holder)
            fences.append(fence)
        return self._give(ordered, op, max(fences) + 1)

    def raise_fence(self, op: OperationId) -> int:
        rows = self._session.rows(_MINE, holder=op)
        if not rows:
            raise LostClaim(op)
        return self._give([row[0] for row in rows], op, max(self._lowest(), *(row[1] for row in rows)) + 1)

    def _give(self, keys: list[str], op: OperationId, fence: int) -> int:
        for key in keys:
            self._session.run(_TAKE, b_key=key, b_fence=fence, b_holder=op)
        return fence

    def _lowest(self) -> int:
        row = self._session.row(_EPOCH)
        return int(row[0]) * EPOCH_SIZE if row else EPOCH_SIZE

    def free(self, op: OperationId) -> None:
        self._session.run(_FREE, b_holder=op)

    def holder(self, key: str) -> OperationId | None:
        row = self._session.row(_HOLDER, key=key)
        return OperationId(row[0]) if row and row[0] else None


class SqlLocks:
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, app: str, env: str) -> Lock | None:
        row = self._session.row(_GET_LOCK, app=app, env=env)
        return None if row is None else _lock(row)

    def put(self, lock: Lock, *, over: Principal | None = None) -> bool:
        row = self._session.row(
            _PUT_LOCK,
            over=over.id if over is not None else "",
            now=self._session.at,
            app=lock.app,
            env=lock.env,
            holder=lock.holder.id,
            reason=storable(lock.reason),
            at=micros(lock.at),
            until=maybe_micros(lock.until),
        )
        return row is not None

    def drop(self, app: str, env: str, *, holder: Principal) -> None:
        self._session.run(_DROP_LOCK, b_app=app, b_env=env, b_holder=holder.id)

    def list(self) -> tuple[Lock, ...]:
        return tuple(_lock(row) for row in self._session.rows(_LIST_LOCKS))


def _lock(row: Row) -> Lock:
    app, env, holder, reason, at, until = row
    return Lock(app, env, Principal(holder), reason, moment(at), maybe_moment(until))
