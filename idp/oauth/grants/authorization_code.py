"""The authorization code grant, token side (RFC 6749 §4.1.3, OIDC Core §3.1.3)."""

from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant as AuthlibAuthorizationCodeGrant

from idp.events import catalogue
from idp.oauth.bridge import wait
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCode
from idp.oauth.errors import InvalidGrantError
from idp.oauth.grants.base import Issuance, TokenGrant
from idp.oauth.pkce import S256CodeChallenge


class AuthorizationCodeGrant(TokenGrant, AuthlibAuthorizationCodeGrant):
    """Exchanges a code for tokens.

    Authlib validates: the code, its client, its redirect URI, and by `S256CodeChallenge` the possession of the
    verifier. Single use is enforced last, so a wrong verifier or redirect URI spends nothing; and before
    anything is minted, so of many requests at once exactly one gets tokens. Authlib would do the reverse.
    """

    PARAMETERS = frozenset({"code", "redirect_uri", "code_verifier"})
    TAKES_SCOPE = False
    EXTENSIONS = (S256CodeChallenge(),)

    def validate_token_request(self) -> None:
        """Let Authlib validate, then its extension."""
        AuthlibAuthorizationCodeGrant.validate_token_request(self)

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        """Return what the code was issued for, if it was to this client (RFC 6749 §4.1.3)."""
        found = wait(self.context.core.codes.find(code))
        return found if found and found.client_id == client.client_id else None

    async def spend(self) -> Issuance:
        """Redeem the code, and begin the lineage of refresh tokens."""
        code: AuthorizationCode = self.request.authorization_code
        uow, now = self.context.uow, self.context.now
        grant = None
        if code.expires_at > now:
            grant = await uow.grants.redeem_code(code.grant_id, now, now + self.grant_lifetime)
        if grant is None:
            await self._end_grant_of_reused(code)
            raise InvalidGrantError("The code was used before or has expired")
        subject = await self.context.core.subjects.find(uow, grant.user_id)
        if subject is None:
            raise InvalidGrantError("The account that the code was issued for is gone")
        return Issuance(
            tuple(grant.scope.split()),
            grant,
            subject,
            refresh_token=await self.first_refresh_token(grant),
            nonce=code.nonce,
        )

    async def _end_grant_of_reused(self, code: AuthorizationCode) -> None:
        """A code that comes twice may have been stolen: its grant ends (RFC 6749 §4.1.2)."""
        grants = self.context.uow.grants
        grant = await grants.get(code.grant_id)
        if grant is None or grant.code_redeemed_at is None:
            return
        if await grants.revoke(grant.id, self.context.now):
            event = catalogue.CodeReused(user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id)
            await self.context.record(event)
