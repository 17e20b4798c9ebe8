"""The authorization code grant, token side (RFC 6749 §4.1.3, OIDC Core §3.1.3)."""

from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant as AuthlibAuthorizationCodeGrant

from idp.events import catalogue
from idp.oauth.bridge import wait
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCode
from idp.oauth.errors import InvalidGrantError
from idp.oauth.grants.base import TokenGrant, TokenResponse
from idp.oauth.pkce import verify_code_verifier


class AuthorizationCodeGrant(TokenGrant, AuthlibAuthorizationCodeGrant):
    """Exchanges a code for tokens.

    Single use is enforced last, once possession is proven, so a wrong verifier or redirect URI spends
    nothing; and before anything is issued, so that of many at once exactly one gets tokens.
    """

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        """Return what the code was issued for, if it was to this client (RFC 6749 §4.1.3)."""
        found = wait(self.server.codes.find(code))
        return found if found and found.client_id == client.client_id else None

    def validate_token_request(self) -> None:
        """Let Authlib authenticate the client and compare the redirect URI, then prove possession."""
        super().validate_token_request()
        code = self.request.authorization_code
        verify_code_verifier(code.code_challenge, self.request.form.get("code_verifier"))

    def create_token_response(self) -> TokenResponse:
        """Spend the code, then issue; Authlib would do the reverse."""
        code: AuthorizationCode = self.request.authorization_code
        server = self.server
        uow, now = server.uow, server.now
        refreshable = self.client.check_grant_type("refresh_token")
        lifetime = server.settings.refresh_token_ttl if refreshable else server.settings.access_token_ttl
        grant = None
        if code.expires_at > now:
            grant = wait(uow.grants.redeem_code(code.grant_id, now, now + lifetime))
        if grant is None:
            self._refuse_spent_or_expired(code)
            raise InvalidGrantError("The code was used before or has expired")
        subject = wait(server.subjects.find(uow, grant.user_id))
        if subject is None:
            raise InvalidGrantError("The account that the code was issued for is gone")
        refresh_token = None
        if refreshable:
            refresh_token, row = self.new_refresh_token(grant)
            wait(uow.refresh_tokens.add(row))
        return self.tokens_for(
            grant, subject, grant.scope.split(), refresh_token=refresh_token, nonce=code.nonce
        )

    def _refuse_spent_or_expired(self, code: AuthorizationCode) -> None:
        """A code that comes twice may have been stolen: its grant ends (RFC 6749 §4.1.2)."""
        uow = self.server.uow
        grant = wait(uow.grants.get(code.grant_id))
        if grant is None or grant.code_redeemed_at is None:
            return
        if wait(uow.grants.revoke(grant.id, self.server.now)):
            event = catalogue.CodeReused(user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id)
            self.server.record(event)
