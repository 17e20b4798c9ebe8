"""Checks of second factors: what a person can answer with, and how many guesses they have.

Every channel comes here: the pages, the password grant, the JSON API, step-up. One throttle counts over all
factors and channels, for the person and for the address.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from idp.authentication import Authentication
from idp.events.audit import record
from idp.events.catalogue import SignInFailed
from idp.identity import page_paths
from idp.identity.acr import ACR_MULTI, ACR_SINGLE
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.registry import FactorRegistry, has_factor
from idp.identity.login import AuthenticatedUser
from idp.identity.throttle import SignInThrottle
from idp.identity.trusted_browsers import TrustedBrowsers
from idp.storage.models import User

WARN_AFTER = 5
"""Wrong answers in an hour after which the owner is told by mail."""


@dataclass(frozen=True, slots=True)
class ProvenFactor:
    """A second factor that was proven, and what it adds to `amr`."""

    kind: str
    amr: tuple[str, ...]
    acr: str = ACR_MULTI
    """What a session that has it is worth; a weak factor does not raise it."""

    def added_to(self, authentication: Authentication) -> Authentication:
        """Return the authentication with this factor too. A second factor does not make the first newer."""
        amr = tuple(dict.fromkeys((*authentication.amr, *self.amr)))
        return replace(authentication, acr=self.acr, amr=amr)


class SecondFactors:
    """The second factors of people."""

    def __init__(self, factors: FactorRegistry, throttle: SignInThrottle, resets: FactorResets) -> None:
        parts = factors.parts
        self._database = parts.database
        self._store = parts.store
        self._mailer = parts.mailer
        self._clock = parts.clock
        self._factors = factors
        self._throttle = throttle
        self._resets = resets
        self.trusted_browsers = TrustedBrowsers(
            parts.database, parts.settings.second_factor.trusted_device_ttl, parts.clock
        )

    async def options(self, user: User, *, strong: bool = False) -> list[str]:
        """Return the kinds of factor that the person can answer with now, the strongest first; with `strong`
        only those that raise the `acr`.

        Tell them only to a person who has proven the first factor."""
        return [
            kind
            for kind, factor in self._factors.all.items()
            if not (strong and factor.weak) and await factor.is_available(user)
        ]

    async def is_enrolled(self, user_id: str) -> bool:
        """Tell whether the person has a second factor of their own."""
        async with self._database.reading() as uow:
            return await has_factor(uow, user_id)

    async def check(
        self, user: User, kind: str, answer: ChallengeAnswer, *, address: str, strong: bool = False
    ) -> ProvenFactor | None:
        """Check an answer; None when it is wrong, or weak where a strong one is due. Raise `Throttled` when
        answers come too fast."""
        factor = self._factors.all.get(kind)
        # A code that anybody with the mailbox gets must not pay for guesses at the others.
        account = f"{'weak ' if factor is not None and factor.weak else ''}factor:{user.id}"
        await self._throttle.check(account, address)
        amr = None if factor is None or (strong and factor.weak) else await factor.check(user, answer)
        if factor is None or amr is None:
            await self._note_failure(user, kind, address)
            return None
        await self._throttle.succeeded(account, address)
        if not factor.weak:
            await self._resets.object(user)
        return ProvenFactor(kind, amr, ACR_SINGLE if factor.weak else ACR_MULTI)

    async def challenges_without_page(self, user: User, ceremony: str) -> Mapping[str, Any]:
        """Return what a client needs, beside the names of the factors, to have the person answer with them: by
        kind, bound to `ceremony`."""
        found: dict[str, Any] = {}
        for kind in await self.options(user, strong=True):
            challenge = await self._factors.all[kind].challenge_without_page(user, ceremony)
            if challenge is not None:
                found[kind] = challenge
        return found

    async def sign_in_with_passkey(self, ceremony: str, assertion: str) -> AuthenticatedUser:
        """Return the user who signed in with nothing but a passkey; raise `InvalidValue`."""
        signed_in = await self._factors[Passkeys].sign_in(ceremony, assertion)
        await self._resets.object(signed_in.user)
        return signed_in

    async def _note_failure(self, user: User, kind: str, address: str) -> None:
        name = hashlib.sha256(f"factor-failures:{user.id}".encode()).hexdigest()
        failures = await self._store.increment(f"factor-failures:{name}", 3600)
        async with self._database.unit_of_work() as uow:
            tried = kind if kind in self._factors.all else "unknown"
            event = SignInFailed(user_id=user.id, address=address, reason=f"wrong second factor: {tried}")
            await record(uow, event, self._clock.now())
            if failures == WARN_AFTER:
                await self._mailer.queue(
                    uow, "factor_failures", user.email, user=user, path=page_paths.SECURITY
                )
