"""Introspection: whose business a token is, and whether it still stands (RFC 7662)."""

import jwt
import pytest

from idp.storage.models import User
from tests.support.provider import Browser, RelyingParty, RunningProvider

API = "https://api.example"
INACTIVE = {"active": False}


async def introspect(app: RelyingParty, token: str, **more: str) -> dict[str, object]:
    response = await app.post("/introspect", {"token": token, **more})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()


@pytest.fixture
async def app(provider: RunningProvider, person: User) -> RelyingParty:
    """An app with tokens for an API."""
    return await provider.relying_party(audiences=(API,))


@pytest.fixture
async def resource_server(provider: RunningProvider) -> RelyingParty:
    """The API."""
    return await provider.relying_party(
        audiences=(API,), grant_types=("client_credentials",), redirect_uris=()
    )


async def test_a_client_may_ask_about_its_own_access_token(
    app: RelyingParty, browser: Browser, person: User
) -> None:
    tokens = await app.tokens(browser)
    body = await introspect(app, tokens["access_token"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert body["active"] is True
    assert body["token_type"] == "Bearer"
    for name in ("scope", "client_id", "sub", "aud", "iss", "exp", "iat", "jti", "auth_time", "acr", "amr"):
        assert body[name] == claims[name]
    assert body["sub"] == person.id


async def test_it_names_the_person_and_with_the_scope_the_address(
    provider: RunningProvider, app: RelyingParty, browser: Browser, person: User
) -> None:
    """RFC 7662 §2.2."""
    await provider.parts.accounts.change_username(person.id, "alice")
    tokens = await app.tokens(browser, scope="openid email offline_access")
    for name in ("access_token", "refresh_token"):
        body = await introspect(app, tokens[name])
        assert (body["username"], body["email"], body["email_verified"]) == ("alice", person.email, True)
    tokens = await app.tokens(browser, scope="openid")
    body = await introspect(app, tokens["access_token"])
    assert body["username"] == "alice"
    assert "email" not in body


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_a_wrong_hint_does_no_harm(app: RelyingParty, browser: Browser, hint: str) -> None:
    tokens = await app.tokens(browser)
    for name in ("access_token", "refresh_token"):
        assert (await introspect(app, tokens[name], token_type_hint=hint))["active"] is True


async def test_the_resource_server_that_a_token_is_for_may_ask(
    app: RelyingParty, resource_server: RelyingParty, browser: Browser
) -> None:
    tokens = await app.tokens(browser)
    assert (await introspect(resource_server, tokens["access_token"]))["active"] is True
    assert await introspect(resource_server, tokens["refresh_token"]) == INACTIVE


async def test_to_anyone_else_a_token_is_just_inactive(
    provider: RunningProvider, app: RelyingParty, browser: Browser
) -> None:
    stranger = await provider.relying_party(audiences=("https://other.example",))
    tokens = await app.tokens(browser)
    assert await introspect(stranger, tokens["access_token"]) == INACTIVE
    assert await introspect(stranger, tokens["refresh_token"]) == INACTIVE


async def test_a_public_client_may_not_ask(
    provider: RunningProvider, public_app: RelyingParty, browser: Browser
) -> None:
    tokens = await public_app.tokens(browser)
    response = await public_app.post("/introspect", {"token": tokens["access_token"]})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert "www-authenticate" in response.headers


async def test_a_refresh_token_is_active_until_it_is_used_or_expires(
    provider: RunningProvider, app: RelyingParty, browser: Browser, person: User
) -> None:
    first = (await app.tokens(browser))["refresh_token"]
    body = await introspect(app, first)
    assert (body["active"], body["sub"], body["client_id"]) == (True, person.id, app.client_id)
    second = (await app.refresh(first)).json()["refresh_token"]
    assert await introspect(app, first) == INACTIVE
    assert (await introspect(app, second))["active"] is True
    provider.clock.advance(provider.settings.tokens.refresh_token_ttl)
    assert await introspect(app, second) == INACTIVE


async def test_a_grant_without_scopes_has_no_empty_scope(provider: RunningProvider, browser: Browser) -> None:
    """RFC 6749 §3.3."""
    await provider.create_user()
    app = await provider.relying_party(scopes=("openid",))
    tokens = await app.tokens(browser, scope=None)
    for name in ("access_token", "refresh_token"):
        body = await introspect(app, tokens[name])
        assert body["active"] is True
        assert "scope" not in body
    assert "scope" not in tokens


async def test_an_expired_access_token_is_inactive(
    provider: RunningProvider, app: RelyingParty, browser: Browser
) -> None:
    token = (await app.tokens(browser))["access_token"]
    provider.clock.advance(899)
    assert (await introspect(app, token))["active"] is True
    provider.clock.advance(1)
    assert await introspect(app, token) == INACTIVE


async def test_a_revoked_access_token_is_inactive_and_its_siblings_are_not(
    app: RelyingParty, browser: Browser
) -> None:
    tokens = await app.tokens(browser)
    other = (await app.refresh(tokens["refresh_token"])).json()
    await app.post("/revoke", {"token": tokens["access_token"]})
    assert await introspect(app, tokens["access_token"]) == INACTIVE
    assert (await introspect(app, other["access_token"]))["active"] is True


async def test_tokens_of_a_disabled_account_are_inactive(
    provider: RunningProvider, app: RelyingParty, browser: Browser, person: User
) -> None:
    tokens = await app.tokens(browser)
    await provider.parts.accounts.disable(person.id)
    for name in ("access_token", "refresh_token"):
        assert await introspect(app, tokens[name]) == INACTIVE


async def test_an_id_token_is_no_token_to_ask_about(app: RelyingParty, browser: Browser) -> None:
    assert await introspect(app, (await app.tokens(browser))["id_token"]) == INACTIVE


@pytest.mark.parametrize("token", ["x", "a.b.c", "\x00", "ä", "eyJhbGciOiJub25lIn0.e30.", "x" * 40_000, " "])
async def test_garbage_is_inactive(app: RelyingParty, token: str) -> None:
    assert await introspect(app, token) == INACTIVE


async def test_a_token_is_needed(app: RelyingParty) -> None:
    response = await app.post("/introspect", {})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
