"""The client credentials grant (RFC 6749 §4.4): a client acts for itself."""

from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant as AuthlibClientCredentialsGrant

from idp.oauth.clients import Client
from idp.oauth.errors import InvalidScopeError
from idp.oauth.grants.base import Issuance, TokenGrant
from idp.oauth.scopes import STANDARD_SCOPES

_ABOUT_PEOPLE = frozenset(STANDARD_SCOPES)


class ClientCredentialsGrant(TokenGrant, AuthlibClientCredentialsGrant):
    """Issues an access token to the client itself: no person, no refresh token, no ID token."""

    PARAMETERS = frozenset[str]()
    FOR_PEOPLE = False
    FOR_PUBLIC_CLIENTS = False

    @classmethod
    def narrow(cls, scopes: tuple[str, ...], client: Client) -> tuple[str, ...]:
        """Leave out, or refuse, what is about a person."""
        if not _ABOUT_PEOPLE.isdisjoint(scopes):
            raise InvalidScopeError("Scopes about a person mean nothing without one")
        return scopes or tuple(scope for scope in client.scopes if scope not in _ABOUT_PEOPLE)

    def validate_token_request(self) -> None:
        """Let Authlib validate: it asks for the client and its grant type, which is all that there is."""
        AuthlibClientCredentialsGrant.validate_token_request(self)

    async def spend(self) -> Issuance:
        """Nothing is used up."""
        return Issuance(self.context.scopes)
