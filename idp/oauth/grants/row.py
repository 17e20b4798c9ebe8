"""The row of a grant: this user allowed this client these scopes, and was authenticated so."""

from collections.abc import Iterable, Mapping
from typing import Any

from idp.authentication import Authentication
from idp.storage.models import Grant, new_id


def new_grant(
    user_id: str,
    client_id: str,
    scopes: Iterable[str],
    authentication: Authentication,
    *,
    now: float,
    lifetime: float,
    session_id: str | None = None,
    claims: Mapping[str, Any] | None = None,
    has_code: bool = True,
    address: str | None = None,
    user_agent: str | None = None,
) -> Grant:
    """Return a new grant, not yet stored, that is needed for `lifetime` seconds. `claims` is the `claims`
    parameter as a document; without a code (`has_code`) there is none to redeem. `address` and `user_agent` are
    those of a sign-in without a browser session."""
    return Grant(
        id=new_id(),
        user_id=user_id,
        client_id=client_id,
        session_id=session_id,
        generation=authentication.generation,
        scope=" ".join(scopes),
        auth_time=authentication.auth_time,
        acr=authentication.acr,
        amr=list(authentication.amr),
        claims=dict(claims or {}),
        created_at=now,
        code_redeemed_at=None if has_code else now,
        expires_at=now + lifetime,
        revoked_at=None,
        address=address,
        user_agent=None if user_agent is None else user_agent[:400],
    )
