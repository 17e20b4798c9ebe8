"""The operator's policy for a situation.

Today the settings give one policy for every situation. A source of policies for each client or organisation would
implement `Policies`; the code that asks for a policy would not change.
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
    """The client that sent the user here; None if the user came directly."""


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
    """How recent a sign-in must be for a sensitive change."""
    brand: BrandSettings = field(default_factory=BrandSettings)
    """The look of the pages."""


class Policies(Protocol):
    """A source of policies."""

    async def of(self, context: PolicyContext = NO_CONTEXT) -> Policy:
        """Return the policy for a situation. Every request asks for it, so it must answer without delay."""
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
