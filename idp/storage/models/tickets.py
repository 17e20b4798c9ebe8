"""What is sent to an address to prove that somebody reads it."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from idp.storage.models.base import Base, Identifier, Instant, new_id


class MailTicket(Base):
    """A link and a code in one mail, for one purpose, used once."""

    __tablename__ = "mail_tickets"

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    purpose: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(320))
    """The address that it was sent to, and so the one that it proves."""
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    code_digest: Mapped[str] = mapped_column(String(64))
    """A keyed digest: six digits would not withstand a guess at a plain one."""
    wrong_codes: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    used_at: Mapped[Instant | None]


class Invitation(Base):
    """Leave to make an account, where registration is by invitation."""

    __tablename__ = "invitations"

    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    used_at: Mapped[Instant | None]
