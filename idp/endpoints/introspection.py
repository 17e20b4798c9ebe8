"""/introspect: a resource server asks whether a token is good (RFC 7662)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.oauth import paths
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import error_response
from idp.oauth.introspection import PARAMETERS, Introspection
from idp.oauth.server import ProtocolServer


class IntrospectionEndpoint:
    """The introspection endpoint."""

    def __init__(self, settings: Settings, server: ProtocolServer) -> None:
        self._uri = settings.url(paths.INTROSPECTION)
        self._server = server

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.INTROSPECTION, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Answer for the token."""
        try:
            form = await core_request(request, self._uri, PARAMETERS)
        except OAuth2Error as error:
            return http_response(error_response(error))
        return http_response(await self._server.answer(Introspection.ENDPOINT_NAME, form))
