"""Transactions seen from outside: two tabs, other browsers, late and repeated steps."""

import asyncio

import httpx
import pytest
from sqlalchemy import select

from idp.storage.models import EphemeralEntry
from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    RelyingParty,
    RunningProvider,
    callback_of,
    the_form,
)


async def test_two_tabs_are_two_sign_ins(relying_party: RelyingParty, browser: Browser) -> None:
    urls, states = [], []
    for _ in range(2):
        urls.append(relying_party.authorization_url())
        states.append(relying_party.state)
    first, second = [await browser.get(url) for url in urls]
    # The second tab finishes first; the first one, still open, then has nothing left to ask.
    for page, state in ((second, states[1]), (first, states[0])):
        answer = callback_of(await relying_party.answer(browser, page))
        assert answer["state"] == state
        assert answer["code"]


async def test_a_transaction_is_worth_nothing_in_another_browser(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    """Dex CVE-2022-39222, Keycloak CVE-2026-7507: a flow URL replayed elsewhere."""
    page = await browser.get(relying_party.authorization_url())
    tx = the_form(page).fields["tx"]
    await other_browser.log_in()
    for path in ("/login", "/consent", "/authorize/resume"):
        stolen = await other_browser.get(f"{path}?tx={tx}")
        assert stolen.status_code == 400
        assert "location" not in stolen.headers
    posted = await other_browser.post(
        "/login", the_form(page).fields | {"email": EMAIL, "password": PASSWORD}
    )
    assert posted.status_code == 400
    assert "code" in callback_of(await relying_party.answer(browser, page))


async def test_a_sign_in_that_is_all_proven_cannot_be_finished_from_another_browser(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    """Dex CVE-2022-39222: the code could be had by whoever knew the request's id."""
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url())
    resume = (await browser.submit(page, decision="allow", follow=False)).headers["location"]
    stolen = await other_browser.get("http://localhost:8000" + resume)
    assert stolen.status_code == 400
    assert "code" in callback_of(await browser.get(resume))


async def test_without_its_cookie_a_browser_is_told_to_allow_cookies(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    browser.client.cookies.clear()
    shown = await browser.get(str(page.url))
    posted = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert (shown.status_code, posted.status_code) == (400, 400)
    assert "Allow cookies" in shown.text
    assert "Allow cookies" in posted.text
    assert "idp_session" not in browser.cookies


async def test_a_sign_in_expires(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    provider.clock.advance(provider.settings.sessions.transaction_ttl + 1)
    late = await browser.submit(page, email=EMAIL, password=PASSWORD)
    assert late.status_code == 400
    assert "expired" in late.text
    assert "idp_session" not in browser.cookies


async def test_of_twenty_who_finish_at_once_one_gets_a_code(
    relying_party: RelyingParty, browser: Browser
) -> None:
    await browser.log_in()
    page = await browser.get(relying_party.authorization_url())
    resume = (await browser.submit(page, decision="allow", follow=False)).headers["location"]
    answers: list[httpx.Response] = await asyncio.gather(
        *(browser.get(resume, follow=False) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 19
    assert (await browser.get(resume)).status_code == 400


async def test_a_login_posted_twice_goes_on_where_the_first_one_led(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    first = await browser.submit(page, email=EMAIL, password=PASSWORD)
    session = browser.cookies["idp_session"]
    second = await browser.submit(page, email=EMAIL, password="wrong")
    assert str(first.url) == str(second.url)
    assert browser.cookies["idp_session"] == session


async def test_consent_cannot_be_reached_by_its_address_before_its_turn(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    tx = the_form(page).fields["tx"]
    for path in ("/consent", "/authorize/resume"):
        again = await browser.get(f"{path}?tx={tx}")
        assert again.url.path == "/login"


@pytest.mark.parametrize("tx", ["", "made-up", "\x00", "x" * 5000, "ü"])
@pytest.mark.parametrize("path", ["/login", "/consent", "/authorize/resume"])
async def test_a_made_up_transaction_is_an_error_page(browser: Browser, path: str, tx: str) -> None:
    page = await browser.get(path, params={"tx": tx})
    assert page.status_code == 400
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/login", "/consent"])
async def test_a_form_without_a_token_of_this_browser_purpose_and_transaction_is_refused(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser, path: str
) -> None:
    """authentik CVE-2026-49443: an empty post skipped a stage."""
    page = await browser.get(relying_party.authorization_url())
    tx, cookie = the_form(page).fields["tx"], browser.cookies["idp_browser"]
    purpose, other = ("login", "consent") if path == "/login" else ("consent", "login")
    sign = provider.parts.edge.forms.token
    good = {"tx": tx, "email": EMAIL, "password": PASSWORD, "decision": "allow"}
    tokens = [None, "", "x", sign(cookie, other, tx), sign(cookie, purpose, None), sign("else", purpose, tx)]
    for token in tokens:
        fields = good | ({} if token is None else {"csrf_token": token})
        assert (await browser.post(path, fields)).status_code == 400
    assert (await browser.post(path, {})).status_code == 400
    assert "idp_session" not in browser.cookies


async def test_pages_that_are_only_opened_store_nothing(
    relying_party: RelyingParty, provider: RunningProvider, browser: Browser
) -> None:
    for url in (relying_party.authorization_url(), "/login", "/register", "/recover", "/account"):
        assert (await browser.get(url)).status_code == 200
    async with provider.database.reading() as uow:
        assert (await uow.session.scalars(select(EphemeralEntry))).all() == []


async def test_a_request_that_is_too_long_to_wait_in_a_url_is_refused_to_the_app(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(
        relying_party.authorization_url(state="x", nonce="n" * 100, login_hint="é" * 1400)
    )
    answer = callback_of(page)
    assert (answer["error"], answer["state"]) == ("invalid_request", "x")
    assert (await browser.get(relying_party.authorization_url(login_hint="é" * 1000))).status_code == 200
