"""Authorization codes: short-lived entries of the ephemeral store that point at a grant.

The entry only says what the code was issued for. Whether it may still be spent is decided by its
grant's row in the database, in one atomic statement, so no loss or return of the ephemeral store can
make a code usable twice; and the entry outlives the code, so that its reuse is recognised.
"""

from dataclasses import dataclass

from idp.clock import Clock
from idp.crypto import random_token
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind

REUSE_MEMORY = 600
"""Seconds after its end in which a spent code presented again still revokes its grant."""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """What a code was issued for. The method names are those that Authlib calls."""

    grant_id: str
    client_id: str
    redirect_uri: str | None
    """As the authorization request had it; None when it was left out."""
    code_challenge: str | None
    nonce: str | None
    scope: str
    expires_at: float

    def get_redirect_uri(self) -> str | None:
        """Return the redirect URI of the authorization request."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the scope that was granted."""
        return self.scope


CODE = Kind("code", AuthorizationCode, REUSE_MEMORY)


class AuthorizationCodes:
    """Issues and finds codes."""

    def __init__(self, store: EphemeralStore, clock: Clock) -> None:
        self._kept = Kept(store, CODE)
        self._clock = clock

    async def issue(self, code: AuthorizationCode) -> str:
        """Return a new code for `code`."""
        value = random_token()
        ttl = code.expires_at - self._clock.now() + REUSE_MEMORY
        await self._kept.put(value, code, ttl=ttl)
        return value

    async def find(self, value: str) -> AuthorizationCode | None:
        """Return what the code was issued for; also when it has expired or is spent."""
        return await self._kept.get(value)
