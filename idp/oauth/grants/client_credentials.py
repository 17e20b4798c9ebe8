"""The client credentials grant (RFC 6749 §4.4): a client acts for itself."""

from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant as AuthlibClientCredentialsGrant

from idp.oauth.errors import InvalidScopeError, UnauthorizedClientError
from idp.oauth.grants.base import TokenGrant, TokenResponse
from idp.oauth.scopes import STANDARD_SCOPES


class ClientCredentialsGrant(TokenGrant, AuthlibClientCredentialsGrant):
    """Issues an access token to the client itself: no person, no refresh token, no ID token."""

    FOR_PEOPLE = False

    def validate_token_request(self) -> None:
        """Authenticate the client, which must be confidential, and check the scope."""
        client = self.authenticate_token_endpoint_client()
        if client.is_public:
            raise UnauthorizedClientError("A public client cannot use the client credentials grant")
        requested = self.requested_scopes(client.scopes)
        if set(requested) & set(STANDARD_SCOPES):
            raise InvalidScopeError("Scopes about a person mean nothing without one")
        self._scopes = requested or tuple(s for s in client.scopes if s not in STANDARD_SCOPES)

    def create_token_response(self) -> TokenResponse:
        """Issue; the subject is the client (RFC 9068 §2.2)."""
        client = self.client
        token = self.server.mint.access_token(client, subject=client.client_id, scope=" ".join(self._scopes))
        return self.answer(self.bearer(token, self._scopes))
