"""Usernames that are held, and those that nobody may take yet."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.storage.models.base import Base, Identifier, Instant


class Username(Base):
    """A username. The row outlives the name's use, so that nobody takes over what apps know it for."""

    __tablename__ = "usernames"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    """The form under which it is unique (`identity.usernames.username_key`)."""
    username: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[Identifier | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    """The account that has it, or had it last; None when that account is gone."""
    released_at: Mapped[Instant | None] = mapped_column(index=True)
    """When it was given up. Set by the sweeper for an account that is gone."""
