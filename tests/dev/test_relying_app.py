"""The demo relying app against a small stand-in for a provider, which can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from idp.dev.relying_app import create_relying_app

ISSUER = "http://provider.test"
APP = "http://app.test"


class FakeProvider(httpx.AsyncBaseTransport):
    """Answers for the provider, and passes what is addressed to the app on to the app."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.reachable = True
        self.id_token_changes: dict[str, Any] = {}
        self.token_error: dict[str, str] | None = None
        self.asked: dict[str, str] = {}
        self.refreshes = 0
        self.app: httpx.ASGITransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "app.test":
            assert self.app is not None
            return await self.app.handle_async_request(request)
        if not self.reachable:
            raise httpx.ConnectError("connection refused", request=request)
        status_code, body = self.answer(request)
        return httpx.Response(status_code, json=body, request=request)

    def answer(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        match request.url.path:
            case "/.well-known/openid-configuration":
                names = ("authorization", "token", "userinfo", "end_session")
                endpoints = {f"{name}_endpoint": f"{ISSUER}/{name}" for name in names}
                return 200, {
                    **endpoints,
                    "issuer": ISSUER,
                    "jwks_uri": f"{ISSUER}/jwks",
                    "authorization_response_iss_parameter_supported": True,
                }
            case "/jwks":
                return 200, dict(KeySet([self.key]).as_dict(private=False))
            case "/token":
                return self.token(request)
            case "/userinfo":
                return 200, {"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}
        return 404, {}

    def token(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        assert request.headers["authorization"] == "Basic " + base64.b64encode(b"demo:s%3Aecret").decode()
        if self.token_error:
            return 400, self.token_error
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.asked["code_challenge"]
        else:
            assert form["refresh_token"] == f"refresh-{self.refreshes}"
            self.refreshes += 1
        access_token = self.access_token()
        return 200, {
            "access_token": access_token,
            "id_token": self.id_token(access_token),
            "refresh_token": f"refresh-{self.refreshes}",
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": "openid profile email offline_access",
        }

    def access_token(self, **changes: Any) -> str:
        claims = {"aud": f"{APP}/resource", "client_id": "demo", "scope": "openid profile", **changes}
        return self.signed("at+jwt", claims)

    def id_token(self, access_token: str) -> str:
        at_hash = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16])
        claims = {"aud": "demo", "nonce": self.asked["nonce"], "at_hash": at_hash.rstrip(b"=").decode()}
        return self.signed("JWT", {**claims, **self.id_token_changes})

    def signed(self, typ: str, claims: dict[str, Any]) -> str:
        now = int(time.time())
        standard = {"iss": ISSUER, "sub": "ada", "iat": now, "exp": now + 600}
        header = {"alg": "RS256", "kid": self.key.kid, "typ": typ}
        return jwt.encode(header, {**standard, **claims}, self.key)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def browser(provider: FakeProvider) -> AsyncIterator[httpx.AsyncClient]:
    app = create_relying_app(
        issuer=ISSUER, base_url=APP, client_id="demo", client_secret="s:ecret", transport=provider
    )
    provider.app = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=provider.app, base_url=APP) as client,
    ):
        yield client


async def start(browser: httpx.AsyncClient, provider: FakeProvider, query: str = "") -> dict[str, str]:
    response = await browser.get(f"/login{query}")
    assert response.status_code == 303
    provider.asked = {
        name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()
    }
    return {"code": "code", "state": provider.asked["state"], "iss": ISSUER}


async def sign_in(browser: httpx.AsyncClient, provider: FakeProvider) -> httpx.Response:
    response = await browser.get("/callback", params=await start(browser, provider))
    assert response.status_code == 303, response.text
    return await browser.get("/dashboard")


async def press(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    page = await browser.get("/dashboard")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return await browser.post(path, data={"csrf_token": found[1], **fields})


async def test_signing_in_shows_who_you_are(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    page = await sign_in(browser, provider)
    assert "Ada Lovelace" in page.text
    assert provider.asked["code_challenge_method"] == "S256"
    assert provider.asked["redirect_uri"] == f"{APP}/callback"
    assert "no-store" in page.headers["cache-control"]


async def test_the_session_key_changes_at_sign_in(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    answer = await start(browser, provider)
    before = browser.cookies["demo_session"]
    response = await browser.get("/callback", params=answer)
    assert browser.cookies["demo_session"] != before
    assert "HttpOnly" in response.headers["set-cookie"]
    assert "SameSite=lax" in response.headers["set-cookie"]


async def test_another_state_is_refused(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    answer = await start(browser, provider)
    response = await browser.get("/callback", params={**answer, "state": "another"})
    assert response.status_code == 400
    assert "This sign-in was not started in this browser" in response.text


async def test_a_state_works_once(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    answer = await start(browser, provider)
    await browser.get("/callback", params=answer)
    response = await browser.get("/callback", params=answer)
    assert "This sign-in was not started in this browser" in response.text


@pytest.mark.parametrize("iss", [None, "http://elsewhere.test"])
async def test_an_answer_from_another_issuer_is_refused(
    browser: httpx.AsyncClient, provider: FakeProvider, iss: str | None
) -> None:
    answer = await start(browser, provider)
    answer.pop("iss")
    response = await browser.get("/callback", params=answer | ({"iss": iss} if iss else {}))
    assert response.status_code == 400
    assert "does not come from the provider that was asked" in response.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "another"}, "its nonce is another one"),
        ({"nonce": None}, "it lacks nonce"),
        ({"aud": "somebody-else"}, "it was made for somebody else"),
        ({"aud": ["demo", "other"]}, "it was issued to another app"),
        ({"iss": "http://elsewhere.test"}, "it comes from another issuer"),
        ({"exp": 1_000_000_000}, "it has expired"),
        ({"at_hash": "another"}, "it does not belong to the access token"),
    ],
)
async def test_a_wrong_id_token_is_refused(
    browser: httpx.AsyncClient, provider: FakeProvider, changes: dict[str, Any], reason: str
) -> None:
    provider.id_token_changes = changes
    response = await browser.get("/callback", params=await start(browser, provider))
    assert response.status_code == 400
    assert reason in response.text
    assert (await browser.get("/dashboard")).status_code == 303


async def test_an_id_token_signed_by_a_stranger_is_refused(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    await sign_in(browser, provider)
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    response = await browser.get("/callback", params=await start(browser, provider))
    assert "its signature does not verify" in response.text


async def test_the_resource_accepts_an_access_token(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    await sign_in(browser, provider)
    await press(browser, "/call-resource", token="access_token")
    assert "The resource opened" in (await browser.get("/dashboard")).text


async def test_the_resource_rejects_an_id_token(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    await sign_in(browser, provider)
    await press(browser, "/call-resource", token="id_token")
    page = await browser.get("/dashboard")
    assert "The resource refused" in page.text
    assert "it is not of type at+jwt" in page.text


@pytest.mark.parametrize(
    ("changes", "status_code", "error"),
    [
        ({"aud": "http://other-api.test"}, 401, "invalid_token"),
        ({"exp": 1_000_000_000}, 401, "invalid_token"),
        ({"iss": "http://elsewhere.test"}, 401, "invalid_token"),
        ({"scope": "openid"}, 403, "insufficient_scope"),
    ],
)
async def test_the_resource_rejects_a_wrong_access_token(
    browser: httpx.AsyncClient, provider: FakeProvider, changes: dict[str, Any], status_code: int, error: str
) -> None:
    token = provider.access_token(**changes)
    response = await browser.get("/resource", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == status_code
    assert f'error="{error}"' in response.headers["www-authenticate"]


async def test_the_resource_asks_for_a_token(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/resource")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer realm=")
    assert "error=" not in response.headers["www-authenticate"]


async def test_refreshing_shows_what_changed(browser: httpx.AsyncClient, provider: FakeProvider) -> None:
    await sign_in(browser, provider)
    await press(browser, "/refresh")
    page = (await browser.get("/dashboard")).text
    assert "Tokens refreshed" in page
    assert "The refresh token was rotated" in page
    assert provider.refreshes == 1


async def test_a_refreshed_id_token_about_another_person_is_refused(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    await sign_in(browser, provider)
    provider.id_token_changes = {"sub": "eve"}
    assert "it is about another person" in (await press(browser, "/refresh")).text


async def test_an_error_from_the_provider_is_a_sentence(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    answer = await start(browser, provider, "?prompt=none")
    del answer["code"]
    response = await browser.get(
        "/callback", params=answer | {"error": "login_required", "error_description": "<b>Sign in</b> first"}
    )
    assert response.status_code == 400
    assert "You are not signed in at the provider" in response.text
    assert "&lt;b&gt;Sign in&lt;/b&gt; first." in response.text


async def test_an_error_of_the_token_endpoint_is_a_sentence(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    provider.token_error = {"error": "invalid_grant", "error_description": "spent"}
    response = await browser.get("/callback", params=await start(browser, provider))
    assert "no longer accepts this code or refresh token" in response.text


async def test_an_unreachable_provider_is_a_sentence(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    provider.reachable = False
    response = await browser.get("/login")
    assert response.status_code == 502
    assert f"The provider at {ISSUER} cannot be reached." in response.text
    assert "Traceback" not in response.text


async def test_signing_out_ends_here_and_goes_to_the_provider(
    browser: httpx.AsyncClient, provider: FakeProvider
) -> None:
    await sign_in(browser, provider)
    response = await press(browser, "/logout")
    target = urlsplit(response.headers["location"])
    query = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{ISSUER}/end_session"
    assert query["post_logout_redirect_uri"] == [f"{APP}/"]
    assert "id_token_hint" in query
    assert (await browser.get("/dashboard")).status_code == 303
    assert "You are signed out" in (await browser.get("/", params={"state": query["state"][0]})).text


@pytest.mark.parametrize("path", ["/refresh", "/call-resource", "/logout"])
async def test_a_form_without_its_csrf_token_changes_nothing(
    browser: httpx.AsyncClient, provider: FakeProvider, path: str
) -> None:
    await sign_in(browser, provider)
    response = await browser.post(path, data={"csrf_token": "guessed"})
    assert response.status_code == 400
    assert provider.refreshes == 0
    assert (await browser.get("/dashboard")).status_code == 200
