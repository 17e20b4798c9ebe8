"""Authenticator apps."""

import asyncio

import pytest

from idp.errors import InvalidValue
from idp.identity.factors.factor import ChallengeAnswer
from idp.identity.factors.totp import DRAFT_TTL, Totp
from idp.storage.models import TotpCredential, User
from tests.support.authenticator import totp
from tests.support.provider import RunningProvider

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_6238_APPENDIX_B = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


@pytest.fixture
def apps(provider: RunningProvider) -> Totp:
    return provider.parts.factors[Totp]


@pytest.fixture
async def secret(provider: RunningProvider, apps: Totp, person: User) -> str:
    """The secret of the person's authenticator, enrolled a while ago."""
    draft = apps.draft(person)
    await apps.enrol(person, draft.sealed, totp(draft.secret, provider.clock.now()), "Phone")
    provider.clock.advance(300)
    return draft.secret


@pytest.mark.parametrize(("at", "code"), RFC_6238_APPENDIX_B.items())
def test_the_tests_own_codes_are_those_of_the_specification(at: int, code: str) -> None:
    assert totp(RFC_SECRET, at, digits=8) == code


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step(
    provider: RunningProvider, apps: Totp, person: User, secret: str, steps: int, taken: bool
) -> None:
    code = totp(secret, provider.clock.now() + 30 * steps)
    assert (await apps.check(person, ChallengeAnswer(code=code)) is not None) is taken


async def test_after_a_later_code_an_earlier_one_is_refused(
    provider: RunningProvider, apps: Totp, person: User, secret: str
) -> None:
    now = provider.clock.now()
    assert await apps.check(person, ChallengeAnswer(code=totp(secret, now + 30)))
    assert await apps.check(person, ChallengeAnswer(code=totp(secret, now))) is None


async def test_blanks_in_a_code_do_no_harm(
    provider: RunningProvider, apps: Totp, person: User, secret: str
) -> None:
    code = totp(secret, provider.clock.now())
    assert await apps.check(person, ChallengeAnswer(code=f" {code[:3]} {code[3:]} "))


@pytest.mark.parametrize("code", ["", "١٢٣٤٥٦", "12345", "1234567", "-12345", "0" * 64])
async def test_what_is_no_code_is_refused(apps: Totp, person: User, secret: str, code: str) -> None:
    assert await apps.check(person, ChallengeAnswer(code=code)) is None


async def test_the_code_that_confirms_an_enrolment_is_spent(
    provider: RunningProvider, apps: Totp, person: User
) -> None:
    draft = apps.draft(person)
    code = totp(draft.secret, provider.clock.now())
    await apps.enrol(person, draft.sealed, code, "")
    assert await apps.check(person, ChallengeAnswer(code=code)) is None


async def test_a_wrong_code_enrols_nothing_and_the_right_one_then_does(
    provider: RunningProvider, apps: Totp, person: User
) -> None:
    draft = apps.draft(person)
    with pytest.raises(InvalidValue, match="not right"):
        await apps.enrol(person, draft.sealed, "000000", "")
    assert not await apps.is_available(person)
    await apps.enrol(person, draft.sealed, totp(draft.secret, provider.clock.now()), "")
    assert await apps.is_available(person)


async def test_one_draft_makes_one_authenticator_however_often_it_is_sent(
    provider: RunningProvider, apps: Totp, person: User
) -> None:
    draft = apps.draft(person)
    code = totp(draft.secret, provider.clock.now())
    results = await asyncio.gather(
        *(apps.enrol(person, draft.sealed, code, "") for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, str) for result in results) == 1
    assert len(await provider.parts.enrolled_factors.of_user(person.id)) == 1


async def test_a_draft_is_one_persons_and_expires(
    provider: RunningProvider, apps: Totp, person: User
) -> None:
    draft = apps.draft(person)
    bob = await provider.create_user("bob@example.com")
    with pytest.raises(InvalidValue, match="not yours"):
        await apps.enrol(bob, draft.sealed, totp(draft.secret, provider.clock.now()), "")
    provider.clock.advance(DRAFT_TTL)
    with pytest.raises(InvalidValue, match="too old"):
        await apps.enrol(person, draft.sealed, totp(draft.secret, provider.clock.now()), "")


async def test_the_secret_is_not_in_the_database(
    provider: RunningProvider, person: User, secret: str
) -> None:
    async with provider.database.reading() as uow:
        stored = (await uow.factors.of_user(TotpCredential, person.id))[0]
    assert secret not in stored.sealed_secret


async def test_any_of_several_authenticators_answers(
    provider: RunningProvider, apps: Totp, person: User, secret: str
) -> None:
    draft = apps.draft(person)
    await apps.enrol(person, draft.sealed, totp(draft.secret, provider.clock.now()), "Tablet")
    provider.clock.advance(30)
    for each in (secret, draft.secret):
        assert await apps.check(person, ChallengeAnswer(code=totp(each, provider.clock.now())))
