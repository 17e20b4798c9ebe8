"""What a grant works with: the parts that all token requests share, and what this one has come to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from idp.clock import Clock
from idp.config import TokenSettings
from idp.events.audit import record
from idp.events.catalogue import Event
from idp.oauth.client_auth.registry import ClientAuthentication
from idp.oauth.clients import Client
from idp.oauth.codes import AuthorizationCodes
from idp.oauth.scopes import ScopePolicy
from idp.oauth.server import ProtocolServer
from idp.oauth.subject import Subjects
from idp.oauth.tokens import TokenMint
from idp.storage.database import UnitOfWork
from idp.storage.hot_path import HotPath

Admission = Callable[[Client], None]
"""Called with an authenticated client; raises `idp.errors.Throttled` when it asks too often."""


@dataclass(frozen=True, slots=True)
class Core:
    """What the requests to the token endpoint share."""

    server: ProtocolServer
    hot_path: HotPath
    mint: TokenMint
    codes: AuthorizationCodes
    subjects: Subjects
    clock: Clock
    admit: Admission
    scope_policy: ScopePolicy

    @property
    def client_auth(self) -> ClientAuthentication:
        """Authenticates clients."""
        return self.server.client_auth


@dataclass(frozen=True, slots=True)
class SenderConstraint:
    """The key that a token is bound to: only its holder can use the token (RFC 9449, RFC 8705).

    Nothing makes one yet. `idp.oauth.pipeline` has its phase, and the mint puts it into the token.
    """

    confirmation: Mapping[str, str]
    """The `cnf` claim (RFC 7800 §3.1)."""
    token_type: str = "Bearer"


@dataclass(frozen=True, slots=True)
class GrantContext:
    """One token request, as far as the phases before the grant's own have brought it."""

    core: Core
    uow: UnitOfWork
    now: float
    client: Client
    scopes: tuple[str, ...]
    """The scopes that the request asks for, which the client may have; () when it names none."""

    @property
    def settings(self) -> TokenSettings:
        """Token lifetimes."""
        return self.core.mint.settings

    async def record(self, event: Event) -> None:
        """Write an event to the audit trail, in this unit of work."""
        await record(self.uow, event, self.now)
