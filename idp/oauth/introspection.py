"""Token introspection (RFC 7662): Authlib's endpoint, on our tokens."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc7662 import IntrospectionEndpoint as AuthlibIntrospectionEndpoint

from idp.clock import Clock
from idp.crypto import digest
from idp.oauth.bridge import wait
from idp.oauth.client_auth.registry import PARAMETERS as CLIENT_AUTH_PARAMETERS
from idp.oauth.clients import Client
from idp.oauth.context import Admission
from idp.oauth.errors import InvalidRequestError
from idp.oauth.http import CoreRequest
from idp.oauth.refresh_tokens import PresentedRefreshToken
from idp.oauth.tokens import AccessToken, TokenMint
from idp.storage.hot_path import HotPath, TokenUser

PARAMETERS = CLIENT_AUTH_PARAMETERS | {"token", "token_type_hint"}
_COPIED = (
    "scope",
    "client_id",
    "sub",
    "aud",
    "iss",
    "exp",
    "iat",
    "jti",
    "acr",
    "amr",
    "auth_time",
    "sid",
    "cnf",
)


class Introspection(AuthlibIntrospectionEndpoint):
    """Tells about tokens. Authlib authenticates the client and decides what is inactive: a token that is
    unknown, has ended, or is none of the client's business, so that nothing can be learnt by asking (§2.2).

    Corrected here: a `token_type_hint` is not needed, as our tokens tell what they are.
    """

    def __init__(
        self,
        mint: TokenMint,
        hot_path: HotPath,
        clock: Clock,
        admit: Admission,
        *,
        client_auth_methods: tuple[str, ...],
    ) -> None:
        """Let clients use `client_auth_methods`, all of which must prove something (§2.1)."""
        super().__init__()
        self.CLIENT_AUTH_METHODS = client_auth_methods
        self._mint = mint
        self._hot_path = hot_path
        self._clock = clock
        self._admit = admit

    # What Authlib calls --------------------------------------------------------------------------

    def check_params(self, request: CoreRequest, client: Client) -> None:
        """Count the request of the authenticated client, and ask for the token."""
        self._admit(client)
        if "token" not in request.form:
            raise InvalidRequestError("The parameter token is missing")

    def query_token(
        self,
        token_string: str,
        token_type_hint: str | None,  # noqa: ARG002  Authlib's signature
    ) -> AccessToken | PresentedRefreshToken | None:
        """Return the token with what the database says of it."""
        access_token = self._mint.read_access_token(token_string)
        if access_token is not None:
            return self._with_status(access_token)
        found = wait(self._hot_path.find_refresh_token(digest(token_string)))
        return PresentedRefreshToken(found, self._clock.now()) if found else None

    def _with_status(self, token: AccessToken) -> AccessToken:
        if token.grant_id is None:  # a client's own
            return replace(token, revoked=wait(self._hot_path.token_status(None, token.jti)).jti_revoked)
        user = wait(self._hot_path.token_user(token.grant_id, token.jti))
        return replace(token, revoked=user is None, user=user)

    def check_permission(
        self,
        token: AccessToken | PresentedRefreshToken,
        client: Client,
        request: CoreRequest,  # noqa: ARG002  Authlib's signature
    ) -> bool:
        """Let a token's own client ask, and for an access token a resource server that it is for. One without
        an audience of its own is for our userinfo: any confidential client that holds it may ask about it."""
        if token.check_client(client):
            return True
        if isinstance(token, PresentedRefreshToken):
            return False
        return not {client.client_id, *client.audiences}.isdisjoint(token.audiences) or token.audiences == (
            self._mint.issuer,
        )

    def introspect_token(self, token: AccessToken | PresentedRefreshToken) -> Mapping[str, Any]:
        """Return what an active token says."""
        if isinstance(token, AccessToken):
            body = {name: token.claims[name] for name in _COPIED if name in token.claims}
            return {"active": True, "token_type": "Bearer", **body, **_about(token.user, token.scopes)}
        grant, row = token.found.grant, token.found.token
        if row.used_at is not None:  # only its successor counts
            return {"active": False}
        return {
            "active": True,
            **({"scope": grant.scope} if grant.scope else {}),
            "client_id": grant.client_id,
            "sub": grant.user_id,
            "iss": self._mint.issuer,
            "exp": int(row.expires_at),
            "iat": int(row.created_at),
            **_about(TokenUser.of(token.found.user), grant.scope.split()),
        }


def _about(user: TokenUser | None, scopes: Collection[str]) -> dict[str, Any]:
    """Return the `username` (RFC 7662 §2.2), and the address where the scope `email` was granted."""
    if user is None:
        return {}
    about: dict[str, Any] = {"username": user.username}
    if "email" in scopes:
        about |= {"email": user.email, "email_verified": user.email_verified}
    return {name: value for name, value in about.items() if value is not None}
