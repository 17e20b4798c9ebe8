"""Relying apps and resource servers."""

from typing import Any

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.storage.models.base import Base, Instant


class ClientRecord(Base):
    """A registered client, its metadata under the names of RFC 7591 §2 where one exists."""

    __tablename__ = "clients"

    client_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    client_name: Mapped[str] = mapped_column(String(200))
    client_secret_digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the secret, which is random; None for a public or a key-authenticated client."""
    token_endpoint_auth_method: Mapped[str] = mapped_column(String(50))
    redirect_uris: Mapped[list[str]] = mapped_column(default=list)
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(default=list)
    grant_types: Mapped[list[str]] = mapped_column(default=list)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    audiences: Mapped[list[str]] = mapped_column(default=list)
    """The `aud` of its access tokens; empty means the issuer."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    """Everything else: `logo_uri`, `client_uri`, `policy_uri`, `tos_uri`, `jwks`, `jwks_uri`,
    `id_token_signed_response_alg`, `first_party`, `require_pkce`, `allowed_origins`, …"""
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    disabled_at: Mapped[Instant | None]


class SigningKeyRecord(Base):
    """A signing key. Several workers may try to make the same generation; one succeeds."""

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("alg", "generation"),)

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    alg: Mapped[str] = mapped_column(String(16))
    generation: Mapped[int]
    public_jwk: Mapped[dict[str, Any]]
    sealed_private_key: Mapped[str] = mapped_column(Text)
    """PKCS #8 DER, sealed under the master key with the context `signing-key:KID`."""
    created_at: Mapped[Instant]
    activates_at: Mapped[Instant]
    """From here on it may sign; it is published before."""
    expires_at: Mapped[Instant | None]
    """From here on it is no longer published; None while no successor is set."""
