"""One suite over every second factor, on both databases: a right answer counts once, and only its owner's."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from idp.identity.factors.email_code import EmailCode
from idp.identity.factors.factor import ChallengeAnswer, Factor
from idp.identity.factors.passkeys import Passkeys
from idp.identity.factors.recovery_codes import RecoveryCodes
from idp.identity.factors.registry import FACTORS
from idp.identity.factors.totp import Totp
from idp.identity.second_factor import ProvenFactor
from idp.storage.models import User
from tests.support.authenticator import Passkey, totp
from tests.support.databases import BOTH
from tests.support.provider import MakeProvider, RunningProvider

AT_ONCE = 50
KINDS = tuple(factor.kind for factor in FACTORS)


@dataclass
class Owner:
    """Somebody who has set up a factor of the kind, and can answer with it."""

    provider: RunningProvider
    user: User
    kind: str
    secret: str = ""
    passkey: Passkey = field(default_factory=Passkey)
    codes: list[str] = field(default_factory=list)

    @property
    def factor(self) -> Factor:
        return self.provider.parts.factors.all[self.kind]

    async def enrol(self) -> "Owner":
        factors, user = self.provider.parts.factors, self.user
        if self.kind == "webauthn":
            ceremony = await factors[Passkeys].begin_registration(user)
            await factors[Passkeys].register(user, ceremony.id, self.passkey.create(ceremony.options), "Key")
            return self
        draft = factors[Totp].draft(user)
        self.secret = draft.secret
        await factors[Totp].enrol(user, draft.sealed, totp(self.secret, self.provider.clock.now()), "App")
        self.codes = await factors[RecoveryCodes].make(user)
        self.provider.clock.advance(30)  # the confirming code is spent
        return self

    async def answer(self, to: User | None = None) -> ChallengeAnswer:
        """A right answer; `to` a challenge that is somebody else's."""
        factors = self.provider.parts.factors
        match self.kind:
            case "totp":
                return ChallengeAnswer(code=totp(self.secret, self.provider.clock.now()))
            case "recovery_code":
                return ChallengeAnswer(code=self.codes[0])
            case "email":
                await factors[EmailCode].send(self.user)
                return ChallengeAnswer(code=(await self.provider.mails.latest(self.user.email)).code)
        ceremony = await factors[Passkeys].begin_check(to or self.user)
        return ChallengeAnswer(assertion=self.passkey.get(ceremony.options), ceremony=ceremony.id)

    async def check(self, answer: ChallengeAnswer, user: User | None = None) -> tuple[str, ...] | None:
        return await self.factor.check(user or self.user, answer)

    async def lose(self) -> None:
        """Remove what was set up; for a code by mail, the address."""
        enrolled_factors = self.provider.parts.enrolled_factors
        for each in await enrolled_factors.of_user(self.user.id):
            await enrolled_factors.remove(self.user, each.kind, each.id)
        if self.kind == "email":
            async with self.provider.database.unit_of_work() as uow:
                self.user.email_verified = False
                await uow.users.save(self.user)


@pytest.fixture(params=BOTH)
async def installation(
    request: pytest.FixtureRequest, make_provider: MakeProvider, new_database_url: Callable[[str], str]
) -> RunningProvider:
    return await make_provider(
        database_url=new_database_url(request.param),
        database={"timeout": 30},
        second_factor={"email_code": True},
        accounts={"mail_interval": 0},
    )


@pytest.fixture(params=KINDS)
async def owner(request: pytest.FixtureRequest, installation: RunningProvider) -> Owner:
    return await Owner(installation, await installation.create_user(), request.param).enrol()


async def test_a_right_answer_counts_once(owner: Owner) -> None:
    answer = await owner.answer()
    assert await owner.check(answer)
    assert await owner.check(answer) is None


async def test_the_next_answer_counts_again(owner: Owner) -> None:
    assert await owner.check(await owner.answer())
    owner.provider.clock.advance(30)
    owner.codes = owner.codes[1:]
    assert await owner.check(await owner.answer())


async def test_of_many_at_once_with_one_answer_one_counts(owner: Owner) -> None:
    answer = await owner.answer()
    results = await asyncio.gather(*(owner.check(answer) for _ in range(AT_ONCE)))
    assert sum(result is not None for result in results) == 1


async def test_another_persons_answer_is_refused(owner: Owner) -> None:
    other_user = await owner.provider.create_user("bob@example.com")
    other = await Owner(owner.provider, other_user, owner.kind).enrol()
    assert await owner.check(await other.answer(to=owner.user), owner.user) is None


@pytest.mark.parametrize(
    "wrong",
    [ChallengeAnswer(), ChallengeAnswer(code="000000"), ChallengeAnswer(assertion="{}", ceremony="made up")],
)
async def test_a_wrong_answer_is_refused_and_leaves_the_right_one(
    owner: Owner, wrong: ChallengeAnswer
) -> None:
    right = await owner.answer()
    assert await owner.check(wrong) is None
    assert await owner.check(right)


async def test_after_its_removal_it_is_refused(owner: Owner) -> None:
    answer = await owner.answer()
    await owner.lose()
    assert not await owner.factor.is_available(owner.user)
    assert await owner.check(answer) is None


async def test_only_a_weak_factor_leaves_the_acr_as_it_is(owner: Owner) -> None:
    second_factors = owner.provider.parts.second_factors
    answer = await owner.answer()
    proven = await second_factors.check(owner.user, owner.kind, answer, address="192.0.2.1")
    assert proven is not None
    weak = owner.kind == "email"
    assert proven == ProvenFactor(owner.kind, proven.amr, "urn:idp:acr:1fa" if weak else "urn:idp:acr:mfa")
    assert ("mfa" in proven.amr) is not weak
    assert (owner.kind in await second_factors.options(owner.user, strong=True)) is not weak
    owner.provider.clock.advance(30)
    owner.codes = owner.codes[1:]
    again = await second_factors.check(
        owner.user, owner.kind, await owner.answer(), address="192.0.2.1", strong=True
    )
    assert (again is None) is weak
