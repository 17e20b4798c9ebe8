"""What a grant works with: the parts that all requests share, and this request's unit of work."""

from collections.abc import Callable
from dataclasses import dataclass

from idp.clock import Clock
from idp.config import TokenSettings
from idp.events.audit import record
from idp.events.catalogue import Event
from idp.oauth.bridge import wait
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCodes
from idp.oauth.http import CoreRequest
from idp.oauth.subject import Subjects
from idp.oauth.tokens import TokenMint
from idp.storage.database import UnitOfWork
from idp.storage.hot_path import HotPath


@dataclass(frozen=True, slots=True)
class Core:
    """What the requests to the token endpoint share."""

    hot_path: HotPath
    mint: TokenMint
    client_auth: ClientAuthentication
    codes: AuthorizationCodes
    subjects: Subjects
    clock: Clock
    admit: Callable[[Client], None]
    """Called with each authenticated client; raises `idp.errors.Throttled` when it asks too often."""


class GrantContext:
    """One request to the token endpoint. Its methods run in the greenlet."""

    def __init__(self, core: Core, uow: UnitOfWork) -> None:
        self._core = core
        self.uow = uow
        self.now = core.clock.now()

    @property
    def hot_path(self) -> HotPath:
        """Finds and rotates refresh tokens, outside the unit of work."""
        return self._core.hot_path

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
