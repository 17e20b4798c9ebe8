"""What the core asks about users. `idp.app` wires in the rooms that know them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from idp.authentication import Authentication
from idp.oauth.clients import Client
from idp.storage.database import UnitOfWork
from idp.storage.models import User


@dataclass(frozen=True, slots=True)
class Subject:
    """A user, as far as tokens are concerned."""

    id: str
    """The `sub` claim."""
    claims: Mapping[str, object]
    """Every standard claim that is known (OIDC Core §5.1)."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A user who was just authenticated, and how (RFC 8176)."""

    subject: Subject
    authentication: Authentication
    withheld: frozenset[str] = frozenset()
    """Scopes that are left out, since nothing true can be said about them yet."""


@dataclass(frozen=True, slots=True)
class FactorAnswer:
    """What a client sends for a second factor, after `mfa_required`."""

    kind: str
    code: str = ""
    assertion: str = ""
    """The response of the authenticator, as JSON (WebAuthn §5.1.4)."""


class Subjects(Protocol):
    """Finds users and authenticates them."""

    async def find(self, uow: UnitOfWork, user_id: str) -> Subject | None:
        """Return the user, or None when the account is gone or disabled."""
        ...

    def describe(self, user: User) -> Subject:
        """Return the user of a row that is at hand already."""
        ...

    async def authenticate(
        self, username: str, password: str, *, address: str, client: Client
    ) -> Authenticated | None:
        """Check a password for the password grant; None when it is wrong.

        Raises `StepRequiredError` when the password is right and something else is due,
        `idp.errors.Throttled` or `idp.errors.Unavailable`. Opens its own units of work.
        """
        ...

    async def prove_factor(
        self, token: str, answer: FactorAnswer, *, address: str, client: Client
    ) -> Authenticated | None:
        """Go on with the `mfa_token` of a `StepRequiredError`; None when the answer is wrong.

        Raises as `authenticate` does.
        """
        ...
