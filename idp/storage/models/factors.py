"""What people prove themselves with beside, or instead of, a password."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.storage.models.base import Base, Identifier, Instant, new_id


class FactorCredential:
    """The columns of every factor that people set up: one row for each that they have."""

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[Instant]
    last_used_at: Mapped[Instant | None]


class TotpCredential(FactorCredential, Base):
    """An authenticator app (RFC 6238)."""

    __tablename__ = "totp_credentials"

    sealed_secret: Mapped[str] = mapped_column(Text)
    """The shared secret, sealed under the master key with the context `totp:ID`."""
    last_step: Mapped[int] = mapped_column(default=0)
    """The last time step whose code was taken: no step is taken twice (RFC 6238 §5.2)."""


class WebAuthnCredential(FactorCredential, Base):
    """A passkey or security key (WebAuthn level 3)."""

    __tablename__ = "webauthn_credentials"

    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    """base64url without padding; up to 1023 bytes (WebAuthn §4)."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """COSE_Key."""
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(default=list)
    aaguid: Mapped[str] = mapped_column(String(36), default="")
    discoverable: Mapped[bool] = mapped_column(default=False)
    """Whether it signs in by itself, without an e-mail address."""
    backup_eligible: Mapped[bool] = mapped_column(default=False)
    backed_up: Mapped[bool] = mapped_column(default=False)


class RecoveryCode(Base):
    """A code on paper for the day when everything else is lost; stored as a keyed digest, used once."""

    __tablename__ = "recovery_codes"

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class TrustedDevice(Base):
    """A browser in which the second factor is not asked for a while. Never replaces the first."""

    __tablename__ = "trusted_devices"

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_agent: Mapped[str] = mapped_column(String(400), default="")
    created_at: Mapped[Instant]
    last_used_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)


class FederatedIdentity(Base):
    """An account at another provider, linked to one of ours. The e-mail address is never a key."""

    __tablename__ = "federated_identities"
    __table_args__ = (UniqueConstraint("provider", "issuer", "subject"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(String(60))
    """The name under which the provider is configured."""
    issuer: Mapped[str] = mapped_column(String(400))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    """As upstream told it last; for people to recognise the link by."""
    sealed_tokens: Mapped[str | None] = mapped_column(Text)
    """Upstream's tokens, where the operator wants them kept, sealed with the context `upstream:ID`."""
    linked_at: Mapped[Instant]
    last_used_at: Mapped[Instant | None]


class UpstreamProvider(Base):
    """A provider that people may sign in with, added by command; others come from the configuration."""

    __tablename__ = "upstream_providers"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    sealed_settings: Mapped[str] = mapped_column(Text)
    """Its settings as JSON, secret included, sealed with the context `provider:NAME`."""
    created_at: Mapped[Instant]
