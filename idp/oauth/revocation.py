"""Token revocation (RFC 7009): Authlib's endpoint, on our tokens."""

from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocationEndpoint

from idp.clock import Clock
from idp.crypto import digest
from idp.events.audit import record
from idp.events.catalogue import GrantRevoked
from idp.oauth.bridge import wait
from idp.oauth.client_auth.registry import PARAMETERS as CLIENT_AUTH_PARAMETERS
from idp.oauth.clients import Client
from idp.oauth.errors import InvalidGrantError, InvalidRequestError
from idp.oauth.http import CoreRequest
from idp.oauth.refresh_tokens import PresentedRefreshToken
from idp.oauth.tokens import AccessToken, TokenMint
from idp.storage.database import Database, UnitOfWork
from idp.storage.hot_path import HotPath
from idp.storage.models import Grant

PARAMETERS = CLIENT_AUTH_PARAMETERS | {"token", "token_type_hint"}


class Revocation(AuthlibRevocationEndpoint):
    """Ends tokens. Authlib authenticates the client, finds the token and refuses another client's.

    Corrected here: a `token_type_hint` is not needed, as our tokens tell what they are, so an unknown one does
    no harm (RFC 7009 §2.1 lets a server ignore it); and the answers have a description.
    """

    def __init__(
        self,
        database: Database,
        mint: TokenMint,
        hot_path: HotPath,
        clock: Clock,
        *,
        client_auth_methods: tuple[str, ...],
    ) -> None:
        """Let clients use `client_auth_methods`; public ones may give their tokens back too (§2.1)."""
        super().__init__()
        self.CLIENT_AUTH_METHODS = client_auth_methods
        self._database = database
        self._mint = mint
        self._hot_path = hot_path
        self._clock = clock

    # What Authlib calls --------------------------------------------------------------------------

    def check_params(self, request: CoreRequest, client: Client) -> None:  # noqa: ARG002  Authlib's signature
        """Ask for the token."""
        if "token" not in request.form:
            raise InvalidRequestError("The parameter token is missing")

    def query_token(
        self,
        token_string: str,
        token_type_hint: str | None,  # noqa: ARG002  as above
    ) -> AccessToken | PresentedRefreshToken | None:
        """Return the token; None, which is no error, for one that we do not know (§2.2)."""
        access_token = self._mint.read_access_token(token_string)
        if access_token is not None:
            return access_token
        found = wait(self._hot_path.find_refresh_token(digest(token_string)))
        return PresentedRefreshToken(found, self._clock.now()) if found else None

    def authenticate_token(
        self, request: CoreRequest, client: Client
    ) -> AccessToken | PresentedRefreshToken | None:
        """Return the token, if it is the client's; the client is told when it is another's (§2.1)."""
        try:
            token: AccessToken | PresentedRefreshToken | None = super().authenticate_token(request, client)
        except InvalidGrantError as error:
            raise InvalidGrantError("The token was issued to another client") from error
        return token

    def revoke_token(
        self,
        token: AccessToken | PresentedRefreshToken,
        request: CoreRequest,  # noqa: ARG002  Authlib's signature
    ) -> None:
        """End the token. A refresh token takes its grant and so every token with it (§2.1); an access token
        only itself."""
        wait(self._revoke(token))

    # ---------------------------------------------------------------------------------------------

    async def sign_out(self, uow: UnitOfWork, token: str) -> bool:
        """End the grant of an access or refresh token with all its tokens, whatever client presents it; tell
        whether the token was one of ours."""
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

    async def _revoke(self, token: AccessToken | PresentedRefreshToken) -> None:
        async with self._database.unit_of_work() as uow:
            if isinstance(token, AccessToken):
                await uow.revoked_tokens.add(token.jti, float(token.claims["exp"]))
            else:
                await self._end(uow, token.found.grant, "revoked by the client")

    async def _end(self, uow: UnitOfWork, grant: Grant, reason: str) -> None:
        now = self._clock.now()
        if await uow.grants.revoke(grant.id, now):
            event = GrantRevoked(
                user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id, reason=reason
            )
            await record(uow, event, now)
