"""The refresh token grant, with rotation and reuse detection (RFC 6749 §6, RFC 9700 §4.14)."""

from authlib.oauth2.rfc6749.grants import RefreshTokenGrant as AuthlibRefreshTokenGrant

from idp.crypto import digest
from idp.events import catalogue
from idp.oauth.bridge import wait
from idp.oauth.errors import InvalidGrantError, InvalidRequestError
from idp.oauth.grants.base import TokenGrant, TokenResponse
from idp.storage.repositories.refresh_tokens import FoundRefreshToken


class RefreshTokenGrant(TokenGrant, AuthlibRefreshTokenGrant):
    """Exchanges a refresh token for new tokens.

    Each use spends the token. The same token again within the grace window is a retry or a second tab
    and gets a sibling; after it, it is a copy in wrong hands, and the grant ends with all its tokens.
    """

    def validate_token_request(self) -> None:
        """Authenticate the client, find the token, and check the scope, which may only shrink."""
        client = self.authenticate_token_endpoint_client()
        value = self.request.form.get("refresh_token")
        if value is None:
            raise InvalidRequestError("The parameter refresh_token is missing")
        found = wait(self.server.hot_path.find_refresh_token(digest(value)))
        if found is None or found.grant.client_id != client.client_id:
            raise InvalidGrantError("The refresh token is unknown")
        # What was taken from the client since is not refreshed (authentik CVE-2024-52287).
        granted = tuple(scope for scope in found.grant.scope.split() if scope in client.scopes)
        self._scopes = self.requested_scopes(granted) or granted
        self._found = found

    def create_token_response(self) -> TokenResponse:
        """Rotate, then issue."""
        uow, now, found = self.server.uow, self.server.now, self._found
        grant = found.grant
        if grant.revoked_at is not None or found.user_disabled:
            raise InvalidGrantError("The grant was revoked")
        if found.token.expires_at <= now:
            raise InvalidGrantError("The refresh token has expired")
        value, row = self.new_refresh_token(grant, found.token.digest)
        used_at = found.token.used_at
        if used_at is None and not wait(
            self.server.hot_path.rotate(found.token.digest, row, now, row.expires_at)
        ):
            used_at = now  # another request spent it since we looked
        if used_at is not None:
            if now - used_at >= self.server.settings.refresh_grace:
                self._raise_alarm(found)
            wait(uow.refresh_tokens.add(row))
        subject = self.server.subjects.describe(found.user)
        # No nonce: it belongs to the authentication, not to this request (OIDC Core §12.2).
        return self.tokens_for(grant, subject, self._scopes, refresh_token=value)

    def _raise_alarm(self, found: FoundRefreshToken) -> None:
        grant = found.grant
        if wait(self.server.uow.grants.revoke(grant.id, self.server.now)):
            event = catalogue.RefreshTokenReused(
                user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id
            )
            self.server.record(event)
        raise InvalidGrantError("The refresh token was used before; its grant is revoked")
