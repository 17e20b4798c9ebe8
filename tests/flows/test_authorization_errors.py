"""Requests that cannot be accepted: who is told, and that nobody is sent where they should not go."""

import pytest

from tests.support.provider import (
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    callback_of,
    redirected_to,
)

UNPROVEN = [
    {"client_id": None},
    {"client_id": "unknown"},
    {"client_id": "\x00"},
    {"redirect_uri": None},
    {"redirect_uri": "https://evil.example/callback"},
]

LOOKALIKES = [
    "https://appXexample/callback",
    "https://app.example@evil.example/callback",
    "https://user:pw@app.example/callback",
    "https://app.example/callback/more",
    "https://app.example/callback/",
    "https://app.example/callback?x=1",
    "https://app.example/callback#x",
    "https://app.example/Callback",
    "https://APP.EXAMPLE/callback",
    "http://app.example/callback",
    "https://app.example:8443/callback",
    "https://app.example/callback/../evil",
    "//app.example/callback",
    "/callback",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://app.example/callback\r\nLocation: https://evil.example",
]


@pytest.mark.parametrize("change", UNPROVEN, ids=str)
async def test_until_the_redirect_uri_is_proven_the_person_is_told_on_a_page(
    relying_party: RelyingParty, browser: Browser, change: dict[str, str | None]
) -> None:
    page = await browser.get(relying_party.authorization_url(**change))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "text/html" in page.headers["content-type"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("uri", LOOKALIKES)
async def test_nobody_is_sent_to_a_lookalike_of_a_redirect_uri(
    relying_party: RelyingParty, browser: Browser, uri: str
) -> None:
    """authentik CVE-2024-52289: patterns and near matches."""
    for prompt in (None, "none"):
        page = await browser.get(relying_party.authorization_url(redirect_uri=uri, prompt=prompt))
        assert page.status_code == 400
        assert "location" not in page.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None, "nonce": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://app.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"scope": "x" * 5_000}, "invalid_scope"),
        ({"nonce": "x" * 5_000}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_behind_a_proven_redirect_uri_the_client_is_told(
    relying_party: RelyingParty, browser: Browser, change: dict[str, str | None], error: str
) -> None:
    """Keycloak CVE-2026-4634: very long parameters, among others."""
    response = await browser.get(relying_party.authorization_url(**change))
    assert response.status_code == 303
    assert redirected_to(response) == relying_party.redirect_uri
    answer = callback_of(response)
    assert answer["error"] == error
    assert (answer["state"], answer["iss"]) == (relying_party.state, relying_party.provider.issuer)


@pytest.mark.parametrize("name", ["scope", "state", "unheard_of"])
async def test_fifty_kilobytes_of_a_parameter_are_refused_before_they_are_read(
    relying_party: RelyingParty, browser: Browser, name: str
) -> None:
    """Keycloak CVE-2026-4634: a 50 kB scope."""
    by_get = await browser.get(relying_party.authorization_url(**{name: "x" * 50_000}))
    by_post = await browser.post("/authorize", relying_party.parameters(**{name: "x" * 50_000}))
    assert (by_get.status_code, by_post.status_code) == (414, 413)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS"])
async def test_what_is_neither_get_nor_post_is_told_of_both(provider: RunningProvider, method: str) -> None:
    """RFC 9110 §15.5.6."""
    answer = await provider.http(method, "/authorize")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


async def test_a_repeated_parameter_is_refused(relying_party: RelyingParty, browser: Browser) -> None:
    url = relying_party.authorization_url()
    answer = callback_of(await browser.get(url + "&scope=openid"))
    assert answer["error"] == "invalid_request"
    for name, value in (("redirect_uri", "https://evil.example/"), ("client_id", "x")):
        for page in (
            await browser.get(f"{url}&{name}={value}"),
            await browser.get(url.replace("?", f"?{name}={value}&")),
        ):
            assert page.status_code == 400
            assert "location" not in page.headers


async def test_a_public_client_cannot_leave_pkce_out(public_app: RelyingParty, browser: Browser) -> None:
    """authentik CVE-2024-23647: PKCE skipped when the challenge is left out."""
    url = public_app.authorization_url(code_challenge=None, code_challenge_method=None)
    assert callback_of(await browser.get(url))["error"] == "invalid_request"


@pytest.mark.parametrize("dev", [True, False])
async def test_only_in_development_the_page_shows_which_redirect_uri_was_sent_and_which_are_registered(
    make_provider: MakeProvider, dev: bool
) -> None:
    provider = await make_provider(dev=dev)
    app, browser = await provider.relying_party(), await provider.browser()
    page = await browser.get(app.authorization_url(redirect_uri="https://app.example/other"))
    assert ("https://app.example/other" in page.text) is dev
    assert (app.redirect_uri in page.text) is dev
    assert "error number" in page.text


async def test_what_was_sent_cannot_write_into_the_page(make_provider: MakeProvider) -> None:
    provider = await make_provider(dev=True)
    app, browser = await provider.relying_party(), await provider.browser()
    page = await browser.get(app.authorization_url(redirect_uri="https://x/<script>alert(1)</script>"))
    assert page.status_code == 400
    assert "<script>alert" not in page.text


async def test_a_client_that_was_disabled_is_unknown(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    url = relying_party.authorization_url()
    page = await browser.get(url)
    async with provider.database.unit_of_work() as uow:
        record = await uow.clients.get(relying_party.client_id)
        assert record is not None
        record.disabled_at = provider.clock.now()
        await uow.clients.save(record)
    provider.clock.advance(10)
    assert (await browser.get(url)).status_code == 400
    late = await browser.submit(page, email="alice@example.com", password="correct horse battery staple")
    assert late.status_code == 400
    assert "no longer known" in late.text
