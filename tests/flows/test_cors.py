"""What browser apps of other origins may read: public documents all, the rest the registered ones."""

import httpx
import pytest

from idp.oauth.clients import LOOK_AGAIN
from tests.support.provider import Browser, RelyingParty, RunningProvider

ORIGIN = {"Origin": "https://app.example"}
STRANGER = {"Origin": "https://stranger.example"}
PROTECTED = ("/token", "/userinfo", "/revoke")
ALLOWED = "access-control-allow-origin"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
async def test_public_documents_are_open_to_all(provider: RunningProvider, path: str) -> None:
    response = await provider.http("GET", path, headers=STRANGER)
    assert response.headers.get_list(ALLOWED) == ["*"]
    assert "access-control-allow-credentials" not in response.headers


async def preflight(provider: RunningProvider, path: str, origin: dict[str, str]) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return await provider.http("OPTIONS", path, headers={**origin, **asked})


@pytest.mark.parametrize("path", PROTECTED)
async def test_a_registered_origin_may_ask_and_read_errors_too(public_app: RelyingParty, path: str) -> None:
    provider = public_app.provider
    asked = await preflight(provider, path, ORIGIN)
    assert asked.status_code == 204
    assert asked.headers[ALLOWED] == ORIGIN["Origin"]
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    for content in (b"", b"x" * 100_000):  # refused by the endpoint, and before it
        headers = {**ORIGIN, "content-type": "application/x-www-form-urlencoded"}
        response = await provider.http("POST", path, content=content, headers=headers)
        assert response.status_code >= 400
        assert response.headers.get_list(ALLOWED) == [ORIGIN["Origin"]]
        assert "Origin" in response.headers["vary"]
        assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize(
    "origin",
    [
        "https://stranger.example",
        "null",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://APP.example.",
        "https://" + "a" * 5000,
    ],
)
async def test_another_origin_may_not(public_app: RelyingParty, path: str, origin: str) -> None:
    provider = public_app.provider
    refused = await preflight(provider, path, {"Origin": origin})
    assert refused.status_code == 403
    assert ALLOWED not in refused.headers
    response = await provider.http("POST", path, headers={"Origin": origin})
    assert ALLOWED not in response.headers


@pytest.mark.parametrize(
    "path", ["/login", "/authorize", "/introspect", "/account", "/end_session", "/consent"]
)
async def test_pages_and_what_only_servers_ask_are_closed(public_app: RelyingParty, path: str) -> None:
    response = await public_app.provider.http("GET", path, headers=ORIGIN)
    assert ALLOWED not in response.headers


async def test_an_app_in_a_browser_reads_its_tokens(public_app: RelyingParty, browser: Browser) -> None:
    code = (await public_app.sign_in(browser))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": public_app.client_id,
        "redirect_uri": public_app.redirect_uri,
        "code_verifier": public_app.code_verifier,
    }
    response = await public_app.provider.http("POST", "/token", data=form, headers=ORIGIN)
    assert response.status_code == 200
    assert response.headers[ALLOWED] == ORIGIN["Origin"]
    assert response.headers["cache-control"] == "no-store"


async def test_an_origin_can_be_registered_beside_the_redirect_uris(provider: RunningProvider) -> None:
    await provider.relying_party(public=True, allowed_origins=("https://other.example",))
    assert (await preflight(provider, "/token", {"Origin": "https://other.example"})).status_code == 204


async def test_an_app_that_was_registered_a_moment_ago_is_let_in(provider: RunningProvider) -> None:
    assert (await preflight(provider, "/token", ORIGIN)).status_code == 403
    await provider.relying_party(public=True)
    provider.clock.advance(LOOK_AGAIN)
    assert (await preflight(provider, "/token", ORIGIN)).status_code == 204
    other = await provider.relying_party(public=True, redirect_uris=("https://new.example/cb",))
    await provider.http("GET", other.authorization_url())  # no need to look again for one that begins here
    assert (await preflight(provider, "/token", {"Origin": "https://new.example"})).status_code == 204
