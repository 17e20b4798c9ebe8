"""Passkeys and security keys (WebAuthn level 3), as a second factor or as the only thing needed."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idp.clock import Clock
from idp.config import Settings
from idp.crypto import digest, random_token
from idp.errors import InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.accounts import claim_name
from idp.identity.acr import AMR_HARDWARE_KEY, AMR_MULTI, AMR_USER_VERIFIED
from idp.identity.factors.factor import Answer
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore
from idp.storage.models import User, WebAuthnCredential, new_id
from idp.text import Text

CEREMONY_TTL = 300
"""Seconds in which the authenticator must have answered."""
MOST = 20
"""Passkeys for one person."""
LONGEST_RESPONSE = 20_000

REGISTRATION, SECOND_FACTOR, SIGN_IN = "register", "second_factor", "sign_in"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A challenge: `options` for the browser's script, `id` for the form that brings the answer."""

    id: str
    options: str


@dataclass(frozen=True, slots=True)
class PasskeySignIn:
    """Somebody who has signed in with nothing but a passkey."""

    user: User
    amr: tuple[str, ...]


class Passkeys:
    """Passkeys. Each challenge is for one purpose, one person (or none yet) and one answer."""

    kind = "webauthn"
    amr = (AMR_HARDWARE_KEY, AMR_MULTI)

    def __init__(self, database: Database, store: EphemeralStore, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._rp_name = settings.brand.name
        self._rp_id = (
            settings.second_factor.passkey_rp_id or urlsplit(settings.issuer).hostname or "localhost"
        )
        self._origins = [settings.origin, *settings.second_factor.passkey_origins]

    async def is_available(self, user: User) -> bool:
        """Tell whether the person has one."""
        return bool(await self.of(user.id))

    async def of(self, user_id: str) -> list[WebAuthnCredential]:
        """Return a person's passkeys."""
        async with self._database.reading() as uow:
            return list(await uow.factors.of_user(WebAuthnCredential, user_id))

    # Enrolment ---------------------------------------------------------------------------------

    async def begin_registration(self, user: User) -> Ceremony:
        """Return the options for `navigator.credentials.create`."""
        known = await self.of(user.id)
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._rp_name,
            user_id=user.id.encode(),
            user_name=user.email,
            user_display_name=str(user.profile.get("name") or user.email),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[_descriptor(each) for each in known],
        )
        return await self._begin(REGISTRATION, user.id, options.challenge, options_to_json(options))

    async def register(self, user: User, ceremony: str, response: str, name: str) -> str:
        """Verify what the authenticator made, store it and return its id; raise `InvalidValue`."""
        challenge = await self._finish(REGISTRATION, user.id, ceremony)
        document = _parse(response)
        try:
            verified = verify_registration_response(
                credential=document,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise InvalidValue(
                "This passkey could not be registered. Try again.", detail=repr(error)
            ) from error
        properties = document.get("clientExtensionResults", {}).get("credProps", {})
        transports = document.get("response", {}).get("transports", [])
        credential = WebAuthnCredential(
            id=new_id(),
            user_id=user.id,
            name=claim_name(name) or "Passkey",
            credential_id=_encode(verified.credential_id),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=[t for t in transports if isinstance(t, str) and len(t) <= 20][:8],
            aaguid=verified.aaguid,
            discoverable=bool(properties.get("rk", True)) if isinstance(properties, dict) else True,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
            created_at=self._clock.now(),
            last_used_at=None,
        )
        async with self._database.unit_of_work() as uow:
            if len(await uow.factors.of_user(WebAuthnCredential, user.id)) >= MOST:
                raise InvalidValue(Text("At most %(number)d passkeys. Remove one first.", number=MOST))
            await uow.factors.add(credential)
            await record(uow, FactorAdded(user_id=user.id, kind=self.kind), credential.created_at)
        return credential.id

    async def remove(self, user_id: str, credential_id: str) -> None:
        """Remove a passkey; raise `NotFound` when it is not the person's."""
        async with self._database.unit_of_work() as uow:
            if not await uow.factors.delete(WebAuthnCredential, credential_id, user_id):
                raise NotFound("There is no such passkey.")

    # As a second factor ------------------------------------------------------------------------

    async def begin_check(self, user: User) -> Ceremony:
        """Return the options for `navigator.credentials.get` with this person's passkeys."""
        options = generate_authentication_options(
            rp_id=self._rp_id,
            allow_credentials=[_descriptor(each) for each in await self.of(user.id)],
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return await self._begin(SECOND_FACTOR, user.id, options.challenge, options_to_json(options))

    async def check(self, user: User, answer: Answer) -> bool:
        """Tell whether one of the person's passkeys answered the challenge."""
        try:
            challenge = await self._finish(SECOND_FACTOR, user.id, answer.ceremony)
            passkey = await self._verify(answer.assertion, challenge, user_verification=False)
        except InvalidValue:
            return False
        return passkey.user_id == user.id

    # As the only thing needed ------------------------------------------------------------------

    async def begin_sign_in(self) -> Ceremony:
        """Return the options for any discoverable passkey, also for the browser's autofill."""
        options = generate_authentication_options(
            rp_id=self._rp_id, user_verification=UserVerificationRequirement.REQUIRED
        )
        return await self._begin(SIGN_IN, "", options.challenge, options_to_json(options))

    async def sign_in(self, ceremony: str, assertion: str) -> PasskeySignIn:
        """Return who signed in; raise `InvalidValue`. The authenticator must have verified its person, so
        that this is two factors: something they have, and something they know or are."""
        challenge = await self._finish(SIGN_IN, "", ceremony)
        passkey = await self._verify(assertion, challenge, user_verification=True)
        async with self._database.reading() as uow:
            user = await uow.users.get(passkey.user_id)
        if user is None or user.disabled_at is not None:
            raise _refused("the account is gone or disabled")
        return PasskeySignIn(user, (AMR_HARDWARE_KEY, AMR_USER_VERIFIED, AMR_MULTI))

    # Both --------------------------------------------------------------------------------------

    async def _verify(
        self, assertion: str, challenge: bytes, *, user_verification: bool
    ) -> WebAuthnCredential:
        document = _parse(assertion)
        async with self._database.unit_of_work() as uow:
            passkey = await uow.factors.passkey(str(document.get("id", ""))[:1400])
            if passkey is None:
                raise _refused("no such credential")
            self._check_user_handle(document, passkey)
            try:
                verified = verify_authentication_response(
                    credential=document,
                    expected_challenge=challenge,
                    expected_rp_id=self._rp_id,
                    expected_origin=self._origins,
                    credential_public_key=passkey.public_key,
                    credential_current_sign_count=passkey.sign_count,
                    require_user_verification=user_verification,
                )
            except (WebAuthnException, ValueError, KeyError, TypeError) as error:
                raise _refused(repr(error)) from error
            old_count = passkey.sign_count
            passkey.backed_up = verified.credential_backed_up
            noted = await uow.factors.note_passkey_use(passkey, verified.new_sign_count, self._clock.now())
            if not noted and old_count:
                raise _refused("another assertion with this sign count came in between")
        return passkey

    @staticmethod
    def _check_user_handle(document: dict[str, Any], passkey: WebAuthnCredential) -> None:
        """WebAuthn §7.2 step 6: a user handle, when there is one, must be that of the credential's owner."""
        response = document.get("response")
        handle = response.get("userHandle") if isinstance(response, dict) else None
        if handle and handle != _encode(passkey.user_id.encode()):
            raise _refused("the user handle is another person's")

    async def _begin(self, purpose: str, user_id: str, challenge: bytes, options: str) -> Ceremony:
        ceremony = random_token()
        await self._store.put(self._key(purpose, user_id, ceremony), challenge, CEREMONY_TTL)
        return Ceremony(ceremony, options)

    async def _finish(self, purpose: str, user_id: str, ceremony: str) -> bytes:
        """Take the challenge away: it is answered once, for its purpose, by its person."""
        challenge = await self._store.take(self._key(purpose, user_id, ceremony)) if ceremony else None
        if challenge is None:
            raise _refused("no such challenge: answered before, expired, or for something else")
        return challenge

    @staticmethod
    def _key(purpose: str, user_id: str, ceremony: str) -> str:
        return f"webauthn:{digest(f'{purpose} {user_id} {ceremony}')}"


def _refused(detail: str) -> InvalidValue:
    return InvalidValue("This passkey was not accepted. Try again.", field="assertion", detail=detail)


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text) if len(text) <= LONGEST_RESPONSE else None
    except (ValueError, RecursionError) as error:
        raise _refused("not JSON") from error
    if not isinstance(document, dict):
        raise _refused("not a JSON object")
    return document


def _descriptor(passkey: WebAuthnCredential) -> PublicKeyCredentialDescriptor:
    padded = passkey.credential_id + "=" * (-len(passkey.credential_id) % 4)
    return PublicKeyCredentialDescriptor(id=urlsafe_b64decode(padded))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
