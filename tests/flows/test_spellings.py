"""Protocol URLs as apps spell them, and cookies beside another provider on the same host."""

import pytest

from idp.storage.models import User
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "https://id.example.com/auth"])
async def test_a_slash_too_many_in_a_protocol_url_does_no_harm(
    make_provider: MakeProvider, issuer: str
) -> None:
    """An app whose issuer ends in a slash asks for `//token`."""
    provider = await make_provider(issuer=issuer)
    app = await provider.relying_party(
        grant_types=("client_credentials",), scopes=("read",), redirect_uris=()
    )
    for path in ("//token", "/token/", "//token//"):
        answer = await app.post(path, {"grant_type": "client_credentials"})
        assert answer.json()["token_type"] == "Bearer"
    for path in (
        "//.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "//jwks",
        "/jwks/",
    ):
        response = await provider.http("GET", path)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"


async def test_other_addresses_have_one_spelling(provider: RunningProvider) -> None:
    for path in ("//login", "/login/", "/account//profile", "/token/x", "/tokens", "/static//page.css"):
        assert (await provider.http("GET", path)).status_code == 404


async def test_a_sign_in_begins_at_the_other_spelling_too(
    provider: RunningProvider, person: User, browser: Browser, relying_party: RelyingParty
) -> None:
    page = await browser.get(relying_party.authorization_url().replace("/authorize", "//authorize/"))
    assert "password" in page.text


async def test_two_providers_on_one_host_do_not_sign_each_other_out(make_provider: MakeProvider) -> None:
    """A browser sends a cookie to every port of its host (RFC 6265 §8.5)."""
    names = []
    for port in (8000, 8001, 8443):
        scheme = "https" if port == 8443 else "http"
        provider = await make_provider(issuer=f"{scheme}://localhost:{port}")
        await provider.create_user()
        browser = await provider.browser()
        await browser.log_in(EMAIL, PASSWORD)
        names.append({cookie.name for cookie in browser.client.cookies.jar})
    assert names == [
        {"idp_browser", "idp_session"},
        {"idp_browser_8001", "idp_session_8001"},
        {"__Host-idp_browser_8443", "__Host-idp_session_8443"},
    ]
