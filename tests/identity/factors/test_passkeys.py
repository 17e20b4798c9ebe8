"""Passkeys: what WebAuthn level 3 wants checked (§7.1, §7.2), with an authenticator that can misbehave."""

import asyncio
import json
from typing import Any

import pytest

from idp.errors import Conflict, InvalidValue
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.passkeys import CEREMONY_TTL, Passkeys
from idp.storage.models import User, WebAuthnCredential
from tests.support.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EDDSA,
    ES256,
    RS256,
    Passkey,
    b64,
    unb64,
)
from tests.support.provider import MakeProvider, RunningProvider

SYNCED = BACKUP_ELIGIBLE | BACKED_UP


@pytest.fixture
def passkeys(provider: RunningProvider) -> Passkeys:
    return provider.parts.factors[Passkeys]


async def register(passkeys: Passkeys, person: User, passkey: Passkey, name: str = "") -> WebAuthnCredential:
    ceremony = await passkeys.begin_registration(person)
    return await passkeys.register(person, ceremony.id, passkey.create(ceremony.options), name)


@pytest.fixture
async def passkey(passkeys: Passkeys, person: User) -> Passkey:
    """A passkey that the person has registered."""
    made = Passkey()
    await register(passkeys, person, made)
    return made


async def prove(passkeys: Passkeys, person: User, passkey: Passkey) -> tuple[str, ...] | None:
    """Use it as a second factor."""
    ceremony = await passkeys.begin_check(person)
    return await passkeys.check(
        person, ChallengeAnswer(assertion=passkey.get(ceremony.options), ceremony=ceremony.id)
    )


async def sign_in(passkeys: Passkeys, passkey: Passkey) -> str:
    """Sign in with nothing else, and return who that is."""
    ceremony = await passkeys.begin_sign_in()
    return (await passkeys.sign_in(ceremony.id, passkey.get(ceremony.options))).user.id


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_each_algorithm_registers_proves_and_signs_in(
    passkeys: Passkeys, person: User, algorithm: int
) -> None:
    passkey = Passkey(algorithm=algorithm)
    await register(passkeys, person, passkey)
    assert await prove(passkeys, person, passkey) == ("hwk", "mfa")
    assert await sign_in(passkeys, passkey) == person.id


async def test_a_passkey_that_may_be_copied_is_no_hardware_key(passkeys: Passkeys, person: User) -> None:
    passkey = Passkey(backup=BACKUP_ELIGIBLE)
    await register(passkeys, person, passkey)
    passkey.backup = SYNCED
    assert await prove(passkeys, person, passkey) == ("swk", "mfa")
    assert (await passkeys.of_user(person.id))[0].backed_up


MISBEHAVIOURS: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "a subdomain": {"origin": "http://login.localhost:8000"},
    "another port": {"origin": "http://localhost:8001"},
    "another relying party": {"rp_id": "evil.example"},
    "another challenge": {"client_data": {"challenge": b64(b"x" * 64)}},
    "a frame of another origin": {"client_data": {"crossOrigin": True}},
    "a frame below another origin": {"client_data": {"topOrigin": "https://evil.example"}},
    "the other ceremony": {"client_data": {"type": "webauthn.something"}},
    "nobody present": {"notices_user": False},
    "backed up without being eligible": {"backup": BACKED_UP},
}


def misbehave(passkey: Passkey, how: dict[str, Any]) -> Passkey:
    for name, value in how.items():
        setattr(passkey, name, value)
    return passkey


@pytest.mark.parametrize("how", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_a_registration_is_refused(passkeys: Passkeys, person: User, how: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="could not be registered"):
        await register(passkeys, person, misbehave(Passkey(), how))
    assert not await passkeys.is_available(person)


@pytest.mark.parametrize("how", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_an_assertion_is_refused(
    passkeys: Passkeys, person: User, passkey: Passkey, how: dict[str, Any]
) -> None:
    misbehave(passkey, how)
    assert await prove(passkeys, person, passkey) is None
    with pytest.raises(InvalidValue):
        await sign_in(passkeys, passkey)


async def test_alone_it_must_have_verified_its_person(
    passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    passkey.verifies_user = False
    assert await prove(passkeys, person, passkey)
    with pytest.raises(InvalidValue):
        await sign_in(passkeys, passkey)


@pytest.mark.parametrize("handle", [None, "", b64(b"somebody-else")])
async def test_alone_it_must_say_whose_it_is(
    passkeys: Passkeys, passkey: Passkey, handle: str | None
) -> None:
    passkey.user_handle = handle
    with pytest.raises(InvalidValue):
        await sign_in(passkeys, passkey)


async def test_as_a_second_factor_it_need_not_say_whose_it_is_but_must_not_say_another(
    passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    passkey.user_handle = None
    assert await prove(passkeys, person, passkey)
    passkey.user_handle = b64(b"somebody-else")
    assert await prove(passkeys, person, passkey) is None


async def test_another_persons_passkey_is_refused_and_stays_as_it_was(
    provider: RunningProvider, passkeys: Passkeys, person: User
) -> None:
    bob = await provider.create_user("bob@example.com")
    bobs = Passkey(counts=True)
    await register(passkeys, bob, bobs)
    assert await prove(passkeys, person, bobs) is None
    assert (await passkeys.of_user(bob.id))[0].last_used_at is None


async def test_a_signature_by_another_key_is_refused(
    passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    forged = Passkey(id=passkey.id, user_handle=passkey.user_handle)
    assert await prove(passkeys, person, forged) is None


async def test_of_many_at_once_with_one_assertion_one_signs_in(passkeys: Passkeys, passkey: Passkey) -> None:
    ceremony = await passkeys.begin_sign_in()
    assertion = passkey.get(ceremony.options)
    results = await asyncio.gather(
        *(passkeys.sign_in(ceremony.id, assertion) for _ in range(50)), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def test_a_counter_must_go_up(passkeys: Passkeys, person: User) -> None:
    passkey = Passkey(counts=True)
    await register(passkeys, person, passkey)
    assert await prove(passkeys, person, passkey)
    passkey.sign_count -= 1  # a copy that has been used as often as the original
    assert await prove(passkeys, person, passkey) is None
    passkey.counts, passkey.sign_count = False, 0
    assert await prove(passkeys, person, passkey) is None


@pytest.mark.parametrize(("made", "now"), [(0, BACKUP_ELIGIBLE), (SYNCED, 0)])
async def test_backup_eligibility_is_fixed(passkeys: Passkeys, person: User, made: int, now: int) -> None:
    passkey = Passkey(backup=made)
    await register(passkeys, person, passkey)
    passkey.backup = now
    assert await prove(passkeys, person, passkey) is None


async def test_an_answer_to_one_purpose_is_none_to_another(
    passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    for_sign_in = await passkeys.begin_sign_in()
    answer = ChallengeAnswer(assertion=passkey.get(for_sign_in.options), ceremony=for_sign_in.id)
    assert await passkeys.check(person, answer) is None
    for_check = await passkeys.begin_check(person)
    with pytest.raises(InvalidValue):
        await passkeys.sign_in(for_check.id, passkey.get(for_check.options))


async def test_a_challenge_expires(
    provider: RunningProvider, passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    ceremony = await passkeys.begin_check(person)
    provider.clock.advance(CEREMONY_TTL)
    answer = ChallengeAnswer(assertion=passkey.get(ceremony.options), ceremony=ceremony.id)
    assert await passkeys.check(person, answer) is None


async def test_a_credential_is_registered_once(
    provider: RunningProvider, passkeys: Passkeys, passkey: Passkey
) -> None:
    bob = await provider.create_user("bob@example.com")
    with pytest.raises(Conflict):
        await register(passkeys, bob, passkey)


async def test_the_authenticator_is_told_which_passkeys_there_are(
    passkeys: Passkeys, person: User, passkey: Passkey
) -> None:
    described = {"id": b64(passkey.id), "type": "public-key", "transports": ["internal"]}
    registering = json.loads((await passkeys.begin_registration(person)).options)
    assert registering["excludeCredentials"] == [described]
    assert registering["attestation"] == "none"
    assert json.loads((await passkeys.begin_check(person)).options)["allowCredentials"] == [described]
    alone = json.loads((await passkeys.begin_sign_in()).options)
    assert not alone.get("allowCredentials")
    assert alone["userVerification"] == "required"


@pytest.mark.parametrize(
    ("aaguid", "given", "name"),
    [
        ("bada5566-a7aa-401f-bd96-45619a55120d", "", "1Password"),
        ("bada5566-a7aa-401f-bd96-45619a55120d", "At home", "At home"),
        ("00000000-0000-0000-0000-000000000000", "", "Passkey"),
    ],
)
async def test_a_passkey_is_named_after_its_authenticator(
    passkeys: Passkeys, person: User, aaguid: str, given: str, name: str
) -> None:
    passkey = Passkey(aaguid=bytes.fromhex(aaguid.replace("-", "")))
    assert (await register(passkeys, person, passkey, given)).name == name


def broken(document: str) -> list[str]:
    """The document with each of its members replaced by what does not belong there."""
    whole = json.loads(document)
    odd = (None, 1, [], [{}], {}, "!", "A" * 3000)
    found = [{**whole, name: value} for value in odd for name in whole]
    responses = [{**whole["response"], name: value} for value in odd for name in whole["response"]]
    found += [{**whole, "response": response} for response in responses]
    return ["", "[]", "null", "1", '"text"', "{" * 5000, *map(json.dumps, found)]


async def test_a_broken_answer_is_refused_and_never_an_error(passkeys: Passkeys, person: User) -> None:
    passkey = Passkey()
    for number, document in enumerate(
        broken(passkey.create((await passkeys.begin_registration(person)).options))
    ):
        ceremony = await passkeys.begin_registration(person)
        try:
            await passkeys.register(person, ceremony.id, document, "")
        except InvalidValue:
            continue
        raise AssertionError(f"registered: {number} {document[:200]}")
    await register(passkeys, person, passkey)
    for document in broken(passkey.get((await passkeys.begin_check(person)).options)):
        ceremony = await passkeys.begin_check(person)
        assert await passkeys.check(person, ChallengeAnswer(assertion=document, ceremony=ceremony.id)) is None


async def test_odd_transports_and_extensions_do_no_harm(passkeys: Passkeys, person: User) -> None:
    for odd in (None, 1, [], ["usb", "usb", {}, 7], {"credProps": 3}):
        passkey = Passkey()
        ceremony = await passkeys.begin_registration(person)
        document = json.loads(passkey.create(ceremony.options))
        document["clientExtensionResults"] = odd
        if isinstance(odd, list):
            document["response"]["transports"] = odd
        try:
            await passkeys.register(person, ceremony.id, json.dumps(document), "")
        except InvalidValue:
            continue
    assert all(set(each.transports) <= {"internal", "usb"} for each in await passkeys.of_user(person.id))


async def test_other_origins_of_the_operator_are_taken_and_announced(make_provider: MakeProvider) -> None:
    other = "https://shop.example"
    provider = await make_provider(second_factor={"passkey_origins": [other]})
    person, passkeys = await provider.create_user(), provider.parts.factors[Passkeys]
    passkey = Passkey(origin=other)
    await register(passkeys, person, passkey)
    assert await sign_in(passkeys, passkey) == person.id
    document = (await provider.http("GET", "/.well-known/webauthn")).json()
    assert document == {"origins": ["http://localhost:8000", other]}


async def test_without_other_origins_none_are_announced(provider: RunningProvider) -> None:
    assert (await provider.http("GET", "/.well-known/webauthn")).status_code == 404


def test_the_tests_own_encoding_is_reversible() -> None:
    assert unb64(b64(b"\xff\xfe")) == b"\xff\xfe"
