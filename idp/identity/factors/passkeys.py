"""Passkeys and security keys (WebAuthn level 3), as a second factor or as the only thing needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Settings
from idp.crypto import random_token
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.acr import ACR_MULTI, AMR_HARDWARE_KEY, AMR_MULTI, AMR_SOFTWARE_KEY, AMR_USER_VERIFIED
from idp.identity.factors.assertions import not_accepted
from idp.identity.factors.factor import ChallengeAnswer, EnrollableFactor, FactorParts
from idp.identity.generation import ProvenAccount, still
from idp.identity.login import AuthenticatedUser
from idp.identity.names import claim_name
from idp.storage.database import Database, UnitOfWork
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.storage.models import User, WebAuthnCredential, new_id
from idp.text import Text

if TYPE_CHECKING:
    from idp.identity.factors.webauthn import Challenge, WebAuthnRelyingParty

CEREMONY_TTL = 300
"""Seconds in which the authenticator must have answered."""
MOST = 20
"""Passkeys for one person."""

REGISTRATION, SECOND_FACTOR, SIGN_IN = "register", "second_factor", "sign_in"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A challenge: `options` for the browser's script, `id` for the form that brings the answer."""

    id: str
    options: str


@dataclass(frozen=True, slots=True)
class SentChallenge:
    """What an authenticator was asked to sign."""

    value: str
    """In hexadecimal digits."""


CHALLENGE = Kind("webauthn", SentChallenge, CEREMONY_TTL)


class Passkeys(EnrollableFactor):
    """Passkeys. Each challenge is for one purpose, one person (or none yet) and one answer."""

    kind = "webauthn"
    answer_by = "assertion"
    credential = WebAuthnCredential
    page = "passkeys"
    needs_device = True

    choose = Text("Use a passkey or security key")
    challenge = Text("Use your passkey or security key for the second step.")
    wrong = Text("The passkey was not accepted. Try again, or use another way.")
    challenge_template = "factors/webauthn.html"

    label = Text("Passkey")
    add = Text("Add a passkey")
    set_up = Text("Set up a passkey")
    set_up_lead = Text(
        "A passkey lives in your phone, computer or security key. You unlock it with a finger, your face or a PIN."
    )
    instead = Text("Use a passkey instead")
    enrolment_template = "factors/webauthn_enrol.html"

    def __init__(self, database: Database, store: EphemeralStore, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._challenges = Kept(store, CHALLENGE)
        self._settings = settings
        self._clock = clock

    @classmethod
    def of(cls, parts: FactorParts) -> Self:
        """Make the factor."""
        return cls(parts.database, parts.store, parts.settings, parts.clock)

    @cached_property
    def _relying_party(self) -> "WebAuthnRelyingParty":
        from idp.identity.factors.webauthn import WebAuthnRelyingParty

        settings = self._settings
        rp_id = settings.second_factor.passkey_rp_id or urlsplit(settings.issuer).hostname or "localhost"
        origins = [settings.origin, *settings.second_factor.passkey_origins]
        return WebAuthnRelyingParty(rp_id, settings.brand.name, origins)

    async def is_available(self, user: User) -> bool:
        """Tell whether the person has one."""
        return bool(await self.of_user(user.id))

    async def of_user(self, user_id: str) -> list[WebAuthnCredential]:
        """Return a person's passkeys."""
        async with self._database.reading() as uow:
            return list(await uow.factors.of_user(WebAuthnCredential, user_id))

    @classmethod
    async def signs_in_alone(cls, uow: UnitOfWork, user_id: str) -> frozenset[str]:
        """Return the ids of those that a browser finds without being told whose they are."""
        passkeys = await uow.factors.of_user(WebAuthnCredential, user_id)
        return frozenset(passkey.id for passkey in passkeys if passkey.discoverable)

    # Enrolment ---------------------------------------------------------------------------------

    async def enrolment_context(self, user: User, draft: str | None = None) -> Mapping[str, Any]:
        """Return a new challenge: the one of a form that comes back is used up."""
        del draft
        return {"ceremony": await self.begin_registration(user)}

    async def finish_enrolment(self, user: User, form: Mapping[str, str], unnamed: str) -> tuple[str, ...]:
        """Store the passkey; raise `InvalidValue`."""
        ceremony, assertion = form.get("ceremony", "")[:200], form.get("assertion", "")
        name = form.get("name", "").strip()[:100]
        return amr_of(await self.register(user, ceremony, assertion, name, unnamed))

    async def begin_registration(self, user: User) -> Ceremony:
        """Return the options for `navigator.credentials.create`."""
        known = await self.of_user(user.id)
        return await self._begin(REGISTRATION, user.id, self._relying_party.registration_options(user, known))

    async def register(
        self, user: User, ceremony: str, response: str, name: str, unnamed: str = "Passkey"
    ) -> WebAuthnCredential:
        """Verify what the authenticator made, store it and return it; raise `InvalidValue`."""
        challenge = await self._finish(REGISTRATION, user.id, ceremony)
        made = self._relying_party.verify_registration(response, challenge)
        credential = WebAuthnCredential(
            id=new_id(),
            user_id=user.id,
            name=claim_name(name) or made.authenticator or unnamed,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=made.transports,
            aaguid=made.aaguid,
            discoverable=made.discoverable,
            backup_eligible=made.backup_eligible,
            backed_up=made.backed_up,
            created_at=self._clock.now(),
            last_used_at=None,
        )
        async with self._database.unit_of_work() as uow:
            await still(uow, ProvenAccount.of(user))
            if len(await uow.factors.of_user(WebAuthnCredential, user.id)) >= MOST:
                raise InvalidValue(Text("At most %(number)d passkeys. Remove one first.", number=MOST))
            await uow.factors.add(credential)
            await record(uow, FactorAdded(user_id=user.id, kind=self.kind), credential.created_at)
        return credential

    # As a second factor ------------------------------------------------------------------------

    async def challenge_context(self, user: User) -> Mapping[str, Any]:
        """Return a new challenge."""
        return {"ceremony": await self.begin_check(user)}

    async def challenge_without_page(self, user: User, ceremony: str) -> Mapping[str, Any]:
        """Return the WebAuthn request options of a challenge that is bound to `ceremony`."""
        options: dict[str, Any] = json.loads((await self.begin_check(user, ceremony)).options)
        return options

    async def begin_check(self, user: User, ceremony: str | None = None) -> Ceremony:
        """Return the options for `navigator.credentials.get` with this person's passkeys. `ceremony` is what
        the challenge is bound to, if that has an id already."""
        challenge = self._relying_party.second_factor_options(await self.of_user(user.id))
        return await self._begin(SECOND_FACTOR, user.id, challenge, ceremony)

    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        """Take the assertion if one of the person's passkeys made it for this challenge."""
        try:
            challenge = await self._finish(SECOND_FACTOR, user.id, answer.ceremony)
            passkey, _ = await self._verify(answer.assertion, challenge, owner=user)
            return amr_of(passkey)
        except InvalidValue:
            return None

    # As the only thing needed ------------------------------------------------------------------

    async def begin_sign_in(self) -> Ceremony:
        """Return the options for any discoverable passkey, also for the browser's autofill."""
        return await self._begin(SIGN_IN, "", self._relying_party.sign_in_options())

    async def sign_in(self, ceremony: str, assertion: str) -> AuthenticatedUser:
        """Return the user who signed in; raise `InvalidValue`. The authenticator must have verified the user, so
        that this is two factors: something they have, and something they know or are."""
        challenge = await self._finish(SIGN_IN, "", ceremony)
        passkey, user = await self._verify(assertion, challenge, owner=None)
        if user.disabled_at is not None:
            raise not_accepted("the account is disabled")
        amr = (*amr_of(passkey), AMR_USER_VERIFIED)
        return AuthenticatedUser(user, Authentication(self._clock.now(), ACR_MULTI, amr, user.generation))

    # Both --------------------------------------------------------------------------------------

    async def _verify(
        self, assertion: str, challenge: bytes, *, owner: User | None
    ) -> tuple[WebAuthnCredential, User]:
        """Verify an assertion (§7.2). `owner` is the user who signs in, if that is known; else the passkey alone
        says it, and has to have verified its user. Returns the user as they were before the assertion was looked
        at."""
        from idp.identity.factors.webauthn import parse

        document = parse(assertion)
        async with self._database.unit_of_work() as uow:
            passkey = await uow.factors.passkey(str(document.get("id", ""))[:1400])
            user = owner
            if user is None and passkey is not None:
                user = await uow.users.get(passkey.user_id)
            if passkey is None or user is None or user.id != passkey.user_id:  # steps 5 and 6
                raise not_accepted("no such credential")
            asserted = self._relying_party.verify_assertion(document, challenge, passkey, alone=owner is None)
            noted = await uow.factors.note_passkey_use(
                passkey, asserted.sign_count, self._clock.now(), backed_up=asserted.backed_up
            )
            if not noted:
                raise not_accepted("it was removed, or another assertion came in between")
        return passkey, user

    async def _begin(
        self, purpose: str, user_id: str, challenge: "Challenge", ceremony: str | None = None
    ) -> Ceremony:
        ceremony = ceremony or random_token()
        sent = SentChallenge(challenge.value.hex())
        await self._challenges.put(_name(purpose, user_id, ceremony), sent)
        return Ceremony(ceremony, challenge.options)

    async def _finish(self, purpose: str, user_id: str, ceremony: str) -> bytes:
        """Take the challenge away: it is answered once, for its purpose, by its person."""
        name = _name(purpose, user_id, ceremony)
        sent = await self._challenges.take(name) if ceremony else None
        if sent is None:
            raise not_accepted("no such challenge: answered before, expired, or for something else")
        return bytes.fromhex(sent.value)


def _name(purpose: str, user_id: str, ceremony: str) -> str:
    return f"{purpose} {user_id} {ceremony}"


def amr_of(passkey: WebAuthnCredential) -> tuple[str, ...]:
    """Return what a use of it adds to `amr`: a passkey that may be copied to a cloud is no hardware key."""
    return (AMR_SOFTWARE_KEY if passkey.backup_eligible else AMR_HARDWARE_KEY, AMR_MULTI)
