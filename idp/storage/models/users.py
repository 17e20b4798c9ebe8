"""People and their browser sessions."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from idp.authentication import Authentication
from idp.storage.models.base import Base, Identifier, Instant, new_id


class DisabledBy(StrEnum):
    """Who, or what, has switched an account off. Each reason stands by itself."""

    OPERATOR = "operator"
    OWNER = "owner"
    RISK = "risk"

    @property
    def column(self) -> str:
        """The attribute of `User` that says since when."""
        return f"disabled_by_{self.value}_at"


class User(Base):
    """A person's account. `id` is the `sub` claim and never changes or is reused."""

    __tablename__ = "users"
    __table_args__ = (
        # Few accounts wait to be verified; the sweeper looks for the old ones.
        Index(
            "ix_users_unverified",
            "updated_at",
            sqlite_where=text("verification_due"),
            postgresql_where=text("verification_due"),
        ),
    )

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(320))
    """As the person wrote it."""
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    """The address in the one form under which it is unique (`identity.addresses.email_key`)."""
    email_verified: Mapped[bool] = mapped_column(default=False)
    verification_due: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the person made the account themselves and has not shown yet that the address is theirs.
    An account that an administrator made is vouched for, verified or not."""
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """Raised by whatever ends what was proven before (`idp.identity.generation`)."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    """Argon2id in PHC form; None when the account has no password."""
    profile: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """OpenID Connect standard claims (Core §5.1) other than sub and email."""
    roles: Mapped[list[str]] = mapped_column(default=list)
    tier: Mapped[str] = mapped_column(String(40), default="free", server_default="free")
    """What the person has subscribed to; set by administrators only."""
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    """When a claim last changed (Core §5.1)."""
    disabled_by_operator_at: Mapped[Instant | None]
    disabled_by_owner_at: Mapped[Instant | None]
    """By their deletion of the account, which `delete_at` completes."""
    disabled_by_risk_at: Mapped[Instant | None]
    factor_offered_at: Mapped[Instant | None]
    """When a second factor was offered and declined; it is not offered again."""
    factor_due_at: Mapped[Instant | None]
    """When the time to enrol a required second factor is over; set when it was first asked for."""
    factor_reset_at: Mapped[Instant | None] = mapped_column(index=True)
    """When an administrator's reset removes the second factors, unless the owner objects before."""
    delete_at: Mapped[Instant | None] = mapped_column(index=True)
    """When the account, deleted by its owner and disabled since, is removed for good."""

    @property
    def disabled_at(self) -> float | None:
        """Since when the account is not in use, for whatever reasons; None while it is."""
        since = [moment for by in DisabledBy if (moment := getattr(self, by.column)) is not None]
        return min(since, default=None)

    @property
    def disabled_by(self) -> list[str]:
        """The reasons for which it is not in use."""
        return [by.value for by in DisabledBy if self.is_disabled_by(by)]

    def is_disabled_by(self, by: DisabledBy) -> bool:
        """Tell whether this is one of the reasons for which the account is not in use."""
        return getattr(self, by.column) is not None

    def disable(self, by: DisabledBy, now: float) -> bool:
        """Switch the account off for this reason; tell whether that is new."""
        new = not self.is_disabled_by(by)
        if new:
            setattr(self, by.column, now)
        return new

    def enable(self, by: DisabledBy) -> bool:
        """Lift this reason and no other; tell whether it was there."""
        there = self.is_disabled_by(by)
        setattr(self, by.column, None)
        return there


class BrowserSession(Base):
    """A person signed in at one browser. The cookie's value is stored only as a digest."""

    __tablename__ = "browser_sessions"
    __table_args__ = (Index("ix_browser_sessions_user_id_id", "user_id", "id"),)

    id: Mapped[Identifier] = mapped_column(primary_key=True, default=new_id)
    """The `sid` claim; the cookie never carries it."""
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[Identifier] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """That of the account when its user was authenticated; with another one the session is over."""
    auth_time: Mapped[Instant]
    """When the person last proved who they are in this session."""
    acr: Mapped[str] = mapped_column(String(100))
    amr: Mapped[list[str]]
    created_at: Mapped[Instant]
    last_seen_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)
    """The end whatever happens; the idle limit is counted from `last_seen_at`."""
    ended_at: Mapped[Instant | None] = mapped_column(index=True)
    user_agent: Mapped[str] = mapped_column(String(400), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    upstream: Mapped[str | None] = mapped_column(String(60))
    """The provider that the person signed in with, if it was not here."""
    factor_waived: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the operator leaves the second factor to that provider."""

    @property
    def authentication(self) -> Authentication:
        """How its user was authenticated."""
        return Authentication(
            self.auth_time,
            self.acr,
            tuple(self.amr),
            self.generation,
            upstream=self.upstream,
            factor_waived=self.factor_waived,
        )
