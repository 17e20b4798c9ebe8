"""/introspect: a resource server asks whether a token is good (RFC 7662)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.endpoints.token import ClientAdmission
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.errors import InvalidRequestError, OAuth2Error
from idp.oauth.http import NO_STORE, error_response
from idp.oauth.introspection import Introspection

PATH = "/introspect"


class IntrospectionEndpoint:
    """The introspection endpoint."""

    def __init__(
        self,
        settings: Settings,
        client_auth: ClientAuthentication,
        introspection: Introspection,
        admit: ClientAdmission,
    ) -> None:
        self._uri = settings.url(PATH)
        self._client_auth = client_auth
        self._introspection = introspection
        self._admit = admit

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route(PATH, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Answer for the token. `token_type_hint` is not needed: our tokens tell what they are."""
        try:
            form = await core_request(request, self._uri)
            client = await self._client_auth.authenticate(form, allow_public=False)
            self._admit(client)
            token = form.form.get("token")
            if token is None:
                raise InvalidRequestError("The parameter token is missing")
            body = await self._introspection.introspect(client, token)
        except OAuth2Error as error:
            return http_response(error_response(error))
        return JSONResponse(dict(body), headers=NO_STORE)
