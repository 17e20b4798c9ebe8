"""A reason of its own for each that may switch an account off: its operator, its owner, risk."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REASONS = ("operator", "owner", "risk")


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        for reason in REASONS:
            users.add_column(sa.Column(f"disabled_by_{reason}_at", sa.Double(), nullable=True))
    # One that its owner deleted may have been disabled by an operator too: nobody can tell any more.
    op.execute("UPDATE users SET disabled_by_owner_at = disabled_at WHERE delete_at IS NOT NULL")
    op.execute("UPDATE users SET disabled_by_operator_at = disabled_at WHERE delete_at IS NULL")
    with op.batch_alter_table("users") as users:
        users.drop_column("disabled_at")


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("disabled_at", sa.Double(), nullable=True))
    op.execute(
        "UPDATE users SET disabled_at = coalesce(disabled_by_operator_at, disabled_by_risk_at, disabled_by_owner_at)"
    )
    with op.batch_alter_table("users") as users:
        for reason in REASONS:
            users.drop_column(f"disabled_by_{reason}_at")
