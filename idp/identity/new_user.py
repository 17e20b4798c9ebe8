"""The row of a new account: made by its user, by an operator, or by a sign-in at another provider."""

from collections.abc import Iterable, Mapping
from typing import Any

from idp.identity.addresses import email_key
from idp.storage.models import User, new_id


def new_user(
    email: str,
    now: float,
    *,
    verified: bool,
    verification_due: bool = False,
    password_hash: str | None = None,
    profile: Mapping[str, Any] | None = None,
    roles: Iterable[str] = (),
    tier: str = "free",
) -> User:
    """Return a new account, not yet stored; raise `InvalidValue` for what is no address."""
    return User(
        id=new_id(),
        email=email.strip(),
        email_key=email_key(email),
        email_verified=verified,
        verification_due=verification_due,
        generation=0,
        password_hash=password_hash,
        profile=dict(profile or {}),
        roles=list(roles),
        tier=tier,
        created_at=now,
        updated_at=now,
        delete_at=None,
    )
