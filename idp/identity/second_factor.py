"""Asking for a second factor: who must, which ones there are, and no more guesses than are good.

Every channel comes here: the pages, the password grant, the JSON API, step-up. One throttle counts
over all factors and channels, for the person and for the address.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import SecondFactorSettings
from idp.crypto import digest, random_token
from idp.errors import InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import FactorRemoved, SignInFailed
from idp.identity.acr import ACR_MULTI, ACR_SINGLE
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import Answer, Enrolled, Factor
from idp.identity.factors.registry import FactorRegistry
from idp.identity.login import AuthenticatedUser
from idp.identity.mail import Mailer
from idp.identity.throttle import SignInThrottle
from idp.identity.ways_in import LookUp, check_way_in_remains
from idp.storage.database import Database, UnitOfWork
from idp.storage.ephemeral import EphemeralStore
from idp.storage.models import TotpCredential, TrustedDevice, User, WebAuthnCredential, new_id

WARN_AFTER = 5
"""Wrong answers in an hour after which the owner is told by mail."""

_STORED: Mapping[str, Any] = {
    "totp": TotpCredential,
    "webauthn": WebAuthnCredential,
}


@dataclass(frozen=True, slots=True)
class Proven:
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

    def __init__(
        self,
        database: Database,
        factors: FactorRegistry,
        throttle: SignInThrottle,
        store: EphemeralStore,
        mailer: Mailer,
        resets: FactorResets,
        look_up: LookUp,
        settings: SecondFactorSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._registry = factors
        self._throttle = throttle
        self._store = store
        self._mailer = mailer
        self._resets = resets
        self._look_up = look_up
        self._settings = settings
        self._clock = clock

    @cached_property
    def _factors(self) -> Mapping[str, Factor]:
        return {factor.kind: factor for factor in self._registry.all}

    async def options(self, user: User, *, strong: bool = False) -> list[str]:
        """Return the kinds of factor that the person can answer with now, the strongest first; with `strong`
        only those that raise the `acr`.

        To be told only to somebody who has proven the first factor."""
        return [
            kind
            for kind, factor in self._factors.items()
            if not (strong and factor.weak) and await factor.is_available(user)
        ]

    async def is_enrolled(self, user_id: str) -> bool:
        """Tell whether the person has a second factor of their own."""
        async with self._database.reading() as uow:
            return bool(await uow.factors.kinds(user_id))

    async def check(
        self, user: User, kind: str, answer: Answer, *, address: str, strong: bool = False
    ) -> Proven | None:
        """Check an answer; None when it is wrong, or weak where a strong one is due. Raise `Throttled` when
        answers come too fast."""
        factor = self._factors.get(kind)
        account = f"factor:{user.id}"
        await self._throttle.check(account, address)
        amr = None if factor is None or (strong and factor.weak) else await factor.check(user, answer)
        if factor is None or amr is None:
            await self._note_failure(user, kind, address)
            return None
        await self._throttle.succeeded(account, address)
        if not factor.weak:
            await self._resets.object(user)
        return Proven(kind, amr, ACR_SINGLE if factor.weak else ACR_MULTI)

    async def passkey_options(self, user: User, ceremony: str) -> dict[str, Any]:
        """Return the WebAuthn request options of a challenge that is bound to `ceremony`, for a second factor
        that is asked for without a page."""
        begun = await self._registry.passkeys.begin_check(user, ceremony)
        options: dict[str, Any] = json.loads(begun.options)
        return options

    async def sign_in_with_passkey(self, ceremony: str, assertion: str) -> AuthenticatedUser:
        """Return the user who signed in with nothing but a passkey; raise `InvalidValue`."""
        signed_in = await self._registry.passkeys.sign_in(ceremony, assertion)
        await self._resets.object(signed_in.user)
        return signed_in

    async def _note_failure(self, user: User, kind: str, address: str) -> None:
        name = hashlib.sha256(f"factor-failures:{user.id}".encode()).hexdigest()
        failures = await self._store.increment(f"factor-failures:{name}", 3600)
        async with self._database.unit_of_work() as uow:
            tried = kind if kind in self._factors else "unknown"
            event = SignInFailed(user_id=user.id, address=address, reason=f"wrong second factor: {tried}")
            await record(uow, event, self._clock.now())
            if failures == WARN_AFTER:
                await self._mailer.queue(
                    uow, "factor_failures", user.email, user=user, path="/account/security"
                )

    async def enrolled(self, user_id: str) -> list[Enrolled]:
        """Return what the person has enrolled."""
        async with self._database.reading() as uow:
            return [
                Enrolled(each.id, kind, each.name, each.created_at, each.last_used_at)
                for kind, stored in _STORED.items()
                for each in await uow.factors.of_user(stored, user_id)
            ]

    async def rename(self, user: User, kind: str, credential_id: str, name: str) -> None:
        """Rename an authenticator or passkey; raise `NotFound` when it is not the person's."""
        stored = _STORED.get(kind)
        cleaned = " ".join(name.split())[:100]
        if not cleaned or not cleaned.isprintable():
            raise InvalidValue("Give it a name.", field="name")
        async with self._database.unit_of_work() as uow:
            if stored is None or not await uow.factors.rename(stored, credential_id, user.id, cleaned):
                raise NotFound("There is no such factor.")

    async def remove(self, user: User, kind: str, credential_id: str) -> None:
        """Remove an authenticator or passkey and tell the owner by mail. The trusted browsers are forgotten,
        and with the last one the recovery codes go too: they stand in for it. Raise `InvalidValue` if it is
        the last way in that works."""
        stored = _STORED.get(kind)
        await self._resets.object(user)
        ways_in = await self._look_up()
        async with self._database.unit_of_work() as uow:
            await check_way_in_remains(uow, user.id, ways_in, without=credential_id)
            if stored is None or not await uow.factors.delete(stored, credential_id, user.id):
                raise NotFound("There is no such factor.")
            await uow.factors.delete_trusted_devices(user.id)
            if not await uow.factors.kinds(user.id):
                await uow.factors.delete_all(user.id)
            await record(uow, FactorRemoved(user_id=user.id, kind=kind), self._clock.now())
            await self._mailer.queue(uow, "factor_removed", user.email, user=user, path="/account/security")

    async def added(self, user: User) -> None:
        """Tell the owner by mail that a factor was added."""
        await self._resets.object(user)
        async with self._database.unit_of_work() as uow:
            await self._mailer.queue(uow, "factor_added", user.email, user=user, path="/account/security")

    # Trusted browsers --------------------------------------------------------------------------

    @property
    def trusts_devices(self) -> bool:
        """Whether people may mark a browser as trusted."""
        return self._settings.trusted_device_ttl > 0

    async def trust(self, user_id: str, user_agent: str) -> str:
        """Mark a browser as trusted and return the value for its cookie."""
        token, now = random_token(), self._clock.now()
        async with self._database.unit_of_work() as uow:
            await uow.factors.add(
                TrustedDevice(
                    id=new_id(),
                    user_id=user_id,
                    token_digest=digest(token),
                    user_agent=user_agent[:400],
                    created_at=now,
                    last_used_at=now,
                    expires_at=now + self._settings.trusted_device_ttl,
                )
            )
        return token

    async def is_trusted(self, uow: UnitOfWork, user_id: str, token: str | None) -> bool:
        """Tell whether a browser's mark is this person's and still good."""
        if not token or not self.trusts_devices:
            return False
        device = await uow.factors.trusted_device(digest(token))
        now = self._clock.now()
        return (
            device is not None
            and device.user_id == user_id
            and device.expires_at > now
            and device.created_at + self._settings.trusted_device_ttl
            > now  # it may have been shortened since
        )

    async def trusted_devices(self, user_id: str) -> list[TrustedDevice]:
        """Return the browsers that skip the second factor now."""
        now = self._clock.now()
        async with self._database.reading() as uow:
            devices = await uow.factors.of_user(TrustedDevice, user_id)
        return [each for each in devices if self.trusts_devices and each.expires_at > now]

    async def distrust(self, user_id: str, device_id: str) -> None:
        """Have a browser ask again; raise `NotFound` when it is not the person's."""
        async with self._database.unit_of_work() as uow:
            if not await uow.factors.delete(TrustedDevice, device_id, user_id):
                raise NotFound("There is no such browser.")

    # Putting it off ----------------------------------------------------------------------------

    async def put_off(self, user_id: str) -> None:
        """Note that a person was asked to enrol and did not want to now: the grace begins, once."""
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            user = await uow.users.get(user_id)
            if user is None:
                return
            user.factor_offered_at = user.factor_offered_at or now
            user.factor_due_at = user.factor_due_at or now + self._settings.enrolment_grace
            await uow.users.save(user)
