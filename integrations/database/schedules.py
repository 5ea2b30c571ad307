"""bot.ports.schedules.Schedules."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.domain.refs import OperationId
from bot.domain.schedules import Entry, Misfire, PastRun, Run, RunState
from bot.ports.schedules import AlreadyRan
from integrations.database.session import Session, maybe_micros, maybe_moment, micros, moment
from integrations.database.tables import runs
from integrations.database.tables import schedules as t

p = sa.bindparam

_LIST = sa.select(t.c.id, t.c.cron, t.c.zone, t.c.misfire, t.c.next_due).order_by(t.c.id)
_VALUES = ("cron", "zone", "misfire", "next_due")
_put = insert(t).values({name: p(name) for name in ("id", *_VALUES)})
_PUT = _put.on_conflict_do_update(
    index_elements=[t.c.id], set_={**{name: _put.excluded[name] for name in _VALUES}, "tries": 0, "try_at": 0}
)
_DROP = sa.delete(t).where(t.c.id == p("b_id"))
_CLAIM = (
    sa.update(t)
    .where(t.c.id == p("b_id"), t.c.next_due == p("b_due"), t.c.try_at <= p("b_now"))
    .values(tries=t.c.tries + 1, try_at=p("b_again"))
    .returning(t.c.tries)
)
_RAN = (
    insert(runs)
    .values(job=p("job"), due=p("due"), state=p("state"), op=p("op"), at=p("at"))
    .on_conflict_do_nothing()
    .returning(runs.c.job)
)
_MOVE = (
    sa.update(t)
    .where(t.c.id == p("b_id"), t.c.next_due <= p("b_due"))
    .values(next_due=p("b_next_due"), tries=0, try_at=0)
)
_PAST = (
    sa.select(runs.c.job, runs.c.due, runs.c.state, runs.c.op)
    .where(runs.c.job == p("job"))
    .order_by(runs.c.due.desc())
    .limit(p("n"))
)


class SqlSchedules:
    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[Entry, ...]:
        return tuple(
            Entry(name, cron, zone, Misfire(misfire), maybe_moment(due))
            for name, cron, zone, misfire, due in self._session.rows(_LIST)
        )

    def put(self, entry: Entry) -> None:
        due = maybe_micros(entry.next_due)
        self._session.run(
            _PUT, id=entry.name, cron=entry.cron, zone=entry.zone, misfire=entry.misfire.value, next_due=due
        )

    def drop(self, name: str) -> None:
        self._session.run(_DROP, b_id=name)

    def claim(self, name: str, due: datetime, *, again: timedelta) -> int | None:
        row = self._session.row(
            _CLAIM, b_id=name, b_due=micros(due), b_now=self._session.at, b_again=micros(self._session.now + again)
        )
        return None if row is None else int(row[0])

    def ran(self, run: Run, state: RunState, operation: OperationId | None) -> None:
        due = micros(run.due)
        stored = self._session.row(
            _RAN, job=run.name, due=due, state=state.value, op=operation or "", at=self._session.at
        )
        if stored is None:
            raise AlreadyRan(run.name, run.due)
        self._session.run(_MOVE, b_id=run.name, b_due=due, b_next_due=maybe_micros(run.next_due))

    def past(self, name: str, *, limit: int) -> tuple[PastRun, ...]:
        return tuple(
            PastRun(job, moment(due), RunState(state), OperationId(op) if op else None)
            for job, due, state, op in self._session.rows(_PAST, job=name, n=limit)
        )
