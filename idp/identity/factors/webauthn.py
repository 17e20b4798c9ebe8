"""The WebAuthn relying party (level 3): options for browsers, and the checks of what authenticators answer.

The library behind it is large, so `passkeys` imports this module when a passkey is first asked for.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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

from idp.errors import InvalidValue
from idp.identity.factors.assertions import not_accepted
from idp.identity.factors.authenticators import authenticator_name
from idp.storage.models import User, WebAuthnCredential

LONGEST_RESPONSE = 20_000

_TRANSPORTS = {each.value: each for each in AuthenticatorTransport}


@dataclass(frozen=True, slots=True)
class Challenge:
    """The random bytes that an authenticator signs, and the options that carry them to the browser."""

    value: bytes
    options: str


@dataclass(frozen=True, slots=True)
class RegisteredPasskey:
    """A credential that an authenticator has made, verified."""

    credential_id: str
    public_key: bytes
    sign_count: int
    transports: list[str]
    aaguid: str
    discoverable: bool
    backup_eligible: bool
    backed_up: bool

    @property
    def authenticator(self) -> str | None:
        """What the authenticator calls itself, if it is a known one."""
        return authenticator_name(self.aaguid)


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a verified assertion says about the authenticator."""

    sign_count: int
    backed_up: bool


@dataclass(frozen=True, slots=True)
class WebAuthnRelyingParty:
    """The relying party that authenticators know: its id, its name, the origins of its pages."""

    id: str
    name: str
    origins: list[str]

    def registration_options(self, user: User, known: Iterable[WebAuthnCredential]) -> Challenge:
        """Return the options for `navigator.credentials.create`."""
        options = generate_registration_options(
            rp_id=self.id,
            rp_name=self.name,
            user_id=user.id.encode(),
            user_name=user.email,
            user_display_name=str(user.profile.get("name") or user.email),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[_descriptor(each) for each in known],
        )
        return Challenge(options.challenge, options_to_json(options))

    def verify_registration(self, response: str, challenge: bytes) -> RegisteredPasskey:
        """Verify what the authenticator made (§7.1); raise `InvalidValue`."""
        document = parse(response)
        try:
            _check_same_origin(document)
            verified = verify_registration_response(
                credential=document,
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origins,
            )
        except Exception as error:  # whatever a hostile document makes a parser raise
            raise InvalidValue(
                "This passkey could not be registered. Try again.", detail=repr(error)
            ) from error
        properties = _part(_part(document, "clientExtensionResults"), "credProps")
        transports = document["response"].get("transports")
        return RegisteredPasskey(
            credential_id=_encode(verified.credential_id),
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=[name for name in _TRANSPORTS if isinstance(transports, list) and name in transports],
            aaguid=verified.aaguid,
            discoverable=bool(properties.get("rk", True)),
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
        )

    def second_factor_options(self, credentials: Iterable[WebAuthnCredential]) -> Challenge:
        """Return the options for `navigator.credentials.get` with these credentials."""
        options = generate_authentication_options(
            rp_id=self.id,
            allow_credentials=[_descriptor(each) for each in credentials],
            user_verification=UserVerificationRequirement.PREFERRED,
        )
        return Challenge(options.challenge, options_to_json(options))

    def sign_in_options(self) -> Challenge:
        """Return the options for any discoverable credential, also for the browser's autofill."""
        options = generate_authentication_options(
            rp_id=self.id, user_verification=UserVerificationRequirement.REQUIRED
        )
        return Challenge(options.challenge, options_to_json(options))

    def verify_assertion(
        self, document: dict[str, Any], challenge: bytes, passkey: WebAuthnCredential, *, alone: bool
    ) -> Asserted:
        """Verify an assertion of `passkey` (§7.2); raise `InvalidValue`. `alone`: nothing else says who is
        signing in, so the user handle has to be there and the authenticator has to have verified its user."""
        try:
            _check_user_handle(document, passkey, required=alone)
            _check_same_origin(document)
            verified = verify_authentication_response(
                credential=document,
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origins,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=alone,
            )
        except Exception as error:  # whatever a hostile document makes a parser raise
            raise not_accepted(repr(error)) from error
        eligible = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        if eligible != passkey.backup_eligible:  # step 19: it is fixed when the credential is made
            raise not_accepted("the backup-eligible flag has changed")
        return Asserted(verified.new_sign_count, verified.credential_backed_up)


def parse(text: str) -> dict[str, Any]:
    """Return the JSON object that a browser sent; raise `InvalidValue`."""
    try:
        document = json.loads(text) if len(text) <= LONGEST_RESPONSE else None
    except (ValueError, RecursionError) as error:
        raise not_accepted("not JSON") from error
    if not isinstance(document, dict):
        raise not_accepted("not a JSON object")
    return document


def _check_user_handle(document: dict[str, Any], passkey: WebAuthnCredential, *, required: bool) -> None:
    """§7.2 step 6: it must be that of the credential's owner."""
    handle = _part(document, "response").get("userHandle")
    if (handle or required) and handle != _encode(passkey.user_id.encode()):
        raise not_accepted("the user handle is missing or another person's")


def _check_same_origin(document: dict[str, Any]) -> None:
    """§7.1 step 10, §7.2 step 13: none of our pages is to be in another site's frame."""
    client_data = _part(document, "response").get("clientDataJSON")
    collected = json.loads(_decode(str(client_data)))
    if collected.get("crossOrigin") or "topOrigin" in collected:
        raise not_accepted("it was made in a frame of another origin")


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _descriptor(passkey: WebAuthnCredential) -> PublicKeyCredentialDescriptor:
    transports = [_TRANSPORTS[each] for each in passkey.transports if each in _TRANSPORTS]
    return PublicKeyCredentialDescriptor(id=_decode(passkey.credential_id), transports=transports or None)


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
