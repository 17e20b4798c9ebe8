"""Token introspection (RFC 7662): is this token still good, and what does it say?"""

from collections.abc import Mapping
from typing import Any

from idp.clock import Clock
from idp.crypto import digest
from idp.oauth.clients import Client
from idp.oauth.tokens import AccessToken, TokenMint
from idp.storage.hot_path import HotPath

INACTIVE: Mapping[str, Any] = {"active": False}
_COPIED = ("scope", "client_id", "sub", "aud", "iss", "exp", "iat", "jti", "acr", "amr", "auth_time", "sid")


class Introspection:
    """Tells about tokens."""

    def __init__(self, mint: TokenMint, hot_path: HotPath, clock: Clock) -> None:
        self._mint = mint
        self._hot_path = hot_path
        self._clock = clock

    async def introspect(self, client: Client, token: str) -> Mapping[str, Any]:
        """Return the response body. A token that is none of the client's business is just inactive, so
        that nothing can be learnt by asking (RFC 7662 §2.2)."""
        access_token = self._mint.read_access_token(token)
        if access_token is not None:
            return await self._access_token(client, access_token)
        return await self._refresh_token(client, token)

    async def _access_token(self, client: Client, token: AccessToken) -> Mapping[str, Any]:
        if not self._may_ask(client, token):
            return INACTIVE
        if not await self._hot_path.token_stands(token.grant_id, token.jti):
            return INACTIVE
        body = {name: token.claims[name] for name in _COPIED if name in token.claims}
        return {"active": True, "token_type": "Bearer", **body}

    def _may_ask(self, client: Client, token: AccessToken) -> bool:
        """Its own client, or a resource server that it is for; one without an audience of its own (it is
        then for our userinfo) may be asked about by any confidential client that holds it."""
        mine = {client.client_id, *client.audiences}
        return (
            token.client_id == client.client_id
            or not mine.isdisjoint(token.audiences)
            or token.audiences == (self._mint.issuer,)
        )

    async def _refresh_token(self, client: Client, token: str) -> Mapping[str, Any]:
        found = await self._hot_path.find_refresh_token(digest(token))
        if (
            found is None
            or found.grant.client_id != client.client_id
            or found.grant.revoked_at is not None
            or found.user_disabled
            or found.token.used_at is not None
            or found.token.expires_at <= self._clock.now()
        ):
            return INACTIVE
        return {
            "active": True,
            **({"scope": found.grant.scope} if found.grant.scope else {}),
            "client_id": found.grant.client_id,
            "sub": found.grant.user_id,
            "iss": self._mint.issuer,
            "exp": int(found.token.expires_at),
            "iat": int(found.token.created_at),
        }
