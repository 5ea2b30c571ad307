"""bot.ports.store.Releases and Defaults."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bot.domain.codec import canonical
from bot.domain.operation import Place
from bot.domain.refs import Principal
from bot.ports.store import Proof, Release
from integrations.database.session import Row, Session, micros, moment, storable
from integrations.database.tables import defaults
from integrations.database.tables import releases as t

p = sa.bindparam

_WHOLE = (
    "app",
    "env",
    "number",
    "version",
    "image",
    "container",
    "template",
    "config",
    "proof",
    "operation",
    "at",
    "by",
)
_COLUMNS = [t.c[name] for name in _WHOLE]
_SAME = sa.select(t.c.number).where(
    t.c.app == p("app"), t.c.env == p("env"), t.c.template_hash == p("template_hash"), t.c.operation == p("operation")
)
_LAST = sa.select(sa.func.coalesce(sa.func.max(t.c.number), 0)).where(t.c.app == p("app"), t.c.env == p("env"))
_PUT = sa.insert(t).values({name: p(name) for name in (*_WHOLE, "template_hash")})
_JUDGE = (
    sa.update(t)
    .where(t.c.app == p("b_app"), t.c.env == p("b_env"), t.c.number == p("b_number"))
    .values(proof=p("b_proof"))
)
_OF_APP = sa.select(*_COLUMNS).where(t.c.app == p("app"), t.c.env == p("env"))
_LIST = _OF_APP.order_by(t.c.number.desc()).limit(p("n"))
_GET = _OF_APP.where(t.c.number == p("number"))

_GET_DEFAULTS = sa.select(defaults.c.body).where(defaults.c.channel == p("channel"), defaults.c.thread == p("thread"))
_put_defaults = insert(defaults).values(channel=p("channel"), thread=p("thread"), body=p("body"))
_PUT_DEFAULTS = _put_defaults.on_conflict_do_update(
    index_elements=[defaults.c.channel, defaults.c.thread], set_={"body": _put_defaults.excluded.body}
)


class SqlReleases:
    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, release: Release) -> int:
        of = {"app": release.app, "env": release.env}
        template_hash = hashlib.sha256(release.template.encode()).hexdigest()
        known = self._session.row(_SAME, **of, template_hash=template_hash, operation=release.operation)
        if known is not None:
            return int(known[0])
        last = self._session.row(_LAST, **of)
        assert last is not None
        # Of two at once, one meets the other's key and is run again.
        number = int(last[0]) + 1
        self._session.run(
            _PUT,
            **of,
            number=number,
            version=release.version,
            image=release.image,
            container=release.container,
            template=release.template,
            template_hash=template_hash,
            config=release.config,
            proof=release.proof.value,
            operation=release.operation,
            at=micros(release.at),
            by=release.by.id,
        )
        return number

    def judge(self, app: str, env: str, number: int, proof: Proof) -> None:
        self._session.run(_JUDGE, b_app=app, b_env=env, b_number=number, b_proof=proof.value)

    def list(self, app: str, env: str, *, limit: int = 20) -> tuple[Release, ...]:
        return tuple(_release(row) for row in self._session.rows(_LIST, app=app, env=env, n=limit))

    def get(self, app: str, env: str, number: int) -> Release | None:
        row = self._session.row(_GET, app=app, env=env, number=number)
        return None if row is None else _release(row)


class SqlDefaults:
    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, place: Place) -> dict[str, str]:
        row = self._session.row(_GET_DEFAULTS, channel=place.channel, thread=place.thread)
        if row is None:
            return {}
        stored: dict[str, str] = json.loads(row[0])
        return stored

    def put(self, place: Place, defaults: dict[str, str]) -> None:
        body = storable(canonical({**defaults}))
        self._session.run(_PUT_DEFAULTS, channel=place.channel, thread=place.thread, body=body)


def _release(row: Row) -> Release:
    app, env, number, version, image, container, template, config, proof, operation, at, by = row
    return Release(
        app=app,
        env=env,
        number=number,
        version=version,
        image=image,
        container=container,
        template=template,
        config=config,
        proof=Proof(proof),
        operation=operation,
        at=moment(at),
        by=Principal(by),
    )
