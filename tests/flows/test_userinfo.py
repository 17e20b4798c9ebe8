"""Userinfo, a protected resource: the claims of a token's scopes, to whoever bears it (OIDC Core §5.3)."""

import json

import httpx
import pytest

from idp.storage.models import User
from tests.support.provider import Browser, MakeProvider, RelyingParty, RunningProvider

FORM = {"content-type": "application/x-www-form-urlencoded"}
SHOUTED = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def token(relying_party: RelyingParty, browser: Browser) -> str:
    """An access token with openid, profile and email."""
    return (await relying_party.tokens(browser))["access_token"]


async def test_a_token_may_come_in_the_header_or_in_a_form(
    provider: RunningProvider, person: User, token: str
) -> None:
    """RFC 6750 §2.1, §2.2; scheme and media type in any case, RFC 9110 §11.1, §8.3.1."""
    answers = [
        await provider.http("GET", "/userinfo", headers=bearer(token)),
        await provider.http("GET", "/userinfo", headers={"Authorization": f"bEARER  {token}"}),
        await provider.http("POST", "/userinfo", headers=bearer(token)),
        await provider.http("POST", "/userinfo", data={"access_token": token}),
        await provider.http("POST", "/userinfo", headers=SHOUTED, content=f"access_token={token}"),
    ]
    assert [answer.json()["sub"] for answer in answers] == [person.id] * 5
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


async def test_a_token_in_the_query_is_not_looked_at(provider: RunningProvider, token: str) -> None:
    """RFC 9700 §4.3.2."""
    response = await provider.http("GET", f"/userinfo?access_token={token}")
    assert response.status_code == 401


async def test_without_a_token_the_challenge_has_no_error_code(provider: RunningProvider) -> None:
    """RFC 6750 §3.1."""
    for options in ({}, {"headers": {"Authorization": "Basic eDp5"}}):
        response = await provider.http("GET", "/userinfo", **options)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert "error" not in response.headers["www-authenticate"]


def assert_malformed(response: httpx.Response) -> None:
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["www-authenticate"]


async def test_a_token_that_is_sent_twice_is_refused(provider: RunningProvider, token: str) -> None:
    twice = f"access_token={token}&access_token={token}"
    assert_malformed(
        await provider.http("POST", "/userinfo", headers=bearer(token), data={"access_token": token})
    )
    assert_malformed(await provider.http("POST", "/userinfo", headers=FORM, content=twice))
    assert_malformed(await provider.http("GET", "/userinfo", headers={"Authorization": "Bearer "}))


@pytest.mark.parametrize(
    "bad", ["x", "a.b.c", "ä".encode().decode("latin-1"), "eyJhbGciOiJub25lIn0.e30.", "x y"]
)
async def test_garbage_is_an_invalid_token(provider: RunningProvider, bad: str) -> None:
    header = {"Authorization": f"Bearer {bad}".encode("latin-1")}
    response = await provider.http("GET", "/userinfo", headers=header)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_no_other_kind_of_token_passes_for_an_access_token(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    """RFC 8725 §3.11."""
    tokens = await relying_party.tokens(browser)
    for name in ("id_token", "refresh_token"):
        assert (await relying_party.userinfo(tokens[name])).status_code == 401


async def test_a_token_of_a_disabled_account_is_invalid(
    provider: RunningProvider, relying_party: RelyingParty, person: User, token: str
) -> None:
    await provider.parts.accounts.disable(person.id)
    assert (await relying_party.userinfo(token)).status_code == 401


async def test_an_expired_token_is_invalid(
    provider: RunningProvider, relying_party: RelyingParty, token: str
) -> None:
    provider.clock.advance(900)
    assert (await relying_party.userinfo(token)).status_code == 401


async def test_without_openid_the_scope_is_insufficient(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser, scope="profile email")
    response = await relying_party.userinfo(tokens["access_token"])
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    assert 'scope="openid"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", {"sub"}),
        ("openid email", {"sub", "email", "email_verified"}),
        ("openid profile", {"sub", "name", "updated_at"}),
    ],
)
async def test_claims_follow_the_scopes(
    relying_party: RelyingParty, browser: Browser, scope: str, names: set[str]
) -> None:
    tokens = await relying_party.tokens(browser, scope=scope)
    found = (await relying_party.userinfo(tokens["access_token"])).json().keys()
    assert names <= found
    other = {"email", "email_verified"} if "email" not in scope else {"name", "updated_at"}
    assert not other & found


async def test_a_claim_asked_for_by_name_is_there(relying_party: RelyingParty, browser: Browser) -> None:
    asked = json.dumps({"userinfo": {"email": None}})
    tokens = await relying_party.tokens(browser, scope="openid", claims=asked)
    body = (await relying_party.userinfo(tokens["access_token"])).json()
    assert body["email"] == "alice@example.com"
    assert "email_verified" not in body


async def test_a_scope_that_was_taken_from_the_client_gives_no_claims_any_more(
    provider: RunningProvider, browser: Browser, person: User
) -> None:
    app = await provider.relying_party(scopes=("openid", "profile", "email"))
    asked = json.dumps({"userinfo": {"email": None}})
    tokens = await app.tokens(browser, scope="openid profile", claims=asked)
    assert {"name", "email"} <= (await app.userinfo(tokens["access_token"])).json().keys()
    clients = provider.parts.administration.clients
    await clients.change(app.client_id, {"scopes": ("openid",)})
    provider.clock.advance(6)  # until every worker has read it
    assert (await app.userinfo(tokens["access_token"])).json() == {"sub": person.id}
    await clients.change(app.client_id, {}, enabled=False)
    provider.clock.advance(6)
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.parametrize("verified", [True, False])
async def test_email_verified_follows_the_fact(
    provider: RunningProvider, relying_party: RelyingParty, verified: bool
) -> None:
    """authentik before 2025.10."""
    await provider.create_user("bob@example.com", verified=verified)
    tokens = await relying_party.tokens(await provider.browser(), email="bob@example.com")
    assert (await relying_party.userinfo(tokens["access_token"])).json()["email_verified"] is verified


async def test_a_token_for_another_resource_server_is_not_taken_unless_the_setting_says_so(
    make_provider: MakeProvider,
) -> None:
    """RFC 9068 §4: that resource server could ask for what the user told the app alone."""
    for rule, status in (("issuer", 401), ("openid", 200)):
        provider = await make_provider(tokens={"userinfo_audience": rule})
        await provider.create_user()
        app = await provider.relying_party(audiences=("https://api.example",))
        tokens = await app.tokens(await provider.browser())
        assert (await app.userinfo(tokens["access_token"])).status_code == status
