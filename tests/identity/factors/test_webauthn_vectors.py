"""Passkeys: what all implementations agree on, test vectors of WebAuthn level 3 (§16.2, §16.10 and §16.11)."""

import json
from pathlib import Path
from typing import Any

import pytest

from idp.crypto import random_token
from idp.errors import InvalidValue
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.passkeys import REGISTRATION, SECOND_FACTOR, SIGN_IN, Passkeys, SentChallenge
from idp.storage.models import User, WebAuthnCredential
from tests.support.authenticator import b64
from tests.support.provider import MakeProvider, RunningProvider

Vector = dict[str, str]

VECTORS: dict[str, Vector] = json.loads(Path(__file__).with_name("webauthn_vectors.json").read_text())
every_vector = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)


@pytest.fixture
async def example_org(make_provider: MakeProvider) -> RunningProvider:
    """A provider that is the relying party of the specification."""
    return await make_provider(issuer="https://example.org")


@pytest.fixture
async def person(example_org: RunningProvider) -> User:
    return await example_org.create_user()


@pytest.fixture
def passkeys(example_org: RunningProvider) -> Passkeys:
    return example_org.parts.factors[Passkeys]


async def begin(passkeys: Passkeys, purpose: str, user_id: str, challenge: str) -> str:
    """Begin a ceremony with the challenge of a vector, and return its id."""
    ceremony = random_token()
    await passkeys._challenges.put(f"{purpose} {user_id} {ceremony}", SentChallenge(challenge))
    return ceremony


def response_of(vector: Vector, **parts: str) -> str:
    """What the script of a page would send: each part by its name in the vector."""
    credential_id = _b64(vector["credential_id"])
    document: dict[str, Any] = {"id": credential_id, "rawId": credential_id, "type": "public-key"}
    return json.dumps(document | {"response": {name: _b64(vector[key]) for name, key in parts.items()}})


async def register(passkeys: Passkeys, person: User, vector: Vector) -> WebAuthnCredential:
    ceremony = await begin(passkeys, REGISTRATION, person.id, vector["challenge"])
    made = response_of(vector, clientDataJSON="client_data", attestationObject="attestation_object")
    return await passkeys.register(person, ceremony, made, "")


async def prove(passkeys: Passkeys, person: User, vector: Vector) -> tuple[str, ...] | None:
    ceremony = await begin(passkeys, SECOND_FACTOR, person.id, vector["assertion_challenge"])
    return await passkeys.check(person, ChallengeAnswer(assertion=assertion_of(vector), ceremony=ceremony))


def assertion_of(vector: Vector) -> str:
    return response_of(
        vector,
        clientDataJSON="assertion_client_data",
        authenticatorData="authenticator_data",
        signature="signature",
    )


@every_vector
async def test_a_vector_registers_and_proves(passkeys: Passkeys, person: User, vector: Vector) -> None:
    credential = await register(passkeys, person, vector)
    assert credential.credential_id == _b64(vector["credential_id"])
    assert credential.aaguid == vector["aaguid"]
    keeping = "swk" if credential.backup_eligible else "hwk"
    assert (keeping, credential.backed_up) == (vector["keeping"], vector["keeping"] == "swk")
    assert await prove(passkeys, person, vector) == (keeping, "mfa")


@every_vector
@pytest.mark.parametrize("part", ["authenticator_data", "signature", "assertion_challenge"])
async def test_a_vector_with_a_bit_turned_proves_nothing(
    passkeys: Passkeys, person: User, vector: Vector, part: str
) -> None:
    await register(passkeys, person, vector)
    raw = bytearray.fromhex(vector[part])
    raw[-1] ^= 1
    assert await prove(passkeys, person, vector | {part: raw.hex()}) is None


@every_vector
async def test_a_vector_without_user_verification_signs_nobody_in(
    passkeys: Passkeys, person: User, vector: Vector
) -> None:
    await register(passkeys, person, vector)
    ceremony = await begin(passkeys, SIGN_IN, "", vector["assertion_challenge"])
    document = json.loads(assertion_of(vector))
    document["response"]["userHandle"] = b64(person.id.encode())
    with pytest.raises(InvalidValue) as refusal:
        await passkeys.sign_in(ceremony, json.dumps(document))
    assert "User verification" in str(refusal.value.detail)


def _b64(text: str) -> str:
    return b64(bytes.fromhex(text))
