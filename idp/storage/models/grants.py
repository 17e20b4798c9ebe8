"""What people have allowed, and the tokens that hang from it."""

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from idp.authentication import Authentication
from idp.storage.models.base import Base, Identifier, Instant, new_id
from idp.storage.models.users import User


class Grant(Base):
    """One authorisation: this person, this client, these scopes, proven this way.

    It is made with the authorization code, so a code's reuse always finds what to revoke.
    """

    __tablename__ = "grants"

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), index=True)
    session_id: Mapped[Identifier | None] = mapped_column(
        ForeignKey("browser_sessions.id", ondelete="SET NULL"), index=True
    )
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """That of the account when its user was authenticated; with another one the grant is over."""
    scope: Mapped[str] = mapped_column(String(4000))
    auth_time: Mapped[Instant]
    acr: Mapped[str] = mapped_column(String(100))
    amr: Mapped[list[str]]
    claims: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The `claims` request parameter (OIDC Core §5.5), as asked."""
    created_at: Mapped[Instant]
    code_redeemed_at: Mapped[Instant | None]
    """The gate of the authorization code: set once, atomically."""
    expires_at: Mapped[Instant] = mapped_column(index=True)
    """When its last token has expired; the sweeper removes it after."""
    revoked_at: Mapped[Instant | None]
    address: Mapped[str | None] = mapped_column(String(64))
    """The network address of a sign-in without a browser; a browser session has its own."""
    user_agent: Mapped[str | None] = mapped_column(String(400))

    def stands_with(self, user: User) -> bool:
        """Tell whether the grant is good: neither revoked nor of an earlier generation of its account, `user`,
        which is in use."""
        return self.revoked_at is None and user.disabled_at is None and self.generation == user.generation

    @property
    def authentication(self) -> Authentication:
        """How the user was authenticated, as far as its tokens say it."""
        return Authentication(self.auth_time, self.acr, tuple(self.amr), self.generation)


class RefreshToken(Base):
    """A refresh token of a grant, stored as a digest. The lineage is the grant's set of tokens."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[Identifier] = mapped_column(ForeignKey("grants.id", ondelete="CASCADE"), index=True)
    parent_digest: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    used_at: Mapped[Instant | None]
    """When it was first exchanged; the grace window counts from here."""
    used_from: Mapped[str | None] = mapped_column(String(64), default=None)
    """From where, for a public client (`idp.oauth.sender`); None for one that authenticates."""


class Consent(Base):
    """What a person has allowed a client to see, remembered for the next time."""

    __tablename__ = "consents"
    __table_args__ = (UniqueConstraint("user_id", "client_id"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id", ondelete="CASCADE"), index=True)
    scopes: Mapped[list[str]]
    claims: Mapped[list[str]] = mapped_column(default=list)
    """Claim names allowed beyond those of the scopes (the `claims` parameter)."""
    granted_at: Mapped[Instant]


class RevokedToken(Base):
    """An access token revoked before its time, by its `jti`; kept until it would have expired."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[Instant] = mapped_column(index=True)
