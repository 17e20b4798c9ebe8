"""Marks of what was used once."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "used_marks",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_used_marks")),
    )
    op.create_index(op.f("ix_used_marks_expires_at"), "used_marks", ["expires_at"])


def downgrade() -> None:
    op.drop_table("used_marks")
