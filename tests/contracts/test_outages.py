"""Servers that go away and come back: the answer says so in the form of who asked, and service resumes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.support.databases import migrate_now
from tests.support.provider import CALLBACK, MakeProvider, RelyingParty, RunningProvider, the_form
from tests.support.servers import PostgresServer, RedisServer


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition."""
    try:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110  another process changes it
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"never happened: {what}")


async def is_ready(provider: RunningProvider) -> bool:
    return (await provider.http("GET", "/readyz")).is_success


async def metric(provider: RunningProvider, name: str) -> str:
    lines = (await provider.http("GET", "/metrics")).text.splitlines()
    return next(line.rpartition(" ")[2] for line in lines if line.startswith(name))


# Redis --------------------------------------------------------------------------------------------------


@pytest.fixture
async def with_redis(make_provider: MakeProvider, private_redis: RedisServer) -> RelyingParty:
    """An app whose provider keeps ephemeral state in a Redis that the test may stop."""
    provider = await make_provider(redis_url=private_redis.url)
    await provider.create_user()
    return await provider.relying_party()


async def test_without_redis_sign_ins_go_on_and_it_comes_back_by_itself(
    with_redis: RelyingParty, private_redis: RedisServer
) -> None:
    provider = with_redis.provider
    await with_redis.tokens(await provider.browser())
    await asyncio.to_thread(private_redis.stop)
    assert await with_redis.tokens(await provider.browser())
    ready = await provider.http("GET", "/readyz")
    assert ready.is_success  # it serves; it only says what it lacks
    assert "Redis is away" in ready.text
    assert await metric(provider, "idp_ephemeral_degraded") == "1.0"
    await asyncio.to_thread(private_redis.start)

    async def recovered() -> bool:
        return not provider.parts.store.degraded

    await until(recovered, "Redis is used again")
    assert await metric(provider, "idp_ephemeral_degraded") == "0.0"
    assert await with_redis.tokens(await provider.browser())


async def test_a_code_from_before_the_outage_may_be_lost_but_never_counts_twice(
    with_redis: RelyingParty, private_redis: RedisServer
) -> None:
    provider = with_redis.provider
    code = (await with_redis.sign_in(await provider.browser()))["code"]
    assert (await with_redis.redeem(code)).is_success
    lost = (await with_redis.sign_in(await provider.browser()))["code"]
    private_redis.pause()  # hangs, with what it holds
    assert (await with_redis.redeem(code)).json()["error"] == "invalid_grant"
    assert (await with_redis.redeem(lost)).json()["error"] == "invalid_grant"
    private_redis.resume()

    async def recovered() -> bool:
        return not provider.parts.store.degraded

    await until(recovered, "Redis is used again")
    assert (await with_redis.redeem(code)).json()["error"] == "invalid_grant"
    results = await asyncio.gather(*(with_redis.redeem(lost) for _ in range(5)))
    assert sum(result.is_success for result in results) <= 1


async def test_a_code_issued_in_the_outage_does_not_count_twice_after_it(
    with_redis: RelyingParty, private_redis: RedisServer
) -> None:
    provider = with_redis.provider
    await asyncio.to_thread(private_redis.stop)
    code = (await with_redis.sign_in(await provider.browser()))["code"]
    assert (await with_redis.redeem(code)).is_success
    await asyncio.to_thread(private_redis.start)

    async def recovered() -> bool:
        return not provider.parts.store.degraded

    await until(recovered, "Redis is used again")
    assert (await with_redis.redeem(code)).json()["error"] == "invalid_grant"


# PostgreSQL ---------------------------------------------------------------------------------------------


@pytest.fixture
async def postgres_to_stop(
    postgres_server: Callable[[], PostgresServer],
) -> AsyncIterator[tuple[PostgresServer, str]]:
    """A PostgreSQL of this test alone, and a migrated database on it."""
    server = await asyncio.to_thread(postgres_server)
    url = await asyncio.to_thread(server.create_database)
    # The tests' servers may forget commits when they crash, for speed; here that is what is tested.
    durable = f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = on'
    await asyncio.to_thread(server.execute, durable)
    await asyncio.to_thread(migrate_now, url)
    yield server, url
    await asyncio.to_thread(server.start)


@pytest.fixture
async def on_postgres(
    make_provider: MakeProvider, postgres_to_stop: tuple[PostgresServer, str]
) -> RelyingParty:
    """An app whose provider keeps its state in a PostgreSQL that the test may stop."""
    settings = {"database": {"timeout": 2.0}, "rate_limits": {"token_failures_per_address": 0}}
    provider = await make_provider(database_url=postgres_to_stop[1], **settings)
    await provider.create_user()
    scopes = ("openid", "profile", "email", "offline_access", "api")
    grants = ("authorization_code", "refresh_token", "client_credentials")
    return await provider.relying_party(scopes=scopes, grant_types=grants)


def assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["error"] == "temporarily_unavailable"


async def test_without_its_database_every_endpoint_asks_to_come_back_later(
    on_postgres: RelyingParty, postgres_to_stop: tuple[PostgresServer, str]
) -> None:
    app, provider, server = on_postgres, on_postgres.provider, postgres_to_stop[0]
    browser = await provider.browser()
    tokens = await app.tokens(browser)
    visitor = await provider.browser()
    login = the_form(await visitor.get("/login")).fields
    await asyncio.to_thread(server.stop)
    provider.clock.advance(10)  # clients and origins that were at hand are not any more
    origin = {"Origin": CALLBACK.removesuffix("/callback")}

    assert_unavailable(await app.refresh(tokens["refresh_token"]))
    assert_unavailable(await app.post("/introspect", {"token": tokens["access_token"]}))
    assert_unavailable(await app.post("/revoke", {"token": tokens["refresh_token"]}))
    assert_unavailable(await app.userinfo(tokens["access_token"]))
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": app.client_id}
    assert_unavailable(await provider.http("POST", "/token", data=form, headers=origin))
    preflight = await provider.http(
        "OPTIONS", "/token", headers={**origin, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 503

    for page in (
        await browser.get("/login"),
        await browser.get(app.authorization_url()),
        await visitor.post("/login", login | {"email": "a@example.com", "password": "x"}),
    ):
        assert page.status_code == 503, page.text
        assert page.headers["content-type"].startswith("text/html")
        assert int(page.headers["retry-after"]) >= 1
    assert (await provider.http("GET", "/readyz")).status_code == 503
    assert (await provider.http("GET", "/health")).status_code == 200
    for path in ("/jwks", "/.well-known/openid-configuration"):
        assert (await provider.http("GET", path)).is_success

    await asyncio.to_thread(server.start)
    await until(lambda: is_ready(provider), "ready again, without a restart")
    assert (await app.refresh(tokens["refresh_token"])).is_success
    assert await app.tokens(await provider.browser())


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_under_load_each_answer_is_a_success_or_a_503_and_nothing_counts_twice(
    on_postgres: RelyingParty, postgres_to_stop: tuple[PostgresServer, str], how: str
) -> None:
    app, server = on_postgres, postgres_to_stop[0]
    families = [
        (await app.tokens(await app.provider.browser(), scope=scope))["refresh_token"]
        for scope in ("openid", "email")
    ]
    seen: list[httpx.Response] = []
    over = asyncio.Event()

    async def refresh_on_and_on(token: str) -> str:
        """As a client does: keep the old token until a new one arrives."""
        while not over.is_set():
            response = await app.refresh(token)
            seen.append(response)
            token = response.json()["refresh_token"] if response.is_success else token
            await asyncio.sleep(0)
        return token

    async def ask_on_and_on() -> None:
        while not over.is_set():
            seen.append(await app.post("/introspect", {"token": "x"}))
            await asyncio.sleep(0)

    async def enough(count: int) -> None:
        target = len(seen) + count

        async def reached() -> bool:
            return len(seen) >= target

        await until(reached, "answers")

    load = [asyncio.create_task(refresh_on_and_on(token)) for token in families]
    asking = [asyncio.create_task(ask_on_and_on()) for _ in range(4)]
    await enough(20)
    await asyncio.to_thread(getattr(server, how))
    await enough(20)
    await asyncio.to_thread(server.start)
    await until(lambda: is_ready(app.provider), "ready again")
    await enough(20)
    over.set()
    last = await asyncio.gather(*load)
    await asyncio.gather(*asking)
    assert {response.status_code for response in seen} == {200, 503}
    for response in seen:
        assert response.is_success or "retry-after" in response.headers
    for token in last:
        assert (await app.refresh(token)).is_success


async def test_a_password_that_is_refused_while_running_is_an_outage(
    make_provider: MakeProvider, postgres_server: Callable[[], PostgresServer]
) -> None:
    server = postgres_server()
    database_url = server.create_database()
    migrate_now(database_url)
    provider = await make_provider(database_url=database_url, database={"timeout": 2.0})
    assert (await provider.http("GET", "/readyz")).status_code == 200
    hba = server.directory / "data" / "pg_hba.conf"
    hba.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    server.stop()
    server.start()

    async def is_away() -> bool:
        return not await is_ready(provider)

    await until(is_away, "the database lets nobody in")
    answer = await provider.http("GET", "/login")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "PostgreSQL" not in answer.text
