"""Token revocation (RFC 7009)."""

from idp.clock import Clock
from idp.crypto import digest
from idp.events.audit import record
from idp.events.catalogue import GrantRevoked
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidGrantError
from idp.oauth.tokens import TokenMint
from idp.storage.database import UnitOfWork
from idp.storage.models import Grant


class Revocation:
    """Ends tokens."""

    def __init__(self, mint: TokenMint, clock: Clock) -> None:
        self._mint = mint
        self._clock = clock

    async def revoke(self, uow: UnitOfWork, client: Client, token: str) -> None:
        """End a token of the client. A refresh token takes its grant and so every token with it
        (RFC 7009 §2.1); an access token only itself. One that we do not know is no error (§2.2)."""
        access_token = self._mint.read_access_token(token)
        if access_token is not None:
            _require_own(client, access_token.client_id)
            await uow.revoked_tokens.add(access_token.jti, float(access_token.claims["exp"]))
            return
        found = await uow.refresh_tokens.find(digest(token))
        if found is None:
            return
        _require_own(client, found.grant.client_id)
        await self._end(uow, found.grant, "revoked by the client")

    async def sign_out(self, uow: UnitOfWork, token: str) -> bool:
        """End the grant of an access or refresh token with all its tokens, whoever holds it; tell whether
        the token was one of ours."""
        access_token = self._mint.read_access_token(token)
        if access_token is None:
            found = await uow.refresh_tokens.find(digest(token))
            grant = found.grant if found else None
        else:
            grant = await uow.grants.get(access_token.grant_id) if access_token.grant_id else None
        if grant is None:
            return False
        await self._end(uow, grant, "signed out")
        return True

    async def _end(self, uow: UnitOfWork, grant: Grant, reason: str) -> None:
        now = self._clock.now()
        if await uow.grants.revoke(grant.id, now):
            event = GrantRevoked(
                user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id, reason=reason
            )
            await record(uow, event, now)


def _require_own(client: Client, client_id: str) -> None:
    if client.client_id != client_id:  # RFC 7009 §2.1: refused, and the client is told
        raise InvalidGrantError("The token was issued to another client")
