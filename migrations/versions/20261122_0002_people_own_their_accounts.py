"""People own their accounts: mail tickets, invitations, the tier, and deletion with a grace period."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def instant() -> sa.types.TypeEngine:
    """Unix seconds."""
    return sa.Double()


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("tier", sa.String(40), nullable=False, server_default="free"))
        users.add_column(
            sa.Column("verification_due", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        users.add_column(sa.Column("delete_at", instant(), nullable=True))
        users.create_index(op.f("ix_users_delete_at"), ["delete_at"])
    op.create_table(
        "invitations",
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("used_at", instant(), nullable=True),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_invitations")),
    )
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"])
    op.create_table(
        "mail_tickets",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=False),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("used_at", instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mail_tickets_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_tickets")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_mail_tickets_token_digest")),
    )
    op.create_index(op.f("ix_mail_tickets_expires_at"), "mail_tickets", ["expires_at"])
    op.create_index(op.f("ix_mail_tickets_user_id"), "mail_tickets", ["user_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_mail_tickets_user_id"), table_name="mail_tickets")
    op.drop_index(op.f("ix_mail_tickets_expires_at"), table_name="mail_tickets")
    op.drop_table("mail_tickets")
    op.drop_index(op.f("ix_invitations_expires_at"), table_name="invitations")
    op.drop_table("invitations")
    with op.batch_alter_table("users") as users:
        users.drop_index(op.f("ix_users_delete_at"))
        users.drop_column("delete_at")
        users.drop_column("verification_due")
        users.drop_column("tier")
