"""Rows that serve the running of the provider: ephemeral entries, audit trail, mail."""

from typing import Any

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from idp.storage.models.base import Base, Identifier, Instant, new_id


class EphemeralEntry(Base):
    """An entry of the ephemeral store where there is no Redis."""

    __tablename__ = "ephemeral"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    count: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[Instant] = mapped_column(index=True)


class UsedMark(Base):
    """Something that may be used once, and was: a client assertion, a finished sign-in, an enrolment's draft."""

    __tablename__ = "used_marks"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A SHA-256 in hex."""
    expires_at: Mapped[Instant] = mapped_column(index=True)
    """When it could not be used any more anyway."""


class AuditEvent(Base):
    """Something that happened to an account, a client or a key. Never holds a secret."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_user_id_at_id", "user_id", "at", "id"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[Instant] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    user_id: Mapped[str | None] = mapped_column(String(64), index=True)
    client_id: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class OutboxMail(Base):
    """A mail to be sent. It stays until it is delivered or given up."""

    __tablename__ = "outbox_mails"

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(400))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(index=True)
    next_try_at: Mapped[Instant] = mapped_column(index=True)
    """Infinite when the mail was given up."""
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[Instant | None]
    last_error: Mapped[str] = mapped_column(String(400), default="")
