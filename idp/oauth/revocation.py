"""Token revocation (RFC 7009)."""

from idp.clock import Clock
from idp.crypto import digest
from idp.events.audit import record
from idp.events.catalogue import GrantRevoked
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidGrantError
from idp.oauth.tokens import TokenMint
from idp.storage.database import UnitOfWork


class Revocation:
    """Ends tokens."""

    def __init__(self, mint: TokenMint, clock: Clock) -> None:
        self._mint = mint
        self._clock = clock

    async def revoke(self, uow: UnitOfWork, client: Client, token: str) -> None:
        """End a token of the client. A refresh token takes its grant and so every token with it
        (RFC 7009 §2.1); an access token only itself. One that we do not know is no error (§2.2)."""
        now = self._clock.now()
        access_token = self._mint.read_access_token(token)
        if access_token is not None:
            _require_own(client, access_token.client_id)
            await uow.revoked_tokens.add(access_token.jti, float(access_token.claims["exp"]))
            return
        found = await uow.refresh_tokens.find(digest(token))
        if found is None:
            return
        _require_own(client, found.grant.client_id)
        if await uow.grants.revoke(found.grant.id, now):
            event = GrantRevoked(
                user_id=found.grant.user_id,
                client_id=client.client_id,
                grant_id=found.grant.id,
                reason="revoked by the client",
            )
            await record(uow, event, now)


def _require_own(client: Client, client_id: str) -> None:
    if client.client_id != client_id:  # RFC 7009 §2.1: refused, and the client is told
        raise InvalidGrantError("The token was issued to another client")
