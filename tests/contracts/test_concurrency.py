"""Many at once with one code or one refresh token: never two lineages outside the rule, on any storage."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from idp.identity.registration import NewAccount
from idp.storage.models import User
from tests.support.provider import MakeProvider, RelyingParty, RunningProvider
from tests.support.servers import RedisServer

AT_ONCE = 50
NEW = NewAccount("new@example.com", "quiet otters row at noon")

STORAGE = ("sqlite and its table", "postgresql and its table", "sqlite and redis", "postgresql and redis")


@pytest.fixture(params=STORAGE)
def storage(
    request: pytest.FixtureRequest, new_database_url: Callable[[str], str], redis_server: RedisServer
) -> dict[str, str | None]:
    """Where durable and ephemeral state are kept."""
    kind, _, store = request.param.partition(" and ")
    return {
        "database_url": new_database_url(kind),
        "redis_url": redis_server.url if store == "redis" else None,
    }


@pytest.fixture
async def app(
    request: pytest.FixtureRequest, make_provider: MakeProvider, storage: dict[str, str | None]
) -> RelyingParty:
    """An app that somebody can sign in to; `grace` is the parameter."""
    tokens = {"refresh_grace": getattr(request, "param", 10)}
    provider = await make_provider(
        tokens=tokens, rate_limits={"token_failures_per_address": 0}, database={"timeout": 30}, **storage
    )
    await provider.create_user()
    return await provider.relying_party()


async def live(app: RelyingParty, responses: list[httpx.Response]) -> list[str]:
    """The refresh tokens of the answers that are still good."""
    given = [response.json()["refresh_token"] for response in responses if response.is_success]
    told = [(await app.post("/introspect", {"token": token})).json()["active"] for token in given]
    return [token for token, active in zip(given, told, strict=True) if active]


async def test_of_many_redemptions_of_a_code_one_succeeds_and_its_tokens_are_revoked(
    app: RelyingParty,
) -> None:
    code = (await app.sign_in(await app.provider.browser()))["code"]
    responses = await asyncio.gather(*(app.redeem(code) for _ in range(AT_ONCE)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * (AT_ONCE - 1)
    assert await live(app, responses) == []
    winner = next(response.json() for response in responses if response.is_success)
    answer = await app.post("/introspect", {"token": winner["access_token"]})
    assert answer.json() == {"active": False}


async def test_within_the_grace_window_all_get_siblings_of_one_family(app: RelyingParty) -> None:
    first = (await app.tokens(await app.provider.browser()))["refresh_token"]
    responses = await asyncio.gather(*(app.refresh(first) for _ in range(AT_ONCE)))
    assert [response.status_code for response in responses] == [200] * AT_ONCE
    assert len(await live(app, responses)) == AT_ONCE
    app.provider.clock.advance(10)
    assert (await app.refresh(first)).status_code == 400  # a copy: the alarm ends them all
    assert await live(app, responses) == []


@pytest.mark.parametrize("app", [0], indirect=True)
async def test_without_a_grace_window_one_succeeds_and_the_family_is_revoked(app: RelyingParty) -> None:
    """Keycloak CVE-2026-1035."""
    first = (await app.tokens(await app.provider.browser()))["refresh_token"]
    responses = await asyncio.gather(*(app.refresh(first) for _ in range(AT_ONCE)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * (AT_ONCE - 1)
    assert await live(app, responses) == []


async def test_an_alarm_among_refreshes_ends_every_lineage(app: RelyingParty) -> None:
    first = (await app.tokens(await app.provider.browser()))["refresh_token"]
    second = (await app.refresh(first)).json()["refresh_token"]
    app.provider.clock.advance(10)
    race = [app.refresh(first if number % 2 else second) for number in range(20)]
    responses = await asyncio.gather(*race)
    assert await live(app, responses) == []
    assert (await app.refresh(second)).status_code == 400


async def registered(provider: RunningProvider, email: str) -> User:
    """The account that an address has come to."""
    async with provider.database.reading() as uow:
        user = await uow.users.by_email_key(email)
    assert user is not None
    return user


@pytest.fixture
async def registering(make_provider: MakeProvider, storage: dict[str, str | None]) -> RunningProvider:
    """Where mails may follow one another at once."""
    accounts = {"mail_interval": 0, "mails_per_hour": 1000}
    return await make_provider(accounts=accounts, database={"timeout": 30}, **storage)


async def test_many_registrations_of_an_address_make_one_account_that_none_of_their_passwords_opens(
    registering: RunningProvider,
) -> None:
    register = registering.parts.registration.register
    outcomes = await asyncio.gather(*(register(NEW) for _ in range(20)))
    user = await registered(registering, NEW.email)
    assert {outcome.user_id for outcome in outcomes} == {user.id}
    assert user.password_hash is None


async def test_an_address_that_is_verified_and_registered_again_at_once_is_either_theirs_or_contested(
    registering: RunningProvider,
) -> None:
    registration = registering.parts.registration
    for number in range(5):
        new = replace(NEW, email=f"new{number}@example.com")
        mine = await registration.register(new)
        code = (await registering.mails.latest(new.email)).code
        await asyncio.gather(
            registration.verify_by_code(new.email, mine.user_id, code), registration.register(new)
        )
        user = await registered(registering, new.email)
        assert user.email_verified == mine.is_of(user)
