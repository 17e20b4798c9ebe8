"""Browser sessions and the cookies that carry them."""

import httpx
import pytest

from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    callback_of,
    the_form,
)

DAY = 86_400


def set_cookies(*responses: httpx.Response) -> dict[str, str]:
    """The Set-Cookie headers of some responses, by the cookie's name."""
    headers = [h for response in responses for h in response.headers.get_list("set-cookie")]
    return {header.partition("=")[0]: header for header in headers}


async def is_signed_in(browser: Browser) -> bool:
    page = await browser.get("/account")
    return page.url.path == "/account"


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "https://id.example.com/auth"])
async def test_cookies_are_out_of_reach_of_scripts_other_hosts_and_plain_http(
    make_provider: MakeProvider, issuer: str
) -> None:
    provider = await make_provider(issuer=issuer)
    await provider.create_user()
    browser = await provider.browser()
    page = await browser.get("/login", follow=False)
    done = await browser.post(
        "/login", {**the_form(page).fields, "email": EMAIL, "password": PASSWORD}, follow=False
    )
    cookies = set_cookies(page, done)
    prefix = "__Host-" if provider.settings.secure else ""
    assert cookies.keys() == {f"{prefix}idp_browser", f"{prefix}idp_session"}
    for header in cookies.values():
        attributes = {part.strip().lower() for part in header.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert ("secure" in attributes) is provider.settings.secure
        assert "domain" not in header.lower()


async def test_a_sign_in_renews_the_session_and_ends_the_one_before(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    """Keycloak CVE-2026-7507: a session fixed before the sign-in."""
    await browser.log_in()
    before = browser.cookies["idp_session"]
    await relying_party.sign_in(browser, prompt="login")
    assert browser.cookies["idp_session"] != before
    other_browser.client.cookies.set("idp_session", before, domain="localhost.local", path="/")
    assert not await is_signed_in(other_browser)


async def test_a_planted_session_token_never_becomes_a_session(browser: Browser, person: object) -> None:
    """Keycloak CVE-2026-7507: login-session fixation."""
    browser.client.cookies.set("idp_session", "planted", domain="localhost.local", path="/")
    assert not await is_signed_in(browser)
    page = await browser.get("/login")
    await browser.submit(page, email=EMAIL, password=PASSWORD)
    values = {cookie.value for cookie in browser.client.cookies.jar if cookie.name == "idp_session"}
    assert values != {"planted"}


async def test_a_session_ends_when_it_is_not_used(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    await browser.log_in()
    for _ in range(3):  # used every five days, it lives on
        provider.clock.advance(5 * DAY)
        assert await is_signed_in(browser)
    provider.clock.advance(7 * DAY)
    assert not await is_signed_in(browser)


async def test_a_session_ends_after_its_time_however_much_it_is_used(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    await browser.log_in()
    for _ in range(5):
        provider.clock.advance(5 * DAY)
        assert await is_signed_in(browser)
    provider.clock.advance(5 * DAY)
    assert not await is_signed_in(browser)


async def test_the_session_of_a_disabled_account_is_worth_nothing(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    await relying_party.sign_in(browser)
    user = await provider.parts.accounts.find(EMAIL)
    assert user is not None
    await provider.parts.accounts.disable(user.id)
    answer = callback_of(await browser.get(relying_party.authorization_url(prompt="none")))
    assert answer["error"] == "login_required"
    assert (await browser.log_in()).status_code == 401


async def test_the_session_id_in_tokens_is_not_the_cookie(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    claims = await relying_party.id_claims(await relying_party.tokens(browser))
    other_browser.client.cookies.set("idp_session", claims["sid"], domain="localhost.local", path="/")
    assert not await is_signed_in(other_browser)


async def test_two_apps_in_one_browser_share_the_session(
    provider: RunningProvider, relying_party: RelyingParty, browser: Browser
) -> None:
    second = await provider.relying_party(client_name="Second")
    first_claims = await relying_party.id_claims(await relying_party.tokens(browser))
    second_claims = await second.id_claims(await second.tokens(browser))
    assert first_claims["sid"] == second_claims["sid"]
