"""From where a refresh token was first used, to tell a retry from a thief within the grace window."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("used_from", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("refresh_tokens", "used_from")
