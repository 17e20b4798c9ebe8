"""/federation/NAME/token: a person's access token at another provider, for a client that may have it.

Only where the operator keeps them (`keep_tokens`), and only with an access token that the person allowed the
scope `upstream:NAME`. The refresh token is never handed out: it stays here, and is used here.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.config import PROVIDER_NAME
from idp.endpoints.edge import resource_refusal
from idp.errors import IdpError, NotFound
from idp.federation.upstream import SCOPE_PREFIX, UpstreamDown
from idp.flow.federated.sign_in import FederatedSignIn
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE
from idp.oauth.resource import Resource, ResourceGuard


class UpstreamTokensEndpoint:
    """A protected resource (RFC 6750)."""

    def __init__(self, guard: ResourceGuard, federation: FederatedSignIn) -> None:
        self._guard = guard
        self._federation = federation

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route("/federation/{name}/token", self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        """Answer with a token that is good now."""
        name = request.path_params["name"]
        if PROVIDER_NAME.fullmatch(name) is None:
            return _refuse(404, "not_found", "There is no provider of this name")
        resource = Resource("federation", SCOPE_PREFIX + name)
        try:
            access = await self._guard.check(resource, request.headers)
        except OAuth2Error as error:
            return resource_refusal(resource, error)
        try:
            found = await self._federation.tokens(access.user.id, name)
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
    return JSONResponse({"error": error, "error_description": description}, status, headers=NO_STORE)
