"""What the operator wants in a situation: looked up, not built in.

Today the settings say it, and for every situation the same. A source that says it for a client or an organisation
implements `Policies`; whatever asks is not changed by that.
"""

from dataclasses import dataclass, field
from typing import Protocol

from idp.config.sections import (
    AccountSettings,
    BrandSettings,
    PasswordSettings,
    RegistrationSettings,
    SecondFactorSettings,
    SessionSettings,
)
from idp.config.settings import Settings


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """What a policy may depend on."""

    client_id: str | None = None
    """The client that the user is on the way to; None for a user who came on their own."""


NO_CONTEXT = PolicyContext()
"""Nothing is known: the policy of the whole server."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy for one situation."""

    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    """Whether a user may make an account, and when an address has to be verified."""
    second_factor: SecondFactorSettings = field(default_factory=SecondFactorSettings)
    """Whether a user cannot, may or must have a second factor."""
    passwords: PasswordSettings = field(default_factory=PasswordSettings)
    """Which passwords are accepted. How they are hashed is the same for all."""
    sessions: SessionSettings = field(default_factory=SessionSettings)
    """How long a browser session lives."""
    accounts: AccountSettings = field(default_factory=AccountSettings)
    """How recent a sign-in has to be for something sensitive."""
    brand: BrandSettings = field(default_factory=BrandSettings)
    """The look of the pages."""


class Policies(Protocol):
    """Says what the policy is."""

    async def of(self, context: PolicyContext = NO_CONTEXT) -> Policy:
        """Return the policy for a situation. It is asked at each request, so it has to be at hand."""
        ...


class SettingsPolicies:
    """The policy of the settings, the same for every situation."""

    def __init__(self, settings: Settings) -> None:
        self._policy = Policy(
            registration=settings.registration,
            second_factor=settings.second_factor,
            passwords=settings.passwords,
            sessions=settings.sessions,
            accounts=settings.accounts,
            brand=settings.brand,
        )

    async def of(self, context: PolicyContext = NO_CONTEXT) -> Policy:
        """Return the settings' policy."""
        del context
        return self._policy
