"""An index of the accounts whose address is still to be verified: the sweeper looks for the old ones."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    due = sa.text("verification_due")
    op.create_index("ix_users_unverified", "users", ["updated_at"], sqlite_where=due, postgresql_where=due)


def downgrade() -> None:
    op.drop_index("ix_users_unverified", "users")
