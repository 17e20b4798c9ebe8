"""Which pages of other origins may use the API, and the switch that takes it away."""

import httpx
import pytest

from tests.support.api import BASE, Api, code_of
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RunningProvider

ALLOWED = "access-control-allow-origin"
OURS, OTHERS = {"Origin": "https://ours.example"}, {"Origin": "https://app.example"}


async def preflight(provider: RunningProvider, origin: dict[str, str]) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return await provider.http("OPTIONS", f"{BASE}/users/me", headers={**origin, **asked})


async def test_only_the_origin_of_a_client_with_the_scope_account_may_ask(provider: RunningProvider) -> None:
    await provider.relying_party(public=True)
    assert (await preflight(provider, OTHERS)).status_code == 403
    await provider.create_client(scopes=("openid", "account"), allowed_origins=(OURS["Origin"],))
    provider.clock.advance(60)
    assert (await preflight(provider, OURS)).headers[ALLOWED] == OURS["Origin"]


async def test_a_token_is_taken_from_the_pages_of_its_own_client_only(
    provider: RunningProvider, browser: Browser
) -> None:
    await provider.create_user()
    app = await provider.relying_party(scopes=("openid", "account"))
    await provider.create_client(
        scopes=("openid", "account"), redirect_uris=("https://other.example/cb",), client_name="Other"
    )
    api = Api(provider)
    api.tokens = await app.tokens(browser, scope="openid account")
    assert (await api.get("/users/me", headers=OTHERS)).status_code == 200
    refused = await api.get("/users/me", headers={"Origin": "https://other.example"})
    assert code_of(refused) == (403, "client_not_allowed")
    assert (await api.get("/users/me", headers={"Origin": provider.settings.origin})).status_code == 200


async def test_the_default_client_has_the_scope_of_the_api_and_no_other(provider: RunningProvider) -> None:
    await provider.create_user()
    api = await Api(provider).log_in(scope="openid profile email account")
    assert api.tokens["scope"] == "account"


async def test_where_the_api_is_switched_off_there_is_neither_it_nor_its_client(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(api={"enabled": False})
    await provider.create_user()
    answer = await provider.http("POST", f"{BASE}/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 404
    form = {"grant_type": "password", "client_id": "idp-api", "username": EMAIL, "password": PASSWORD}
    assert (await provider.http("POST", "/token", data=form)).json()["error"] == "invalid_client"


@pytest.mark.parametrize("path", ["/auth/login", "/users/me"])
async def test_the_api_is_served_by_default(provider: RunningProvider, path: str) -> None:
    assert (await provider.http("POST", BASE + path)).status_code != 404
