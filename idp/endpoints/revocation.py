"""/revoke: a client gives a token back (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.config import Settings
from idp.endpoints.edge import core_request, http_response
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.errors import InvalidRequestError, OAuth2Error
from idp.oauth.http import NO_STORE, error_response
from idp.oauth.revocation import Revocation
from idp.storage.database import Database

PATH = "/revoke"


class RevocationEndpoint:
    """The revocation endpoint. Public clients may use it too (RFC 7009 §2.1)."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        client_auth: ClientAuthentication,
        revocation: Revocation,
    ) -> None:
        self._uri = settings.url(PATH)
        self._database = database
        self._client_auth = client_auth
        self._revocation = revocation

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route(PATH, self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """End the token. `token_type_hint` is not needed: our tokens tell what they are."""
        try:
            form = await core_request(request, self._uri)
            client = await self._client_auth.authenticate(form)
            token = form.form.get("token")
            if token is None:
                raise InvalidRequestError("The parameter token is missing")
            async with self._database.unit_of_work() as uow:
                await self._revocation.revoke(uow, client, token)
        except OAuth2Error as error:
            return http_response(error_response(error))
        return Response(status_code=200, headers=NO_STORE)
