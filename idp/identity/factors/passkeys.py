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
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import Settings
from idp.crypto import random_token
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import FactorAdded
from idp.identity.accounts import claim_name
from idp.identity.acr import ACR_MULTI, AMR_HARDWARE_KEY, AMR_MULTI, AMR_SOFTWARE_KEY, AMR_USER_VERIFIED
from idp.identity.factors.authenticators import authenticator_name
from idp.identity.factors.factor import Answer
from idp.identity.login import AuthenticatedUser
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind
from idp.storage.models import User, WebAuthnCredential, new_id
from idp.text import Text

CEREMONY_TTL = 300
"""Seconds in which the authenticator must have answered."""
MOST = 20
"""Passkeys for one person."""
LONGEST_RESPONSE = 20_000

_TRANSPORTS = {each.value: each for each in AuthenticatorTransport}

REGISTRATION, SECOND_FACTOR, SIGN_IN = "register", "second_factor", "sign_in"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A challenge: `options` for the browser's script, `id` for the form that brings the answer."""

    id: str
    options: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What an authenticator is asked to sign."""

    value: str
    """base64url."""


CHALLENGE = Kind("webauthn", Challenge, CEREMONY_TTL)


class Passkeys:
    """Passkeys. Each challenge is for one purpose, one person (or none yet) and one answer."""

    kind = "webauthn"
    weak = False

    def __init__(self, database: Database, store: EphemeralStore, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._challenges = Kept(store, CHALLENGE)
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

    async def register(self, user: User, ceremony: str, response: str, name: str) -> WebAuthnCredential:
        """Verify what the authenticator made (WebAuthn §7.1), store it and return it; raise `InvalidValue`."""
        challenge = await self._finish(REGISTRATION, user.id, ceremony)
        document = _parse(response)
        try:
            _check_same_origin(document)
            verified = verify_registration_response(
                credential=document,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
            )
        except Exception as error:  # whatever a hostile document makes a parser raise
            raise InvalidValue(
                "This passkey could not be registered. Try again.", detail=repr(error)
            ) from error
        properties = _part(_part(document, "clientExtensionResults"), "credProps")
        transports = document["response"].get("transports")
        credential = WebAuthnCredential(
            id=new_id(),
            user_id=user.id,
            name=claim_name(name) or authenticator_name(verified.aaguid) or "Passkey",
            credential_id=_encode(verified.credential_id),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=[name for name in _TRANSPORTS if isinstance(transports, list) and name in transports],
            aaguid=verified.aaguid,
            discoverable=bool(properties.get("rk", True)),
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
        return credential

    # As a second factor ------------------------------------------------------------------------

    async def begin_check(self, user: User, ceremony: str | None = None) -> Ceremony:
        """Return the options for `navigator.credentials.get` with this person's passkeys. `ceremony` is what
        the challenge is bound to, if that has an id already."""
        options = generate_authentication_options(
            rp_id=self._rp_id,
            allow_credentials=[_descriptor(each) for each in await self.of(user.id)],
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return await self._begin(
            SECOND_FACTOR, user.id, options.challenge, options_to_json(options), ceremony
        )

    async def check(self, user: User, answer: Answer) -> tuple[str, ...] | None:
        """Take the assertion if one of the person's passkeys made it for this challenge."""
        try:
            challenge = await self._finish(SECOND_FACTOR, user.id, answer.ceremony)
            return amr_of(await self._verify(answer.assertion, challenge, owner=user.id))
        except InvalidValue:
            return None

    # As the only thing needed ------------------------------------------------------------------

    async def begin_sign_in(self) -> Ceremony:
        """Return the options for any discoverable passkey, also for the browser's autofill."""
        options = generate_authentication_options(
            rp_id=self._rp_id, user_verification=UserVerificationRequirement.REQUIRED
        )
        return await self._begin(SIGN_IN, "", options.challenge, options_to_json(options))

    async def sign_in(self, ceremony: str, assertion: str) -> AuthenticatedUser:
        """Return the user who signed in; raise `InvalidValue`. The authenticator must have verified the user, so
        that this is two factors: something they have, and something they know or are."""
        challenge = await self._finish(SIGN_IN, "", ceremony)
        passkey = await self._verify(assertion, challenge, owner=None)
        async with self._database.reading() as uow:
            user = await uow.users.get(passkey.user_id)
        if user is None or user.disabled_at is not None:
            raise _refused("the account is gone or disabled")
        amr = (*amr_of(passkey), AMR_USER_VERIFIED)
        return AuthenticatedUser(user, Authentication(self._clock.now(), ACR_MULTI, amr))

    # Both --------------------------------------------------------------------------------------

    async def _verify(self, assertion: str, challenge: bytes, *, owner: str | None) -> WebAuthnCredential:
        """WebAuthn §7.2. `owner` is who is signing in, if that is known; else the passkey alone says it, and
        has to have verified its person."""
        document = _parse(assertion)
        async with self._database.unit_of_work() as uow:
            passkey = await uow.factors.passkey(str(document.get("id", ""))[:1400])
            if passkey is None or owner not in {None, passkey.user_id}:  # steps 5 and 6
                raise _refused("no such credential")
            try:
                self._check_user_handle(document, passkey, required=owner is None)
                _check_same_origin(document)
                verified = verify_authentication_response(
                    credential=document,
                    expected_challenge=challenge,
                    expected_rp_id=self._rp_id,
                    expected_origin=self._origins,
                    credential_public_key=passkey.public_key,
                    credential_current_sign_count=passkey.sign_count,
                    require_user_verification=owner is None,
                )
            except Exception as error:  # whatever a hostile document makes a parser raise
                raise _refused(repr(error)) from error
            eligible = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
            if eligible != passkey.backup_eligible:  # step 19: it is fixed when the credential is made
                raise _refused("the backup-eligible flag has changed")
            noted = await uow.factors.note_passkey_use(
                passkey, verified.new_sign_count, self._clock.now(), backed_up=verified.credential_backed_up
            )
            if not noted:
                raise _refused("it was removed, or another assertion came in between")
        return passkey

    @staticmethod
    def _check_user_handle(document: dict[str, Any], passkey: WebAuthnCredential, *, required: bool) -> None:
        """§7.2 step 6: it must be that of the credential's owner, and be there when nothing else says who."""
        handle = _part(document, "response").get("userHandle")
        if (handle or required) and handle != _encode(passkey.user_id.encode()):
            raise _refused("the user handle is missing or another person's")

    async def _begin(
        self, purpose: str, user_id: str, challenge: bytes, options: str, ceremony: str | None = None
    ) -> Ceremony:
        ceremony = ceremony or random_token()
        await self._challenges.put(_name(purpose, user_id, ceremony), Challenge(_encode(challenge)))
        return Ceremony(ceremony, options)

    async def _finish(self, purpose: str, user_id: str, ceremony: str) -> bytes:
        """Take the challenge away: it is answered once, for its purpose, by its person."""
        name = _name(purpose, user_id, ceremony)
        challenge = await self._challenges.take(name) if ceremony else None
        if challenge is None:
            raise _refused("no such challenge: answered before, expired, or for something else")
        return _decode(challenge.value)


def _name(purpose: str, user_id: str, ceremony: str) -> str:
    return f"{purpose} {user_id} {ceremony}"


def amr_of(passkey: WebAuthnCredential) -> tuple[str, ...]:
    """Return what a use of it adds to `amr`: a passkey that may be copied to a cloud is no hardware key."""
    return (AMR_SOFTWARE_KEY if passkey.backup_eligible else AMR_HARDWARE_KEY, AMR_MULTI)


def _check_same_origin(document: dict[str, Any]) -> None:
    """§7.1 step 10, §7.2 step 13: none of our pages is to be in another site's frame."""
    client_data = _part(document, "response").get("clientDataJSON")
    collected = json.loads(_decode(str(client_data)))
    if collected.get("crossOrigin") or "topOrigin" in collected:
        raise _refused("it was made in a frame of another origin")


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


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
    transports = [_TRANSPORTS[each] for each in passkey.transports if each in _TRANSPORTS]
    return PublicKeyCredentialDescriptor(id=_decode(passkey.credential_id), transports=transports or None)


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
