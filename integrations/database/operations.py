"""bot.ports.store.Operations: the whole operation as JSON, beside it the columns that are searched or compared.

A row changes only through its version, or through its claim; the two never say different things, because both are
conditions of the same UPDATE.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.domain import analysis, refs, reply
from bot.domain import operation as domain
from bot.domain.codec import Codec, canonical
from bot.domain.operation import Operation, Signal, SignalKind
from bot.domain.refs import OperationId
from bot.ports.store import AlreadyOpen, Claim, LostClaim, OperationFilter, Stale
from integrations.database.session import Row, Session, maybe_micros, micros, storable
from integrations.database.tables import operation_numbers, signals, votes
from integrations.database.tables import operations as t

CODEC = Codec(
    (
        Operation,
        Signal,
        SignalKind,
        domain.Phase,
        domain.Progress,
        analysis.Verdict,
        analysis.Outcome,
        domain.Standing,
        domain.StepFacts,
        domain.Quorum,
        domain.Place,
        refs.Principal,
        reply.Text,
        reply.Group,
        reply.Channel,
        reply.Link,
        reply.Chart,
        reply.Series,
    )
)

p = sa.bindparam

_NUMBER = sa.insert(operation_numbers).values(at=p("at")).returning(operation_numbers.c.id)
_FORGET = sa.delete(operation_numbers).where(operation_numbers.c.id < p("id"))

_MIRRORED = (
    "ask_key",
    "kind",
    "app",
    "env",
    "requester",
    "plan_hash",
    "policy_version",
    "phase",
    "final",
    "version",
    "step",
    "fence",
    "created_at",
    "expires_at",
    "ended_at",
    "next_due",
    "body",
)
_ADD = (
    insert(t)
    .values({name: p(name) for name in ("id", "number", "inbox_id", *_MIRRORED)})
    .on_conflict_do_nothing()
    .returning(t.c.id)
)
_LOAD = sa.select(t.c.body, t.c.version).where(t.c.id == p("id"))
_LOCK = _LOAD.with_for_update()
_SIGNALS = sa.select(signals.c.body).where(signals.c.op == p("op")).order_by(signals.c.id)
_SAVED: dict[str, sa.BindParameter[Any]] = {
    name: p(f"s_{name}") for name in _MIRRORED if name not in {"next_due", "version"}
}
_SAVE = (
    sa.update(t)
    .where(t.c.id == p("b_id"), t.c.version == p("b_version"))
    .values(
        **_SAVED,
        version=p("s_version"),
        # A signal that the saver has not seen is not slept over.
        next_due=sa.case((t.c.signalled > p("b_known"), p("b_now")), else_=sa.cast(p("s_next_due"), sa.BigInteger)),
    )
)
_SAVE_CLAIMED = _SAVE.where(t.c.owner == p("b_owner"), t.c.claims == p("b_claims"), t.c.lease_until > p("b_now"))
_STANDING = sa.select(t.c.owner, t.c.claims, t.c.lease_until).where(t.c.id == p("id"))
_SIGNAL = sa.insert(signals).values(op=p("op"), kind=p("kind"), who=p("who"), at=p("at"), body=p("body"))
_VOTE = (
    insert(votes)
    .values(op=p("op"), plan_hash=p("plan_hash"), principal=p("principal"), verdict=p("verdict"), at=p("at"))
    .on_conflict_do_nothing()
)
_SIGNALLED = sa.update(t).where(t.c.id == p("b_id")).values(signalled=t.c.signalled + 1, next_due=p("b_now"))
_OPEN_ASK = sa.select(t.c.id).where(t.c.ask_key == p("ask_key"), t.c.final == 0)
_SAME_INBOX = sa.select(t.c.id).where(t.c.inbox_id == p("inbox_id"))

# A claim whose lease ran out is due whatever next_due says: its tick never came to its end.
_DUE = sa.and_(
    t.c.final == 0,
    sa.or_(
        sa.and_(t.c.owner.is_(None), t.c.next_due <= p("now")),
        sa.and_(t.c.owner.is_not(None), t.c.lease_until <= p("now")),
    ),
)
_CLAIMABLE = (
    sa.select(t.c.id, t.c.owner, t.c.claims)
    .where(_DUE)
    .order_by(t.c.next_due)
    .limit(p("n"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    sa.update(t).where(t.c.id == p("b_id")).values(owner=p("b_owner"), lease_until=p("b_until"), claims=p("b_claims"))
)
_MINE = sa.and_(t.c.id == p("b_id"), t.c.owner == p("b_owner"), t.c.claims == p("b_claims"))
_RENEW = sa.update(t).where(_MINE, t.c.lease_until > p("b_now"), t.c.final == 0).values(lease_until=p("b_until"))
_RELEASE = sa.update(t).where(_MINE).values(owner=sa.null(), lease_until=sa.null())
_SOONEST = sa.select(sa.func.min(sa.case((t.c.owner.is_(None), t.c.next_due), else_=t.c.lease_until))).where(
    t.c.final == 0
)
_TAKE_OVER_ALL = sa.update(t).where(t.c.final == 0, t.c.owner.is_not(None)).values(lease_until=0)
_WAKE_ALL = sa.update(t).where(t.c.final == 0, t.c.next_due > p("b_now")).values(next_due=p("b_now"))


class SqlOperations:
    def __init__(self, session: Session) -> None:
        self._session = session

    def next_id(self) -> OperationId:
        row = self._session.row(_NUMBER, at=self._session.at)
        assert row is not None
        number = int(row[0])
        if number % 1000 == 0:
            self._session.run(_FORGET, id=number)
        return OperationId(f"op-{number}")

    def add(self, op: Operation, *, inbox: int | None) -> None:
        row = _row(op, next_due=self._session.at)
        number = int(op.id.removeprefix("op-"))
        if self._session.row(_ADD, id=op.id, number=number, inbox_id=inbox, **row) is not None:
            return
        taken = self._session.row(_SAME_INBOX, inbox_id=inbox) if inbox is not None else None
        taken = taken or self._session.row(_OPEN_ASK, ask_key=op.ask_key)
        raise AlreadyOpen(OperationId(taken[0] if taken else op.id))

    def load(self, id: OperationId) -> Operation | None:
        return self._loaded(id, self._session.row(_LOAD, id=id))

    def lock(self, id: OperationId) -> Operation | None:
        return self._loaded(id, self._session.row(_LOCK, id=id))

    def _loaded(self, id: OperationId, row: Row | None) -> Operation | None:
        if row is None:
            return None
        given = tuple(_signal(found[0]) for found in self._session.rows(_SIGNALS, op=id))
        stored = _operation(row[0])
        return replace(stored, version=row[1], signals=given) if given or stored.version != row[1] else stored

    def save(self, op: Operation, *, claim: Claim | None, wake: timedelta | None) -> Operation:
        saved = replace(op, version=op.version + 1)
        now = self._session.at
        due = None if saved.is_final or wake is None else micros(self._session.now + wake)
        values = {f"s_{name}": value for name, value in _row(saved, next_due=due).items()}
        known = {"b_id": op.id, "b_version": op.version, "b_known": len(op.signals), "b_now": now}
        if claim is None:
            if self._session.run(_SAVE, **values, **known) != 1:
                raise Stale(op.id)
            return saved
        held = {"b_owner": claim.owner, "b_claims": claim.claims}
        if self._session.run(_SAVE_CLAIMED, **values, **known, **held) != 1:
            raise LostClaim(op.id) if self._is_lost(claim) else Stale(op.id)
        return saved

    def _is_lost(self, claim: Claim) -> bool:
        row = self._session.row(_STANDING, id=claim.id)
        if row is None:
            return True
        owner, claims, until = row
        return owner != claim.owner or claims != claim.claims or until is None or until <= self._session.at

    def signal(self, id: OperationId, signal: Signal) -> None:
        fields = {"op": id, "at": micros(signal.at)}
        body = _json(replace(signal, words=storable(signal.words)))
        self._session.run(_SIGNAL, **fields, kind=signal.kind.value, who=signal.by.id, body=body)
        if signal.kind in {SignalKind.APPROVE, SignalKind.DENY}:
            vote = {"plan_hash": signal.plan_hash, "principal": signal.by.id, "verdict": signal.kind.value}
            self._session.run(_VOTE, **fields, **vote)
        self._session.run(_SIGNALLED, b_id=id, b_now=self._session.at)

    def find(self, filter: OperationFilter) -> tuple[Operation, ...]:
        query = sa.select(t.c.id, t.c.body, t.c.version).order_by(t.c.number.desc()).limit(p("n"))
        params: dict[str, Any] = {"n": filter.limit}
        for name, value in (("app", filter.app), ("env", filter.env), ("requester", filter.requester)):
            if value:
                query = query.where(t.c[name] == p(f"f_{name}"))
                params[f"f_{name}"] = str(value)
        if filter.is_final is not None:
            query = query.where(t.c.final == p("f_final"))
            params["f_final"] = int(filter.is_final)
        if filter.kinds:
            query = query.where(sa.or_(*(t.c.kind == p(f"f_kind{index}") for index in range(len(filter.kinds)))))
            params |= {f"f_kind{index}": kind for index, kind in enumerate(filter.kinds)}
        found = [
            self._loaded(OperationId(id), (body, version)) for id, body, version in self._session.ask(query, params)
        ]
        return tuple(op for op in found if op is not None)

    def open_ask(self, ask_key: str) -> OperationId | None:
        row = self._session.row(_OPEN_ASK, ask_key=ask_key)
        return None if row is None else OperationId(row[0])

    def claim(self, *, owner: str, lease: timedelta, limit: int) -> tuple[Claim, ...]:
        until = micros(self._session.now + lease)
        claims = []
        for id, last, count in self._session.rows(_CLAIMABLE, now=self._session.at, n=limit):
            claim = Claim(OperationId(id), owner, count + 1, is_takeover=last is not None)
            self._session.run(_CLAIM, b_id=id, b_owner=owner, b_until=until, b_claims=claim.claims)
            claims.append(claim)
        return tuple(claims)

    def renew(self, claims: tuple[Claim, ...], *, lease: timedelta) -> tuple[OperationId, ...]:
        until, now = micros(self._session.now + lease), self._session.at
        # In one order everywhere, so that two replicas cannot wait for each other.
        return tuple(
            claim.id
            for claim in sorted(claims, key=lambda claim: claim.id)
            if self._session.run(_RENEW, **_held(claim), b_until=until, b_now=now) == 1
        )

    def release(self, claim: Claim) -> None:
        """Raises LostClaim: what was to be committed with it is dropped too."""
        if self._session.run(_RELEASE, **_held(claim)) != 1:
            raise LostClaim(claim.id)

    def soonest(self) -> timedelta | None:
        row = self._session.row(_SOONEST)
        if row is None or row[0] is None:
            return None
        return max(timedelta(0), timedelta(microseconds=row[0] - self._session.at))


def take_over_all(session: Session) -> int:
    """A start with SQLite: whoever had claimed anything is gone, and what sleeps may do so by a clock that was wrong."""
    session.run(_WAKE_ALL, b_now=session.at)
    return session.run(_TAKE_OVER_ALL)


def _held(claim: Claim) -> dict[str, str | int]:
    return {"b_id": claim.id, "b_owner": claim.owner, "b_claims": claim.claims}


def _json(value: object) -> str:
    return canonical(CODEC.dump(value))


@lru_cache(maxsize=64)
def _operation(stored: str) -> Operation:
    """A tick reads the same row several times before it changes it; what comes of it cannot be changed."""
    loaded = CODEC.load(json.loads(stored))
    assert isinstance(loaded, Operation)
    return loaded


@lru_cache(maxsize=2048)
def _signal(stored: str) -> Signal:
    """What was signalled stays: every look reads it again."""
    loaded = CODEC.load(json.loads(stored))
    assert isinstance(loaded, Signal)
    return loaded


def _row(op: Operation, *, next_due: int | None) -> dict[str, str | int | None]:
    """Signals stand in their own table."""
    return {
        "ask_key": op.ask_key,
        "kind": op.kind,
        "app": op.app,
        "env": op.env,
        "requester": op.requester.id,
        "plan_hash": op.plan_hash,
        "policy_version": op.policy_version,
        "phase": op.phase.value,
        "final": int(op.is_final),
        "version": op.version,
        "step": op.cursor,
        "fence": op.fence,
        "created_at": micros(op.created),
        "expires_at": micros(op.expires),
        "ended_at": maybe_micros(op.ended),
        "next_due": next_due,
        "body": storable(_json(replace(op, signals=()))),
    }
