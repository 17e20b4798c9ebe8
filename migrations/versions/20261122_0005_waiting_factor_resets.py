"""Resets of second factors that wait, so that the owner can object."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("factor_reset_at", sa.Double(), nullable=True))
        users.create_index(op.f("ix_users_factor_reset_at"), ["factor_reset_at"])


def downgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.drop_index(op.f("ix_users_factor_reset_at"))
        users.drop_column("factor_reset_at")
