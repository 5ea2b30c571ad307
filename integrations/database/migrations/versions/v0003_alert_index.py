"""An index of what is searched of alert threads. Expands only: code of the level before neither knows nor minds."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_alert_threads_firing", "alert_threads", ["is_firing", "updated"])
