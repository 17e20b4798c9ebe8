"""The token endpoint on Authlib's authorization server.

A `TokenServer` is made for each request and holds its unit of work; what it shares with others
(grants, keys, clients) is in `Core`, made once. Making one costs a few microseconds, which is less
than looking its parts up in context variables would.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer

from idp.clock import Clock
from idp.config import Tokens as TokenSettings
from idp.events.audit import record
from idp.events.catalogue import Event
from idp.oauth.bridge import wait
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCodes
from idp.oauth.errors import InvalidRequestError, UnsupportedGrantTypeError
from idp.oauth.grants.base import TokenGrant
from idp.oauth.http import CoreRequest, CoreResponse, error_response
from idp.oauth.subject import Subjects
from idp.oauth.tokens import TokenMint
from idp.storage.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Core:
    """What the requests to the token endpoint share."""

    mint: TokenMint
    client_auth: ClientAuthentication
    codes: AuthorizationCodes
    subjects: Subjects
    clock: Clock
    grants: tuple[type[TokenGrant], ...]
    admit: Callable[[Client], None]
    """Called with each authenticated client; raises `idp.errors.Throttled` when it asks too often."""


class TokenServer(AuthorizationServer):
    """Authlib's server for one request. Its methods run in the greenlet."""

    def __init__(self, core: Core, uow: UnitOfWork) -> None:
        super().__init__()
        self._core = core
        self._token_grants = [(grant, None) for grant in core.grants]
        self.uow = uow
        self.now = core.clock.now()

    @property
    def mint(self) -> TokenMint:
        """Makes tokens."""
        return self._core.mint

    @property
    def settings(self) -> TokenSettings:
        """Token lifetimes."""
        return self._core.mint.settings

    @property
    def codes(self) -> AuthorizationCodes:
        """Finds codes."""
        return self._core.codes

    @property
    def subjects(self) -> Subjects:
        """Finds people."""
        return self._core.subjects

    def authenticate(self, request: CoreRequest) -> Client:
        """Return the client that sent the request, or raise `InvalidClientError`."""
        client = wait(self._core.client_auth.authenticate(request))
        self._core.admit(client)
        return client

    def record(self, event: Event) -> None:
        """Write an event to the audit trail, in this unit of work."""
        wait(record(self.uow, event, self.now))

    # What Authlib calls --------------------------------------------------------------------------

    def create_oauth2_request(self, request: CoreRequest) -> CoreRequest:
        """Return the request: it is made at the edge."""
        return request

    def get_token_grant(self, request: CoreRequest) -> Any:
        """Return the grant for the request's grant type."""
        grant_type = request.form.get("grant_type")
        if grant_type is None:
            raise InvalidRequestError("The parameter grant_type is missing")
        for grant, _ in self._token_grants:
            if grant.GRANT_TYPE == grant_type:
                return grant(request, self)
        raise UnsupportedGrantTypeError()

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
