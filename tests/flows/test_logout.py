"""Signing out (OIDC RP-Initiated Logout 1.0)."""

from typing import Any

import httpx
import pytest

from tests.support.provider import (
    SIGNED_OUT,
    Browser,
    RelyingParty,
    RunningProvider,
    callback_of,
    forms,
    redirected_to,
    the_form,
)


async def log_out(browser: Browser, **parameters: str) -> httpx.Response:
    return await browser.get("/end_session", params=parameters)


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).url.path == "/account"


def asks(page: httpx.Response) -> bool:
    return page.status_code == 200 and any(("decision", "yes") in form.buttons for form in forms(page))


@pytest.fixture
async def tokens(relying_party: RelyingParty, browser: Browser) -> dict[str, Any]:
    """Alice is signed in to the app at `browser`."""
    return await relying_party.tokens(browser)


async def test_with_a_hint_for_this_session_the_app_speaks_for_the_person(
    browser: Browser, tokens: dict[str, Any]
) -> None:
    response = await log_out(
        browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="a b&ü"
    )
    assert redirected_to(response) == SIGNED_OUT
    assert callback_of(response) == {"state": "a b&ü"}
    assert not await is_signed_in(browser)


async def test_a_posted_request_is_taken_too(browser: Browser, tokens: dict[str, Any]) -> None:
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
    assert (await browser.post("/end_session", fields)).headers["location"] == SIGNED_OUT
    assert not await is_signed_in(browser)


async def test_a_request_posted_by_another_site_reaches_the_session_though_no_cookie_comes_with_it(
    provider: RunningProvider, browser: Browser, tokens: dict[str, Any]
) -> None:
    """§2 wants POST; our cookies are SameSite=Lax."""
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
    answer = await provider.http("POST", "/end_session", data=fields)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    assert (await browser.get(answer.headers["location"])).headers["location"] == SIGNED_OUT
    assert not await is_signed_in(browser)


async def test_a_posted_request_that_is_too_long_is_refused(browser: Browser, tokens: dict[str, Any]) -> None:
    answer = await browser.post("/end_session", {"id_token_hint": tokens["id_token"], "state": "x" * 20_000})
    assert answer.status_code == 413
    assert await is_signed_in(browser)


async def test_who_only_looks_is_not_signed_out(browser: Browser, tokens: dict[str, Any]) -> None:
    answer = await browser.client.head(
        browser.provider.url("/end_session"), params={"id_token_hint": tokens["id_token"]}
    )
    assert answer.status_code == 405
    assert await is_signed_in(browser)


async def test_an_expired_hint_is_good_enough(
    provider: RunningProvider, browser: Browser, tokens: dict[str, Any]
) -> None:
    provider.clock.advance(2 * 3600)
    assert "You are signed out" in (await log_out(browser, id_token_hint=tokens["id_token"])).text
    assert not await is_signed_in(browser)


async def test_without_a_hint_the_person_is_asked(
    relying_party: RelyingParty, browser: Browser, tokens: dict[str, Any]
) -> None:
    page = await log_out(
        browser, client_id=relying_party.client_id, post_logout_redirect_uri=SIGNED_OUT, state="s"
    )
    assert asks(page)
    assert await is_signed_in(browser)
    response = await browser.submit(page, decision="yes")
    assert response.headers["location"] == f"{SIGNED_OUT}?state=s"
    assert not await is_signed_in(browser)


async def test_who_wants_to_stay_stays(browser: Browser, tokens: dict[str, Any]) -> None:
    page = await log_out(browser)
    assert (await browser.submit(page, decision="no")).url.path == "/account"
    assert await is_signed_in(browser)


async def test_a_hint_of_an_earlier_session_does_not_end_this_one(
    browser: Browser, tokens: dict[str, Any], relying_party: RelyingParty
) -> None:
    """Dex #4945: a hint that could be replayed for ever."""
    await relying_party.sign_in(browser, prompt="login")
    assert asks(await log_out(browser, id_token_hint=tokens["id_token"]))
    assert await is_signed_in(browser)


async def test_a_hint_of_another_person_does_not_end_this_session(
    provider: RunningProvider, relying_party: RelyingParty, other_browser: Browser, tokens: dict[str, Any]
) -> None:
    await provider.create_user("bob@example.com")
    await other_browser.log_in("bob@example.com")
    assert asks(await log_out(other_browser, id_token_hint=tokens["id_token"]))
    assert await is_signed_in(other_browser)


async def test_signing_out_touches_one_session(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser, tokens: dict[str, Any]
) -> None:
    """Dex #4945: signing out took every client's tokens."""
    elsewhere = await relying_party.tokens(other_browser)
    await log_out(browser, id_token_hint=tokens["id_token"])
    assert await is_signed_in(other_browser)
    assert (await relying_party.refresh(elsewhere["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("scope", "ends", "survives"),
    [
        ("openid", True, False),
        ("openid offline_access", True, True),
        ("openid", False, True),
    ],
)
async def test_what_was_granted_ends_as_the_client_and_offline_access_say(
    provider: RunningProvider, browser: Browser, person: object, scope: str, ends: bool, survives: bool
) -> None:
    app = await provider.relying_party(end_grants_on_logout=ends)
    tokens = await app.tokens(browser, scope=scope)
    await log_out(browser, id_token_hint=tokens["id_token"])
    assert ((await app.refresh(tokens["refresh_token"])).status_code == 200) is survives


@pytest.mark.parametrize(
    "uri",
    ["https://evil.example/", SIGNED_OUT + "/", SIGNED_OUT + "?x=1", "https://app.example/callback", "//x"],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browser: Browser, tokens: dict[str, Any], uri: str
) -> None:
    response = await log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri)
    assert response.status_code == 400
    assert "location" not in response.headers
    assert await is_signed_in(browser)


@pytest.mark.parametrize(
    "request_of_the_app",
    [
        {"post_logout_redirect_uri": "https://app.example.com/nowhere"},
        {"id_token_hint": "broken"},
        {"client_id": "unknown"},
    ],
)
async def test_a_request_that_is_not_in_order_still_lets_the_person_sign_out(
    browser: Browser, tokens: dict[str, Any], request_of_the_app: dict[str, str]
) -> None:
    page = await log_out(browser, **request_of_the_app)
    assert page.status_code == 400
    assert ("decision", "yes") in the_form(page).buttons
    assert "a mistake in" in page.text
    response = await browser.submit(page, follow=False, decision="yes")
    assert response.status_code == 200  # and nobody is sent anywhere
    assert "You are signed out" in response.text
    assert not await is_signed_in(browser)
    again = await log_out(browser, **request_of_the_app)
    assert again.status_code == 400
    assert "You are signed out" in again.text


async def test_an_address_needs_a_client_that_it_belongs_to(browser: Browser, tokens: dict[str, Any]) -> None:
    assert (await log_out(browser, post_logout_redirect_uri=SIGNED_OUT)).status_code == 400


async def test_hint_and_client_id_must_name_one_client(
    provider: RunningProvider, browser: Browser, tokens: dict[str, Any]
) -> None:
    other = await provider.relying_party()
    for client_id in (other.client_id, "unknown", "\x00"):
        response = await log_out(browser, id_token_hint=tokens["id_token"], client_id=client_id)
        assert response.status_code == 400
    assert await is_signed_in(browser)


async def test_what_is_no_id_token_is_no_hint(browser: Browser, tokens: dict[str, Any]) -> None:
    head, body, _ = tokens["id_token"].split(".")
    for hint in ("garbage", f"{head}.{body}.", tokens["access_token"]):
        assert (await log_out(browser, id_token_hint=hint)).status_code == 400
    assert await is_signed_in(browser)


async def test_the_question_is_answered_once_and_by_the_browser_it_was_asked_in(
    browser: Browser, other_browser: Browser, tokens: dict[str, Any], relying_party: RelyingParty
) -> None:
    page = await log_out(browser)
    await other_browser.log_in()
    assert (await other_browser.submit(page, decision="yes")).status_code == 400
    assert await is_signed_in(other_browser)
    await browser.submit(page, decision="yes")
    await relying_party.sign_in(browser)
    assert (await browser.submit(page, decision="yes")).status_code == 400
    assert await is_signed_in(browser)


async def test_an_empty_post_asks_and_ends_nothing(browser: Browser, tokens: dict[str, Any]) -> None:
    """authentik CVE-2026-49443: an empty post."""
    assert asks(await browser.post("/end_session", {"x": ""}))
    assert (await browser.post("/end_session", {"decision": "yes", "csrf_token": "x"})).status_code == 400
    assert await is_signed_in(browser)


async def test_who_is_signed_out_already_is_sent_on(browser: Browser, relying_party: RelyingParty) -> None:
    response = await log_out(browser, client_id=relying_party.client_id, post_logout_redirect_uri=SIGNED_OUT)
    assert response.headers["location"] == SIGNED_OUT


async def test_from_the_account_page_one_click_signs_out(browser: Browser, tokens: dict[str, Any]) -> None:
    page = await browser.submit(await browser.get("/account"), decision="yes")
    assert "You are signed out" in page.text
    assert not await is_signed_in(browser)
