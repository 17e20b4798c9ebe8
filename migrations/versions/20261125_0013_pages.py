"""Indexes for lists that are read in pages."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_browser_sessions_user_id_id", "browser_sessions", ["user_id", "id"])
    op.create_index("ix_audit_events_user_id_at_id", "audit_events", ["user_id", "at", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_events_user_id_at_id", "audit_events")
    op.drop_index("ix_browser_sessions_user_id_id", "browser_sessions")
