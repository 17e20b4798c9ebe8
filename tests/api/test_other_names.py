"""Names and paths that apps of other account services use."""

import httpx
import jwt
import pytest

from idp.crypto import random_token
from idp.storage.models import User
from tests.support.api import Api
from tests.support.provider import EMAIL, PASSWORD, MakeProvider, RunningProvider

NEW = {"email": "new@example.com", "password": "correct horse battery"}


async def test_a_registration_under_their_names_is_taken(make_provider: MakeProvider) -> None:
    api = Api(await make_provider(registration={"verify_email": "never"}))
    names = {"first_name": "Ada", "last_name": "Lovelace", "phone": "+491701234567", "tier": "free"}
    made = await api.post("/auth/signup", {**NEW, **names})
    assert made.status_code == 201, made.text
    api.tokens = made.json()
    account = (await api.get("/users/me")).json()
    assert (account["name"], account["given_name"], account["family_name"]) == (
        "Ada Lovelace",
        "Ada",
        "Lovelace",
    )
    assert (account["phone_number"], account["phone_number_verified"]) == ("+491701234567", False)


@pytest.mark.parametrize(
    "wrong", [{"tier": "gold"}, {"phone": "0170"}, {"first_name": "https://evil.example"}, {"role": "admin"}]
)
async def test_what_is_not_the_persons_to_set_is_refused(api: Api, wrong: dict[str, str]) -> None:
    assert (await api.post("/auth/register", {**NEW, **wrong})).status_code == 422


async def test_a_sign_in_and_a_password_under_their_names_are_taken(api: Api, person: User) -> None:
    signed_in = await api.post("/auth/login", {"username": EMAIL, "password": PASSWORD})
    api.tokens = signed_in.json()
    body = {"old_password": PASSWORD, "password": "another good password"}
    assert (await api.post("/users/change-password", body)).status_code == 200


async def test_an_account_says_what_they_ask_for(alice: Api, provider: RunningProvider, person: User) -> None:
    account = (await alice.get("/users/me")).json()
    assert (account["is_active"], account["is_verified"], account["is_superuser"]) == (True, True, False)
    assert account["last_login"] == int(provider.clock.now())
    await provider.parts.accounts.change_roles(person.id, ["admin"], [])
    assert (await alice.get("/auth/me")).json()["is_superuser"] is True
    changed = await alice.put("/users/me", {"first_name": "Alice", "phone": "+491701234567"})
    assert (changed.json()["given_name"], changed.json()["phone_number"]) == ("Alice", "+491701234567")


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "https://id.example.com/auth"])
async def test_short_paths_serve_the_same_where_the_setting_says_so(
    make_provider: MakeProvider, issuer: str
) -> None:
    provider = await make_provider(issuer=issuer, api={"short_paths": True})
    await provider.create_user()
    body = {"email": EMAIL, "password": PASSWORD}
    token = (await provider.http("POST", "/auth/login", json=body)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/users/me", "/auth/me"):
        assert (await provider.http("GET", path, headers=bearer)).json()["email"] == EMAIL
    wrong = await provider.http("POST", "/auth/login", json={**body, "password": "wrong"})
    assert wrong.headers["content-type"] == "application/problem+json"
    base = provider.settings.base_path
    for path, target in (("/docs", "docs"), ("/redoc", "docs"), ("/openapi.json", "openapi.json")):
        response = await provider.http("GET", path)
        assert (response.status_code, response.headers["location"]) == (307, f"{base}/api/v1/{target}")


async def test_short_paths_serve_nothing_unless_the_setting_says_so(provider: RunningProvider) -> None:
    for path in ("/auth/me", "/users/me", "/docs", "/redoc", "/openapi.json"):
        assert (await provider.http("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("register", "/auth/register", NEW),
        ("register", "/auth/signup", NEW),
        ("login", "/auth/login", {"email": EMAIL, "password": PASSWORD}),
        ("refresh", "/auth/refresh", {"refresh_token": "x"}),
    ],
)
async def test_an_endpoint_has_a_limit_of_its_own(
    make_provider: MakeProvider, limit: str, path: str, body: dict[str, str]
) -> None:
    provider = await make_provider(
        rate_limits={f"{limit}_per_address": 3}, registration={"verify_email": "never"}
    )
    await provider.create_user()
    api = Api(provider)

    async def ask() -> httpx.Response:
        """Each time for another new address, which the mails have limits of their own for."""
        fresh = {"email": f"{random_token(8)}@example.com"} if limit == "register" else {}
        return await api.post(path, {**body, **fresh})

    answers = [await ask() for _ in range(4)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    assert f'"{limit}";q=3;w=60' in answers[0].headers["ratelimit-policy"]
    left = [answer.headers["ratelimit"].partition(f'"{limit}";r=')[2][0] for answer in answers]
    assert left == ["2", "1", "0", "0"]
    assert int(answers[-1].headers["retry-after"]) >= 1
    api.address = "192.0.2.9"
    assert (await ask()).status_code != 429
    api.address = "127.0.0.1"
    provider.clock.advance(120)
    assert (await ask()).status_code != 429


async def test_a_profile_has_a_limit_whatever_the_address(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"profile_per_address": 3})
    await provider.create_user()
    api = await Api(provider).log_in()
    for _ in range(3):
        assert (await api.put("/users/me", {"nickname": "Ali"})).status_code == 200
    api.address = "192.0.2.9"
    assert (await api.put("/users/me", {"nickname": "Ali"})).status_code == 429


async def test_a_tier_that_the_operator_sets_is_told(alice: Api, provider: RunningProvider) -> None:
    await provider.parts.administration.people.change_tier(EMAIL, "gold")
    assert (await alice.get("/users/me")).json()["tier"] == "gold"
    app = await provider.relying_party(scopes=("openid", "tier"))
    tokens = await app.tokens(await provider.browser(), scope="openid tier")
    assert jwt.decode(tokens["access_token"], options={"verify_signature": False})["tier"] == "gold"
