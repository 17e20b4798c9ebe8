"""/introspect: a resource server asks whether a token is good (RFC 7662)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.oauth import paths
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import CoreRequest, error_response
from idp.oauth.introspection import PARAMETERS, Introspection
from idp.oauth.server import ProtocolServer


class IntrospectionEndpoint:
    """The introspection endpoint."""

    def __init__(self, settings: Settings, server: ProtocolServer, errors: ProtocolErrors) -> None:
        self._uri = settings.url(paths.INTROSPECTION)
        self._server = server
        self._errors = errors

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.INTROSPECTION, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Answer for the token."""
        sent: CoreRequest | None = None
        try:
            sent = await core_request(request, self._uri, PARAMETERS)
            answer = await self._server.answer(Introspection.ENDPOINT_NAME, sent)
        except OAuth2Error as error:
            answer = error_response(error)
        if answer.error is not None:
            await self._errors.report(paths.INTROSPECTION, answer.error, sent, request.state.address)
        return http_response(answer)
