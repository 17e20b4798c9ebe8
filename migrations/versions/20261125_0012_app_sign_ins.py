"""The place of a sign-in that a grant began with, where there is no browser session that has it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("grants") as table:
        table.add_column(sa.Column("address", sa.String(64), nullable=True))
        table.add_column(sa.Column("user_agent", sa.String(400), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("grants") as table:
        table.drop_column("user_agent")
        table.drop_column("address")
