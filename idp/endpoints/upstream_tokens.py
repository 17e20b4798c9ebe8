"""/federation/NAME/token: a person's access token at another provider, for a client that may have it.

Only where the operator keeps them (`keep_tokens`), and only with an access token that the person allowed the
scope `upstream:NAME`. The refresh token is never handed out: it stays here, and is used here.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.challenges import challenge
from idp.config import PROVIDER_NAME
from idp.endpoints.edge import bearer_tokens
from idp.errors import IdpError, InvalidValue, NotFound
from idp.federation.upstream import SCOPE_PREFIX, UpstreamDown
from idp.flow.federated.sign_in import FederatedSignIn
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE
from idp.oauth.tokens import TokenMint
from idp.storage.hot_path import HotPath


class UpstreamTokensEndpoint:
    """A protected resource (RFC 6750)."""

    def __init__(self, mint: TokenMint, hot_path: HotPath, federation: FederatedSignIn) -> None:
        self._mint = mint
        self._hot_path = hot_path
        self._federation = federation

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/federation/{name}/token", self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        """Answer with a token that is good now."""
        name = request.path_params["name"]
        if PROVIDER_NAME.fullmatch(name) is None:
            return _refuse(404, "not_found", "There is no provider of this name")
        try:
            tokens = bearer_tokens(request, ())
        except (OAuth2Error, InvalidValue):
            return _refuse(400, "invalid_request", "The request is malformed")
        if len(tokens) != 1:
            return _refuse(401, "invalid_token", "An access token is needed")
        token = self._mint.read_access_token(tokens[0])
        if token is None:
            return _refuse(401, "invalid_token", "The access token is not valid")
        if SCOPE_PREFIX + name not in token.scopes:
            return _refuse(403, "insufficient_scope", f"The scope {SCOPE_PREFIX}{name} is needed")
        status = await self._hot_path.token_status(token.grant_id, token.jti)
        if status.jti_revoked or not status.grant_active or status.user is None:
            return _refuse(401, "invalid_token", "The access token is not valid any more")
        try:
            found = await self._federation.tokens(status.user.id, name)
        except NotFound:
            return _refuse(404, "not_found", "There is no token of this provider")
        except UpstreamDown:
            return _refuse(503, "temporarily_unavailable", "The provider cannot be reached")
        except IdpError:
            return _refuse(
                409, "upstream_refused", "The provider gives no token any more: sign in there again"
            )
        body = {
            "access_token": found.access_token,
            "token_type": found.token_type,
            "scope": found.scope,
            "expires_at": None if found.expires_at is None else int(found.expires_at),
        }
        return JSONResponse({k: v for k, v in body.items() if v is not None}, headers=NO_STORE)


def _refuse(status: int, error: str, description: str) -> Response:
    headers = dict(NO_STORE)
    if status in {401, 403}:
        headers["WWW-Authenticate"] = challenge(
            "Bearer", realm="federation", error=error, error_description=description
        )
    return JSONResponse({"error": error, "error_description": description}, status, headers=headers)
