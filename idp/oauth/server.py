"""The token endpoint on Authlib's authorization server.

A `TokenServer` is made for each request and holds its unit of work; what it shares with others
(keys, clients, codes) is in `Core`, made once. Making one costs a few microseconds, which is less
than looking its parts up in context variables would.
"""

from collections.abc import Iterable
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer

from idp.oauth.context import Core, GrantContext
from idp.oauth.errors import InvalidRequestError, UnsupportedGrantTypeError
from idp.oauth.grants.registry import GRANTS
from idp.oauth.http import CoreRequest, CoreResponse, error_response
from idp.storage.database import UnitOfWork


class TokenServer(GrantContext, AuthorizationServer):
    """Authlib's server for one request. Its methods run in the greenlet."""

    def __init__(self, core: Core, uow: UnitOfWork) -> None:
        AuthorizationServer.__init__(self)
        GrantContext.__init__(self, core, uow)

    # What Authlib calls --------------------------------------------------------------------------

    def create_oauth2_request(self, request: CoreRequest) -> CoreRequest:
        """Return the request: it is made at the edge."""
        return request

    def get_token_grant(self, request: CoreRequest) -> Any:
        """Return the grant for the request's grant type."""
        grant_type = request.form.get("grant_type")
        if grant_type is None:
            raise InvalidRequestError("The parameter grant_type is missing")
        for grant in GRANTS:
            if grant_type == grant.GRANT_TYPE:
                return grant(request, self)
        raise UnsupportedGrantTypeError

    def create_token_response(self, request: CoreRequest) -> CoreResponse:
        """Find the grant, let it validate the request, and let it answer."""
        try:
            grant = self.get_token_grant(request)
            grant.validate_token_request()
            return self.handle_response(*grant.create_token_response())
        except OAuth2Error as error:
            return error_response(error)

    def handle_response(self, status: int, body: Any, headers: Iterable[tuple[str, str]]) -> CoreResponse:
        """Return an answer as a value."""
        return CoreResponse(status, body, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Ignore Authlib's signals: what happens is recorded as typed events."""
