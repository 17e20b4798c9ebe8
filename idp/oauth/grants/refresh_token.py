"""The refresh token grant, with rotation and reuse detection (RFC 6749 §6, RFC 9700 §4.14)."""

from typing import NoReturn

from authlib.oauth2.rfc6749.grants import RefreshTokenGrant as AuthlibRefreshTokenGrant

from idp.crypto import digest
from idp.events import catalogue
from idp.oauth.bridge import wait
from idp.oauth.errors import InvalidGrantError, InvalidScopeError
from idp.oauth.grants.base import Issuance, TokenGrant
from idp.oauth.refresh_tokens import PresentedRefreshToken
from idp.oauth.sender import Sender
from idp.storage.models import RefreshToken
from idp.storage.repositories.refresh_tokens import FoundRefreshToken


class RefreshTokenGrant(TokenGrant, AuthlibRefreshTokenGrant):
    """Exchanges a refresh token for new tokens.

    Authlib validates: the token, its client, and that the scope only shrinks. Each use spends the token. The
    same token again within the grace window is a retry or a second tab and gets a sibling; after it, or from
    elsewhere, it is a copy in wrong hands, and the grant ends with all its tokens.
    """

    PARAMETERS = frozenset({"refresh_token"})

    def validate_token_request(self) -> None:
        """Let Authlib validate."""
        AuthlibRefreshTokenGrant.validate_token_request(self)

    def authenticate_refresh_token(self, refresh_token: str) -> PresentedRefreshToken:
        """Return the token if it stands; whether it was used before is for `spend`."""
        found = wait(self.context.core.hot_path.find_refresh_token(digest(refresh_token)))
        token = PresentedRefreshToken(found, self.context.now) if found else None
        if token is None or not token.check_client(self.context.client):
            raise InvalidGrantError("The refresh token is unknown")
        if token.is_revoked():
            raise InvalidGrantError("The grant was revoked")
        if token.is_expired():
            raise InvalidGrantError("The refresh token has expired")
        return token

    def _validate_token_scope(self, token: PresentedRefreshToken) -> None:
        """Compare what is asked for with what was granted (RFC 6749 §6). Authlib would compare it as it was sent,
        and refuse the unregistered scopes that were ignored when the grant was made."""
        if not set(self.context.scopes) <= set(token.get_scope().split()):
            raise InvalidScopeError

    async def spend(self) -> Issuance:
        """Rotate."""
        presented: PresentedRefreshToken = self.request.refresh_token
        found = presented.found
        value, row = self.new_refresh_token(found.grant, found.token.digest)
        spent = await self._spent_before(found, row)
        if spent is not None:
            if not self._is_a_retry(spent):
                await self._raise_alarm(found)
            await self.store(row)
        # No nonce: it belongs to the authentication, not to this request (OIDC Core §12.2).
        return Issuance(
            self._scopes(presented),
            found.grant,
            self.context.core.subjects.describe(found.user),
            refresh_token=value,
        )

    async def _spent_before(self, found: FoundRefreshToken, successor: RefreshToken) -> RefreshToken | None:
        """Spend the token, of many requests at once in one; in the others, and later, return it as it was spent."""
        if found.token.used_at is not None:
            return found.token
        old, now, hot_path = found.token.digest, self.context.now, self.context.core.hot_path
        used_from = Sender.of(self.request).to_text() if self.context.client.is_public else None
        if await hot_path.rotate(old, successor, now, successor.expires_at, used_from):
            return None
        latest = await hot_path.find_refresh_token(old)  # as it is now: another request may have spent it
        if latest is None or latest.token.used_at is None:
            raise InvalidGrantError("The grant was revoked")
        return latest.token

    def _is_a_retry(self, spent: RefreshToken) -> bool:
        """Tell whether the same token again is a retry or a second tab. A public client proves nothing but the
        token, so within the window it must come from where it was first used: else one of two has stolen it."""
        assert spent.used_at is not None  # noqa: S101  `_spent_before` returns no other
        if self.context.now - spent.used_at >= self.context.settings.refresh_grace:
            return False
        if not self.context.client.is_public or spent.used_from is None:
            return True
        return Sender.from_text(spent.used_from).may_be(Sender.of(self.request))

    def _scopes(self, token: PresentedRefreshToken) -> tuple[str, ...]:
        """Return what is asked for, or all that was granted, without what was taken from the client since
        (authentik CVE-2024-52287)."""
        return self.context.scopes or token.scopes_for(self.context.client)

    async def _raise_alarm(self, found: FoundRefreshToken) -> NoReturn:
        grant = found.grant
        if await self.context.uow.grants.revoke(grant.id, self.context.now):
            event = catalogue.RefreshTokenReused(
                user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id
            )
            await self.context.record(event)
        raise InvalidGrantError("The refresh token was used before; its grant is revoked")
