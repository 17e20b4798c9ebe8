"""Who and what has access to an account: sessions, apps, a copy of everything, and the end of it."""

import json

import pytest

from idp.storage.models import User
from tests.support.console import press
from tests.support.provider import EMAIL, PASSWORD, Browser, MakeProvider, RelyingParty, RunningProvider
from tests.support.registering import NEW, NEW_PASSWORD, link_to, register, seen

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}


# Sessions -------------------------------------------------------------------------------------------------


async def test_a_session_ended_from_elsewhere_is_out_at_once(
    person: User, browser: Browser, other_browser: Browser
) -> None:
    other_browser.client.headers.update(FIREFOX)
    await other_browser.log_in()
    await browser.log_in()
    page = await browser.get("/account/sessions")
    assert "Firefox on Linux" in page.text
    assert "192.0.2.7" in page.text
    assert page.text.count("This browser") == 1
    page = await press(browser, page, decision="end")
    assert "That session has ended" in page.text
    assert (await other_browser.get("/account")).url.path == "/login"
    assert (await browser.get("/account")).url.path == "/account"


async def test_all_other_sessions_end_together(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    others = [await provider.browser(f"192.0.2.{number}") for number in range(3)]
    for other in others:
        await other.log_in()
    await browser.log_in()
    page = await press(browser, await browser.get("/account/sessions"), among=3, decision="others")
    assert "All other sessions have ended" in page.text
    assert {(await other.get("/account")).url.path for other in others} == {"/login"}
    assert (await browser.get("/account")).url.path == "/account"


async def test_nobody_ends_the_session_of_another_person(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    await provider.create_user(NEW, NEW_PASSWORD)
    await other_browser.log_in(NEW, NEW_PASSWORD)
    async with provider.database.reading() as uow:
        user = await uow.users.by_email_key(NEW)
        assert user is not None
        (theirs,) = await uow.sessions.page_of_user(user.id, None, 10)
    await browser.log_in()
    await (await provider.browser()).log_in()
    page = await browser.get("/account/sessions")
    assert (await press(browser, page, id=theirs.id, decision="end")).status_code == 404
    assert (await other_browser.get("/account")).url.path == "/account"


# Apps -----------------------------------------------------------------------------------------------------


async def test_an_app_is_listed_with_what_it_may_do_and_loses_it_at_once(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    page = await browser.get("/account/apps")
    assert "Example app" in page.text
    assert "See your email address" in page.text
    page = await press(browser, page)
    assert "No app has access" in page.text
    assert "These apps have access" not in page.text
    assert (await relying_party.refresh(tokens["refresh_token"])).status_code == 400
    introspected = await relying_party.post("/introspect", {"token": tokens["access_token"]})
    assert introspected.json() == {"active": False}
    assert (await browser.get(relying_party.authorization_url())).url.path == "/consent"


# Data -----------------------------------------------------------------------------------------------------


async def test_the_download_has_what_is_kept_and_no_secret(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    answer = await browser.submit(await browser.get("/account/data"))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    document = json.loads(answer.text)
    assert document["account"]["email"] == EMAIL
    assert [app["name"] for app in document["apps"]] == ["Example app"]
    assert any(event["name"] == "session.signed_in" for event in document["events"])
    for secret in (tokens["refresh_token"], browser.cookies[cookie(browser)], "argon2"):
        assert secret not in answer.text


# Deletion -------------------------------------------------------------------------------------------------


def cookie(browser: Browser) -> str:
    return browser.provider.parts.edge.cookies.session_name


async def delete(browser: Browser) -> None:
    page = await browser.submit(await browser.get("/account/delete"), confirmation=EMAIL)
    assert "Your account is deleted" in page.text


async def test_a_deleted_account_has_no_session_and_its_tokens_are_dead(
    relying_party: RelyingParty, browser: Browser, other_browser: Browser
) -> None:
    tokens = await relying_party.tokens(other_browser)
    await browser.log_in()
    await delete(browser)
    assert cookie(browser) not in browser.cookies
    assert (await other_browser.get("/account")).url.path == "/login"
    assert (await relying_party.refresh(tokens["refresh_token"])).status_code == 400
    assert (await relying_party.userinfo(tokens["access_token"])).status_code == 401
    introspected = await relying_party.post("/introspect", {"token": tokens["access_token"]})
    assert introspected.json() == {"active": False}


async def test_only_the_right_password_of_a_deleted_account_says_that_it_is_deleted(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    before = await (await provider.browser()).log_in(EMAIL, "not the password")
    await delete(browser)
    wrong = await (await provider.browser()).log_in(EMAIL, "not the password")
    assert seen(wrong, EMAIL) == seen(before, EMAIL)
    right = await (await provider.browser()).log_in()
    assert right.status_code == 401
    assert "deleted by its owner" in right.text


async def test_a_deleted_account_comes_back_by_the_link_of_the_mail(
    provider: RunningProvider, person: User, browser: Browser, other_browser: Browser
) -> None:
    await browser.log_in()
    await delete(browser)
    replaced = (await provider.mails.latest(EMAIL)).link
    await other_browser.get(replaced)
    assert (await other_browser.log_in()).status_code == 401  # opening it is not enough
    dead = await other_browser.get(replaced)
    assert (dead.status_code, "a later mail has replaced it" in dead.text) == (400, True)
    page = await other_browser.get((await provider.mails.latest(EMAIL)).link)  # the sign-in sent a new one
    page = await other_browser.submit(page)
    assert "is restored" in page.text
    assert (await other_browser.get(link_to(page, "/account"))).url.path == "/login"
    assert (await other_browser.log_in()).url.path == "/account"
    assert (await browser.get("/account")).url.path == "/login"


async def test_after_the_grace_period_nothing_brings_it_back_and_the_address_is_free(
    provider: RunningProvider, person: User, browser: Browser
) -> None:
    await browser.log_in()
    await delete(browser)
    link = (await provider.mails.latest(EMAIL)).link
    provider.clock.advance(provider.settings.accounts.deletion_grace)
    assert (await browser.get(link)).status_code == 400
    await provider.parts.sweeper.sweep_once()
    assert (await provider.parts.accounts.get(person.id)) is None
    assert (await register(browser, EMAIL)).url.path == "/verify-email"
    assert (await provider.mails.latest(EMAIL)).code


async def test_without_a_grace_period_the_page_promises_none(make_provider: MakeProvider) -> None:
    provider = await make_provider(accounts={"deletion_grace": 0})
    await provider.create_user()
    browser = await provider.browser()
    await browser.log_in()
    page = await browser.get("/account/delete")
    assert "nobody can restore it" in page.text
    page = await browser.submit(page, confirmation=EMAIL)
    assert "deleted for good" in page.text


async def test_deleting_asks_for_the_address_to_be_typed(person: User, browser: Browser) -> None:
    await browser.log_in()
    page = await browser.get("/account/delete")
    for typed in ("", "yes", "somebody@example.com"):
        assert (await browser.submit(page, confirmation=typed)).status_code == 400
    assert (await browser.get("/account")).url.path == "/account"


# Forms ----------------------------------------------------------------------------------------------------

PAGES = ["profile", "email", "email/confirm", "email/verify", "password", "sessions", "data", "delete"]


@pytest.mark.parametrize("page", PAGES)
async def test_a_form_of_the_account_needs_its_token(person: User, browser: Browser, page: str) -> None:
    await browser.log_in()
    for token in ("", "made up"):
        answer = await browser.post(f"/account/{page}", {"csrf_token": token})
        assert answer.status_code == 400
        assert "not from this browser" in answer.text


@pytest.mark.parametrize("page", PAGES)
async def test_a_form_is_worth_nothing_once_somebody_else_has_signed_in(
    provider: RunningProvider, person: User, browser: Browser, page: str
) -> None:
    await provider.create_user(NEW, NEW_PASSWORD)
    await (await provider.browser()).log_in()
    await browser.log_in()
    form = await browser.get(f"/account/{page}")
    signing_out = await browser.submit(await browser.get("/account"), decision="yes")
    assert "signed out" in signing_out.text
    await browser.log_in(NEW, NEW_PASSWORD)
    answer = await press(browser, form, confirmation=NEW, decision="others")
    assert answer.status_code == 400
    assert "not from this browser" in answer.text


@pytest.mark.parametrize("page", [*PAGES, "apps"])
async def test_an_empty_form_is_answered_with_a_page(person: User, browser: Browser, page: str) -> None:
    await browser.log_in()
    await (await browser.provider.browser()).log_in()
    shown = await browser.get(f"/account/{page}")
    token = shown.text.partition('csrf_token" value="')[2].partition('"')[0]
    answer = await browser.post(f"/account/{page}", {"csrf_token": token})
    assert answer.status_code in {200, 400, 404}
    assert answer.headers["content-type"].startswith(("text/html", "application/json"))


async def test_nobody_sees_an_account_page_without_signing_in(browser: Browser) -> None:
    for page in ("", *(f"/{page}" for page in (*PAGES, "apps"))):
        assert (await browser.get(f"/account{page}")).url.path == "/login"
        assert (await browser.post(f"/account{page}", {}, follow=False)).status_code in {303, 405}
    assert (await browser.log_in(EMAIL, PASSWORD)).status_code == 401
