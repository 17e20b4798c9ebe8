"""Browser sessions that began with a sign-in at another provider."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("browser_sessions") as sessions:
        sessions.add_column(sa.Column("upstream", sa.String(60), nullable=True))
        sessions.add_column(
            sa.Column("factor_waived", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    with op.batch_alter_table("browser_sessions") as sessions:
        sessions.drop_column("factor_waived")
        sessions.drop_column("upstream")
