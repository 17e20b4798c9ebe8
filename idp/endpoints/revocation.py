"""/revoke: a client gives a token back (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.endpoints.protocol_errors import ProtocolErrors
from idp.oauth import paths
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import NO_STORE, CoreRequest, error_response
from idp.oauth.revocation import PARAMETERS, Revocation
from idp.oauth.server import ProtocolServer


class RevocationEndpoint:
    """The revocation endpoint. Public clients may use it too (RFC 7009 §2.1)."""

    def __init__(self, settings: Settings, server: ProtocolServer, errors: ProtocolErrors) -> None:
        self._uri = settings.url(paths.REVOCATION)
        self._server = server
        self._errors = errors

    @property
    def routes(self) -> list[Route]:
        """Its route."""
        return [Route(paths.REVOCATION, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """End the token. The body of success is empty: a client looks at the status alone (§2.2)."""
        sent: CoreRequest | None = None
        try:
            sent = await core_request(request, self._uri, PARAMETERS)
            answer = await self._server.answer(Revocation.ENDPOINT_NAME, sent)
        except OAuth2Error as error:
            answer = error_response(error)
        if answer.error is None:
            return Response(status_code=200, headers=NO_STORE)
        await self._errors.report(paths.REVOCATION, answer.error, sent, request.state.address)
        return http_response(answer)
