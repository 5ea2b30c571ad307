"""The tables, for SQLite and PostgreSQL alike. Declarations only; how they come to be: migrations/.

Times are whole microseconds since 1970 in UTC and truths are 0 or 1, so that both databases store, compare and index
the same values and no driver converts anything.
"""

from __future__ import annotations

import sqlalchemy as sa

CODE_LEVEL = 1
"""Of this code. A schema whose `oldest_code` is above it has lost what this code needs."""

HEAD = "0003"
"""The newest version in migrations/versions: a schema that is at it is used without reading them."""

metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s"})

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
BODY = sa.Text().with_variant(sa.LargeBinary, "sqlite")
"""Bytes as hashed: SQLite keeps whatever somebody puts into a text, and its driver then cannot read it."""


def _table(
    name: str, *columns: sa.Column[int] | sa.Column[str] | sa.Column[int | None] | sa.schema.SchemaItem
) -> sa.Table:
    return sa.Table(name, metadata, *columns, sqlite_strict=True)


def _numbered(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    """With an id that the database gives and never gives twice."""
    id = sa.Column("id", BIG, sa.Identity(), primary_key=True)
    return sa.Table(name, metadata, id, *columns, sqlite_strict=True, sqlite_autoincrement=True)


def _text(name: str, *, key: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False, server_default=default)


def _maybe_text(name: str) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, nullable=True)


def _int(name: str, *, key: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, BIG, primary_key=key, autoincrement=False, nullable=False, server_default=default)


def _maybe_int(name: str) -> sa.Column[int | None]:
    return sa.Column(name, BIG, nullable=True)


inbox = _numbered(
    "inbox",
    sa.Column("nonce", sa.Text, nullable=False, unique=True),
    sa.Column("delivery", sa.Text, nullable=False, unique=True),
    _text("source"),
    _text("kind"),
    _text("actor"),
    _text("channel"),
    _text("body"),
    _int("at"),
    _text("state", default="new"),
    _maybe_text("owner"),
    _maybe_int("lease_until"),
    _int("attempts", default="0"),
)
sa.Index("ix_inbox_new", inbox.c.id, sqlite_where=inbox.c.state == "new", postgresql_where=inbox.c.state == "new")

operation_numbers = _numbered("operation_numbers", _int("at"))

operations = _table(
    "operations",
    _text("id", key=True),
    _int("number"),
    sa.Column("inbox_id", BIG, nullable=True, unique=True),
    _text("ask_key"),
    _text("kind"),
    _text("app"),
    _text("env"),
    _text("requester"),
    _text("plan_hash"),
    _text("policy_version"),
    _text("phase"),
    _int("final"),
    _int("version"),
    _int("step"),
    _int("fence"),
    _int("created_at"),
    _int("expires_at"),
    _maybe_int("ended_at"),
    _maybe_text("owner"),
    _maybe_int("lease_until"),
    _int("claims", default="0"),
    _maybe_int("next_due"),
    _int("signalled", default="0"),
    _text("body"),
)
_open = operations.c.final == 0
sa.Index("ux_operations_open_ask", operations.c.ask_key, unique=True, sqlite_where=_open, postgresql_where=_open)
sa.Index("ix_operations_due", operations.c.next_due, sqlite_where=_open, postgresql_where=_open)
sa.Index("ix_operations_number", operations.c.number)
sa.Index("ix_operations_target", operations.c.app, operations.c.env, operations.c.number)

signals = _numbered("signals", _text("op"), _text("kind"), _text("who"), _int("at"), _text("body"))
sa.Index("ix_signals_op", signals.c.op, signals.c.id)

votes = _table(
    "votes",
    _text("op", key=True),
    _text("plan_hash", key=True),
    _text("principal", key=True),
    _text("verdict"),
    _int("at"),
)

steps = _table(
    "steps", _text("op", key=True), _text("step", key=True), _text("state"), _int("fence"), _int("first_at"), _int("at")
)

holds = _table("holds", _text("key", key=True), _int("fence"), _maybe_text("holder"))
sa.Index("ix_holds_holder", holds.c.holder)

locks = _table(
    "locks",
    _text("app", key=True),
    _text("env", key=True),
    _text("holder"),
    _text("reason"),
    _int("at"),
    _maybe_int("until"),
)

releases = _table(
    "releases",
    _text("app", key=True),
    _text("env", key=True),
    _int("number", key=True),
    _text("version"),
    _text("image"),
    _text("container"),
    _text("template"),
    _text("template_hash"),
    _text("config"),
    _text("proof"),
    _text("operation"),
    _int("at"),
    _text("by"),
    sa.UniqueConstraint("app", "env", "template_hash", "operation", name="ux_releases_same"),
)

defaults = _table("place_defaults", _text("channel", key=True), _text("thread", key=True), _text("body"))

audit = _numbered(
    "audit",
    _int("at"),
    _text("actor"),
    _text("action"),
    _text("target"),
    _text("op"),
    _text("kind"),
    _text("outcome"),
    sa.Column("body", BODY, nullable=False),
)
sa.Index("ix_audit_op", audit.c.op)
sa.Index("ix_audit_target_at", audit.c.target, audit.c.at)

audit_pending = _table("audit_pending", _int("id", key=True))
audit_chain = _table(
    "audit_chain", _int("seq", key=True), sa.Column("id", BIG, nullable=False, unique=True), _text("hash")
)

checkpoints = _table(
    "checkpoints",
    _text("database", key=True),
    _int("epoch", key=True),
    _int("size", key=True),
    _text("hash"),
    _int("at"),
    _text("signature"),
)
sinks = _table("sinks", _text("sink", key=True), _int("size"))

messages = _table(
    "messages",
    _text("key", key=True),
    _int("n"),
    _text("channel"),
    _text("parent"),
    _text("thread"),
    _int("rank"),
    _text("body"),
    _int("is_broadcast"),
    _int("rev"),
    _int("sent_rev"),
    _text("ts"),
    _text("posted_in"),
    _int("tries"),
    _int("try_at"),
    _int("held"),
    _int("at"),
)
_unsent = messages.c.sent_rev < messages.c.rev
sa.Index("ix_messages_unsent", messages.c.rank, messages.c.n, sqlite_where=_unsent, postgresql_where=_unsent)
sa.Index(
    "ix_messages_channel",
    messages.c.channel,
    messages.c.rank,
    messages.c.n,
    sqlite_where=_unsent,
    postgresql_where=_unsent,
)
sa.Index("ix_messages_posted", messages.c.posted_in, messages.c.ts)

alert_threads = _numbered(
    "alert_threads",
    sa.Column("key", sa.Text, nullable=False, unique=True),
    _text("channel"),
    _text("state"),
    _int("is_firing"),
    _int("updated"),
)
sa.Index("ix_alert_threads_firing", alert_threads.c.is_firing, alert_threads.c.updated)

schedules = _table(
    "schedules",
    _text("id", key=True),
    _text("cron"),
    _text("zone"),
    _text("misfire"),
    _maybe_int("next_due"),
    _int("tries", default="0"),
    _int("try_at", default="0"),
)
runs = _table("runs", _text("job", key=True), _int("due", key=True), _text("state"), _text("op"), _int("at"))

leases = _table("leases", _text("name", key=True), _text("owner"), _int("until"))
meta = _table("meta", _text("name", key=True), _text("value"))
