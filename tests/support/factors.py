"""What a person has in their pocket: an authenticator app with its codes, and recovery codes on paper."""

from dataclasses import dataclass, field

from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.totp import Totp
from idp.storage.models import User
from tests.support.authenticator import Passkey, totp
from tests.support.provider import RunningProvider


@dataclass
class Pocket:
    """The second factors of somebody, set up a while ago."""

    provider: RunningProvider
    user: User
    secret: str
    recovery_codes: list[str]
    passkey: Passkey | None = field(default=None)

    def code(self) -> str:
        """The code that the app shows, which was not used before."""
        self.provider.clock.advance(30)
        return totp(self.secret, self.provider.clock.now())

    async def lose_app(self) -> None:
        """Remove the app from the account."""
        enrolled_factors = self.provider.parts.enrolled_factors
        for each in await enrolled_factors.of_user(self.user.id):
            await enrolled_factors.remove(self.user, each.kind, each.id)


async def give_app(provider: RunningProvider, user: User) -> Pocket:
    """Set up an authenticator app for somebody, with recovery codes."""
    factors = provider.parts.factors
    draft = factors[Totp].draft(user)
    await factors[Totp].enrol(user, draft.sealed, totp(draft.secret, provider.clock.now()), "Phone")
    return Pocket(provider, user, draft.secret, await factors[RecoveryCodes].make(user))


async def give_passkey(provider: RunningProvider, user: User, passkey: Passkey | None = None) -> Passkey:
    """Register a passkey for somebody."""
    passkeys, passkey = provider.parts.factors[Passkeys], passkey or Passkey()
    ceremony = await passkeys.begin_registration(user)
    await passkeys.register(user, ceremony.id, passkey.create(ceremony.options), "Laptop")
    return passkey
