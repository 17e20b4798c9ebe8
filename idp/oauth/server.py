"""Authlib's authorization server: what its grants and endpoints ask for, answered by our parts.

It is made once and holds nothing of a request. Everything here runs in the greenlet of `idp.oauth.bridge`.
The order of a token request is `idp.oauth.pipeline`'s, not Authlib's.
"""

from collections.abc import Collection, Iterable
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer

from idp.oauth import bridge
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.clients import Client
from idp.oauth.errors import OAuth2Error
from idp.oauth.http import CoreRequest, CoreResponse, error_response


class ProtocolServer(AuthorizationServer):
    """Runs Authlib's endpoints (revocation, introspection) and answers for its grants."""

    def __init__(self, client_auth: ClientAuthentication) -> None:
        super().__init__()
        self.client_auth = client_auth

    async def answer(self, endpoint: str, request: CoreRequest) -> CoreResponse:
        """Let the registered endpoint of this name answer; an error is an answer too."""
        answer: CoreResponse = await bridge.enter(self.create_endpoint_response, endpoint, request)
        return answer

    # What Authlib calls --------------------------------------------------------------------------

    def authenticate_client(
        self, request: CoreRequest, methods: Collection[str], endpoint: str = "token"
    ) -> Client:
        """Return the client. At the token endpoint the pipeline has authenticated it before the grant asks."""
        if request.client is not None:
            return request.client
        return self.client_auth.authenticate(request, methods, endpoint)

    def create_oauth2_request(self, request: CoreRequest) -> CoreRequest:
        """Return the request: it is made at the edge."""
        return request

    def handle_response(self, status: int, body: Any, headers: Iterable[tuple[str, str]]) -> CoreResponse:
        """Return an answer as a value."""
        return CoreResponse(status, body, dict(headers))

    def handle_error_response(self, request: CoreRequest, error: OAuth2Error) -> CoreResponse:  # noqa: ARG002
        """Return an error as a value."""
        return error_response(error)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Ignore Authlib's signals: what happens is recorded as typed events."""
