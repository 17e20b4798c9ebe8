"""Usernames are unique. Of several accounts with one name, or names that look alike, the oldest keeps it.

The others, and names that cannot be usernames any more, are kept in the profile under another name, which no
client is told; `idp doctor` counts them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from idp.errors import InvalidValue
from idp.identity.usernames import CLAIM, username_key, username_of
from idp.storage.repositories.usernames import REFUSED

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
USERS = sa.table("users", sa.column("id"), sa.column("created_at"), sa.column("profile", DOCUMENT))


def upgrade() -> None:
    usernames = op.create_table(
        "usernames",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("username", sa.String(80), nullable=False),
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("released_at", sa.Double()),
    )
    op.create_index(op.f("ix_usernames_user_id"), "usernames", ["user_id"])
    op.create_index(op.f("ix_usernames_released_at"), "usernames", ["released_at"])
    connection = op.get_bind()
    held: set[str] = set()
    named = sa.select(USERS.c.id, USERS.c.profile).where(USERS.c.profile[CLAIM].as_string().is_not(None))
    for user_id, profile in connection.execute(named.order_by(USERS.c.created_at, USERS.c.id)).all():
        try:
            username = username_of(str(profile[CLAIM]))
        except InvalidValue:
            username = None
        key = username and username_key(username)
        rest = {name: value for name, value in profile.items() if name != CLAIM}
        if username is None or key is None or key in held:
            changed = {**rest, REFUSED: profile[CLAIM]}
        else:
            held.add(key)
            changed = {**rest, CLAIM: username}
            connection.execute(usernames.insert().values(key=key, username=username, user_id=user_id))
        if changed != profile:
            connection.execute(sa.update(USERS).where(USERS.c.id == user_id).values(profile=changed))


def downgrade() -> None:
    connection = op.get_bind()
    refused = sa.select(USERS.c.id, USERS.c.profile).where(USERS.c.profile[REFUSED].as_string().is_not(None))
    for user_id, profile in connection.execute(refused).all():
        rest = {name: value for name, value in profile.items() if name != REFUSED}
        restored = {**rest, CLAIM: profile[REFUSED]}
        connection.execute(sa.update(USERS).where(USERS.c.id == user_id).values(profile=restored))
    op.drop_table("usernames")
