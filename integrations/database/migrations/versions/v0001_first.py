"""The first schema. Written once, never changed: later changes are scripts of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BODY = sa.Text().with_variant(sa.LargeBinary(), "sqlite")


def upgrade() -> None:
    _conversation()
    _places()
    _operations()
    _holds()
    _record()
    _guard_the_record()
    op.execute("INSERT INTO meta (name, value) VALUES ('oldest_code', '1')")


def _conversation() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default="new", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", BIG, nullable=True),
        sa.Column("attempts", BIG, server_default="0", autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery"),
        sa.UniqueConstraint("nonce"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        "ix_inbox_new",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    )
    op.create_table(
        "messages",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("n", BIG, autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("rank", BIG, autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_broadcast", BIG, autoincrement=False, nullable=False),
        sa.Column("rev", BIG, autoincrement=False, nullable=False),
        sa.Column("sent_rev", BIG, autoincrement=False, nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("posted_in", sa.Text(), nullable=False),
        sa.Column("tries", BIG, autoincrement=False, nullable=False),
        sa.Column("try_at", BIG, autoincrement=False, nullable=False),
        sa.Column("held", BIG, autoincrement=False, nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_messages_channel",
        "messages",
        ["channel", "rank", "n"],
        unique=False,
        sqlite_where=sa.text("sent_rev < rev"),
        postgresql_where=sa.text("sent_rev < rev"),
    )
    op.create_index("ix_messages_posted", "messages", ["posted_in", "ts"], unique=False)
    op.create_index(
        "ix_messages_unsent",
        "messages",
        ["rank", "n"],
        unique=False,
        sqlite_where=sa.text("sent_rev < rev"),
        postgresql_where=sa.text("sent_rev < rev"),
    )


def _places() -> None:
    op.create_table(
        "alert_threads",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_firing", BIG, autoincrement=False, nullable=False),
        sa.Column("updated", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "place_defaults",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "thread"),
        sqlite_strict=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "sinks",
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sink"),
        sqlite_strict=True,
    )


def _operations() -> None:
    op.create_table(
        "operation_numbers",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("inbox_id", BIG, nullable=True),
        sa.Column("ask_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("final", BIG, autoincrement=False, nullable=False),
        sa.Column("version", BIG, autoincrement=False, nullable=False),
        sa.Column("step", BIG, autoincrement=False, nullable=False),
        sa.Column("fence", BIG, autoincrement=False, nullable=False),
        sa.Column("created_at", BIG, autoincrement=False, nullable=False),
        sa.Column("expires_at", BIG, autoincrement=False, nullable=False),
        sa.Column("ended_at", BIG, nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", BIG, nullable=True),
        sa.Column("claims", BIG, server_default="0", autoincrement=False, nullable=False),
        sa.Column("next_due", BIG, nullable=True),
        sa.Column("signalled", BIG, server_default="0", autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("inbox_id"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_operations_due",
        "operations",
        ["next_due"],
        unique=False,
        sqlite_where=sa.text("final = 0"),
        postgresql_where=sa.text("final = 0"),
    )
    op.create_index("ix_operations_number", "operations", ["number"], unique=False)
    op.create_index("ix_operations_target", "operations", ["app", "env", "number"], unique=False)
    op.create_index(
        "ux_operations_open_ask",
        "operations",
        ["ask_key"],
        unique=True,
        sqlite_where=sa.text("final = 0"),
        postgresql_where=sa.text("final = 0"),
    )
    op.create_table(
        "signals",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("ix_signals_op", "signals", ["op", "id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("op", "plan_hash", "principal"),
        sqlite_strict=True,
    )


def _holds() -> None:
    op.create_table(
        "steps",
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fence", BIG, autoincrement=False, nullable=False),
        sa.Column("first_at", BIG, autoincrement=False, nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("op", "step"),
        sqlite_strict=True,
    )
    op.create_table(
        "holds",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fence", BIG, autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        sqlite_strict=True,
    )
    op.create_index("ix_holds_holder", "holds", ["holder"], unique=False)
    op.create_table(
        "locks",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("until", BIG, nullable=True),
        sa.PrimaryKeyConstraint("app", "env"),
        sqlite_strict=True,
    )
    op.create_table(
        "releases",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("template_hash", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("app", "env", "number"),
        sa.UniqueConstraint("app", "env", "template_hash", "operation", name="ux_releases_same"),
        sqlite_strict=True,
    )


def _record() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("body", BODY, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("ix_audit_op", "audit", ["op"], unique=False)
    op.create_index("ix_audit_target_at", "audit", ["target", "at"], unique=False)
    op.create_table(
        "audit_pending",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_chain",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "checkpoints",
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, autoincrement=False, nullable=False),
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("database", "epoch", "size"),
        sqlite_strict=True,
    )


def _guard_the_record() -> None:
    """Against our own mistakes; who owns the tables can lift it, which is what checkpoints outside are for."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(
            "CREATE FUNCTION audit_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION 'the audit record is insert only'; END$$"
        )
    for table in ("audit", "audit_chain"):
        if is_sqlite:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the audit record is insert only'); END"
                )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_insert_only()"
            )
