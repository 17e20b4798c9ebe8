"""What a client gets back from /authorize: where, in which form, with what."""

import json
import re
from html import unescape

import pytest

from tests.support.provider import (
    EMAIL,
    PASSWORD,
    STANDARD_SCOPE,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    callback_of,
    redirected_to,
    the_form,
)

MODES = ("query", "fragment", "form_post")


@pytest.mark.parametrize("mode", MODES)
async def test_the_code_comes_back_in_the_mode_asked_for_with_state_and_issuer(
    relying_party: RelyingParty, browser: Browser, mode: str
) -> None:
    answer = await relying_party.sign_in(browser, response_mode=mode)
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["state"] == relying_party.state
    assert answer["iss"] == relying_party.provider.issuer  # RFC 9207 §2
    assert (await relying_party.redeem(answer["code"])).status_code == 200


@pytest.mark.parametrize("mode", MODES)
async def test_an_error_comes_back_in_the_mode_asked_for_with_state_and_issuer(
    relying_party: RelyingParty, browser: Browser, mode: str
) -> None:
    answer = callback_of(
        await browser.get(relying_party.authorization_url(response_mode=mode, prompt="none"))
    )
    assert answer.pop("error_description")
    assert answer == {
        "error": "login_required",
        "state": relying_party.state,
        "iss": relying_party.provider.issuer,
    }


@pytest.mark.parametrize("mode", ["query", "fragment"])
async def test_a_redirect_is_303_and_kept_by_nobody(
    relying_party: RelyingParty, browser: Browser, mode: str
) -> None:
    """RFC 9700 §4.12: 303, so that a form is never posted on to the client."""
    page = await browser.get(relying_party.authorization_url(response_mode=mode))
    response = await relying_party.answer(browser, page)
    assert response.status_code == 303
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert redirected_to(response) == relying_party.redirect_uri


async def test_the_form_that_posts_itself_leads_to_the_redirect_uri_and_nowhere_else(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url(response_mode="form_post", prompt="none"))
    form = the_form(page)
    assert (form.action, form.method, form.buttons) == (relying_party.redirect_uri, "post", [])
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "https://app.example" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "state", [" ", "a b+c%20", "ü€𝄞", "<script>", '"&=;#?/', "x" * 4000, "%00", "\x00\r\n", "None", "\u202e"]
)
@pytest.mark.parametrize("mode", MODES)
async def test_the_state_comes_back_letter_by_letter(
    relying_party: RelyingParty, browser: Browser, state: str, mode: str
) -> None:
    url = relying_party.authorization_url(state=state, prompt="none", response_mode=mode)
    page = await browser.get(url)
    if mode == "form_post" and set(state) & set("\x00\r"):
        # HTML cannot hold these two; all else must be the same.
        return_state = the_form(page).fields["state"]
        assert return_state.strip("\x00\r\n\ufffd") == ""
        return
    assert callback_of(page)["state"] == state


async def test_without_a_state_none_comes_back(relying_party: RelyingParty, browser: Browser) -> None:
    assert "state" not in await relying_party.sign_in(browser, state=None)


async def test_the_query_of_a_redirect_uri_is_kept(provider: RunningProvider, browser: Browser) -> None:
    app = await provider.relying_party(redirect_uris=("https://app.example/cb?tenant=1",))
    answer = callback_of(await browser.get(app.authorization_url(prompt="none")))
    assert (answer["tenant"], answer["error"]) == ("1", "login_required")


async def test_a_native_app_is_answered_at_its_own_scheme_and_at_any_loopback_port(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    app = await provider.relying_party(
        public=True, redirect_uris=("com.example.app:/cb", "http://127.0.0.1/cb")
    )
    for uri in ("com.example.app:/cb", "http://127.0.0.1:51004/cb"):
        app.redirect_uri = uri
        page = await app.answer(browser, await browser.get(app.authorization_url()))
        assert redirected_to(page) == uri
        assert (await app.redeem(callback_of(page)["code"])).status_code == 200


async def test_a_posted_request_goes_the_same_way(relying_party: RelyingParty, browser: Browser) -> None:
    page = await browser.post("/authorize", relying_party.parameters())
    answer = callback_of(await relying_party.answer(browser, page))
    assert (await relying_party.redeem(answer["code"])).status_code == 200
    again = await browser.post("/authorize", relying_party.parameters(), follow=False)
    assert again.status_code == 303
    assert redirected_to(again).endswith("/authorize")


async def test_a_post_that_is_no_form_is_refused_on_a_page(provider: RunningProvider) -> None:
    response = await provider.http("POST", "/authorize", json={"client_id": "x"})
    assert response.status_code == 400
    assert "text/html" in response.headers["content-type"]


async def test_unknown_parameters_change_nothing(relying_party: RelyingParty, browser: Browser) -> None:
    extra = {"vendor": "1", "ui_locales": "xx de", "display": "hologram", "acr_values": "gold silver"}
    assert "code" in await relying_party.sign_in(browser, **extra)


async def test_claims_asked_for_one_by_one_appear_where_they_were_asked_for(
    relying_party: RelyingParty, browser: Browser
) -> None:
    claims = {"id_token": {"email": None, "acr": None}, "userinfo": {"name": {"essential": True}}}
    tokens = await relying_party.tokens(browser, scope="openid", claims=json.dumps(claims))
    id_claims = await relying_party.id_claims(tokens)
    userinfo = (await relying_party.userinfo(tokens["access_token"])).json()
    assert (id_claims["email"], "name" in id_claims) == ("alice@example.com", False)
    assert (userinfo["name"], "email" in userinfo) == ("Alice Example", False)


async def test_the_id_token_says_how_when_and_in_which_session_the_person_signed_in(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser, acr_values="gold", scope=STANDARD_SCOPE)
    claims = await relying_party.id_claims(tokens)
    assert claims["auth_time"] == relying_party.provider.clock.now()
    assert claims["amr"] == ["pwd"]
    assert claims["sid"]
    assert claims["acr"] != "gold"


@pytest.mark.parametrize("issuer", ["https://id.example.com", "https://id.example.com/auth"])
async def test_an_https_issuer_with_or_without_a_path_works_the_same(
    make_provider: MakeProvider, issuer: str
) -> None:
    provider = await make_provider(issuer=issuer)
    await provider.create_user()
    app, browser = await provider.relying_party(), await provider.browser()
    answer = await app.sign_in(browser)
    assert answer["iss"] == issuer
    tokens = (await app.redeem(answer["code"])).json()
    claims = await app.id_claims(tokens)
    assert (await app.userinfo(tokens["access_token"])).json()["sub"] == claims["sub"]
    assert "code" in await app.sign_in(browser, prompt="none")


async def test_a_browser_goes_on_by_a_page_after_a_form_and_a_program_by_a_redirect(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    navigating = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    browser.client.headers.update(navigating)
    page = await browser.submit(page, email=EMAIL, password=PASSWORD)
    if "decision" in page.text:
        page = await browser.submit(page, decision="allow")
    assert (page.status_code, page.url.path) == (200, "/authorize/resume")
    target = re.search(r'content="0; url=([^"]+)"', page.text)
    assert target is not None
    assert unescape(target[1]).startswith(f"{relying_party.redirect_uri}?code=")
    assert page.headers["cache-control"] == "no-store"
    silent = await browser.get(relying_party.authorization_url(prompt="none"))
    assert "code" in callback_of(silent)  # no form came before: a redirect as ever
