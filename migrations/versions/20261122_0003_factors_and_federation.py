"""Second factors, passkeys, and accounts at other providers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def document() -> sa.types.TypeEngine:
    """A JSON value."""
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def instant() -> sa.types.TypeEngine:
    """Unix seconds."""
    return sa.Double()


def of_a_person(table: str, *columns: sa.schema.SchemaItem) -> None:
    """Make a table whose rows belong to a person and go with them."""
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_user_id"), table, ["user_id"])


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("factor_offered_at", instant(), nullable=True))
        users.add_column(sa.Column("factor_due_at", instant(), nullable=True))
    of_a_person(
        "totp_credentials",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("last_used_at", instant(), nullable=True),
    )
    of_a_person(
        "webauthn_credentials",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", document(), nullable=False),
        sa.Column("aaguid", sa.String(36), nullable=False),
        sa.Column("discoverable", sa.Boolean(), nullable=False),
        sa.Column("backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("last_used_at", instant(), nullable=True),
        sa.UniqueConstraint("credential_id", name=op.f("uq_webauthn_credentials_credential_id")),
    )
    of_a_person(
        "recovery_codes",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("used_at", instant(), nullable=True),
        sa.UniqueConstraint("digest", name=op.f("uq_recovery_codes_digest")),
    )
    of_a_person(
        "trusted_devices",
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(400), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.Column("last_used_at", instant(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.UniqueConstraint("token_digest", name=op.f("uq_trusted_devices_token_digest")),
    )
    op.create_index(op.f("ix_trusted_devices_expires_at"), "trusted_devices", ["expires_at"])
    of_a_person(
        "federated_identities",
        sa.Column("provider", sa.String(60), nullable=False),
        sa.Column("issuer", sa.String(400), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320), nullable=True),
        sa.Column("sealed_tokens", sa.Text(), nullable=True),
        sa.Column("linked_at", instant(), nullable=False),
        sa.Column("last_used_at", instant(), nullable=True),
        sa.UniqueConstraint("provider", "issuer", "subject", name=op.f("uq_federated_identities_provider")),
    )
    op.create_table(
        "upstream_providers",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("sealed_settings", sa.Text(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_upstream_providers")),
    )


def downgrade() -> None:
    op.drop_table("upstream_providers")
    op.drop_index(op.f("ix_trusted_devices_expires_at"), table_name="trusted_devices")
    for table in (
        "federated_identities",
        "trusted_devices",
        "recovery_codes",
        "webauthn_credentials",
        "totp_credentials",
    ):
        op.drop_index(op.f(f"ix_{table}_user_id"), table_name=table)
        op.drop_table(table)
    with op.batch_alter_table("users") as users:
        users.drop_column("factor_due_at")
        users.drop_column("factor_offered_at")
