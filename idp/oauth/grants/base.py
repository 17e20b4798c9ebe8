"""What a grant fills in. Everything that grants share is a phase of `idp.oauth.pipeline`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from idp.crypto import digest, random_token
from idp.oauth.clients import Client
from idp.oauth.context import GrantContext
from idp.oauth.errors import InvalidGrantError
from idp.oauth.http import CoreRequest
from idp.oauth.server import ProtocolServer
from idp.oauth.subject import Subject
from idp.storage.models import Grant, RefreshToken

Extension = Callable[[Any], None]
"""One of Authlib's extensions: called with a grant, it registers its hooks there."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What a grant has settled: the tokens to mint. Without a `grant` they are the client's own."""

    scopes: tuple[str, ...]
    grant: Grant | None = None
    subject: Subject | None = None
    refresh_token: str | None = None
    nonce: str | None = None


class TokenGrant(ABC):
    """A grant type. A subclass names this class first and Authlib's grant second, which validates.

    The pipeline calls `narrow` (which scopes), `validate_token_request` (Authlib's, in the greenlet, where the
    callbacks that a subclass fills in may `wait`) and `spend`, in this order.
    """

    GRANT_TYPE: ClassVar[str]
    PARAMETERS: ClassVar[frozenset[str]]
    """The form parameters that only this grant reads."""
    FOR_PEOPLE: ClassVar[bool] = True
    """Whether a person stands behind the tokens."""
    FOR_PUBLIC_CLIENTS: ClassVar[bool] = True
    TAKES_SCOPE: ClassVar[bool] = True
    """Whether the token request has a `scope`."""
    EXTENSIONS: ClassVar[tuple[Extension, ...]] = ()
    """Authlib's extensions. It keeps hooks in a set, so no two may hook the same event."""

    def __init__(self, request: CoreRequest, server: ProtocolServer, context: GrantContext) -> None:
        super().__init__(request, server)  # type: ignore[call-arg]  # Authlib's grant comes next in line
        self.request = request
        self.context = context
        for extension in self.EXTENSIONS:
            extension(self)

    @classmethod
    def narrow(cls, scopes: tuple[str, ...], client: Client) -> tuple[str, ...]:  # noqa: ARG003  for subclasses
        """Return the scopes to go on with, or raise `InvalidScopeError`. `scopes` are registered for the
        client; () when the request names none."""
        return scopes

    @abstractmethod
    def validate_token_request(self) -> None:
        """Check all that is the grant's own, and change nothing. Authlib's grants have this method."""

    @abstractmethod
    async def spend(self) -> Issuance:
        """Use up what may be used once, write what the tokens hang from, and say what to mint."""

    def new_refresh_token(self, grant: Grant, parent_digest: str | None = None) -> tuple[str, RefreshToken]:
        """Return a new refresh token and its row, not yet stored."""
        now, settings = self.context.now, self.context.settings
        value = random_token()
        row = RefreshToken(
            digest=digest(value),
            grant_id=grant.id,
            parent_digest=parent_digest,
            created_at=now,
            expires_at=min(now + settings.refresh_token_ttl, grant.created_at + settings.grant_ttl),
            used_at=None,
        )
        return value, row

    async def first_refresh_token(self, grant: Grant) -> str | None:
        """Return the first refresh token of a grant, stored; None when the client gets none."""
        if not self.context.client.check_grant_type("refresh_token"):
            return None
        value, row = self.new_refresh_token(grant)
        await self.store(row)
        return value

    async def store(self, token: RefreshToken) -> None:
        """Store a refresh token; raise `InvalidGrantError` when its grant has ended in the meantime."""
        if not await self.context.uow.refresh_tokens.add(token):
            raise InvalidGrantError("The grant was revoked")

    @property
    def grant_lifetime(self) -> float:
        """Seconds for which a new grant is needed: as long as the longest of its first tokens."""
        settings = self.context.settings
        refreshes = self.context.client.check_grant_type("refresh_token")
        return settings.refresh_token_ttl if refreshes else settings.access_token_ttl
