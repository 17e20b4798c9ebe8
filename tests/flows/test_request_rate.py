"""What anybody may GET costs one address only so much."""

from tests.support.provider import MakeProvider


async def test_an_address_that_asks_for_too_many_pages_is_told_to_wait(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"gets_per_address": 3})
    answers = [await provider.http("GET", "/login") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "text/html" in answers[-1].headers["content-type"]


async def test_files_health_discovery_and_programs_are_not_counted(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"gets_per_address": 1}, issuer="http://localhost:8000/auth")
    for _ in range(3):
        for path in (
            "/static/style.css",
            "/userinfo",
            "/jwks",
            "/.well-known/openid-configuration",
            "/health",
        ):
            assert (await provider.http("GET", path)).status_code != 429
        assert (await provider.http("GET", "http://localhost:8000/health")).status_code == 200
    assert (await provider.http("GET", "/login")).status_code == 200
    assert (await provider.http("GET", "/authorize")).status_code == 429
