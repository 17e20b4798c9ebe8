"""The forms before an account: what they refuse, what they keep to themselves, whose they are."""

import pytest

from idp.storage.models import User
from tests.support.provider import (
    EMAIL,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    onward_of,
    the_form,
)
from tests.support.registering import NEW, NEW_PASSWORD, register

WAYS = ["/register", "/recover", "/login"]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "Use at least 10 characters"),
        ("\u212bngstr\u00f6m", "Use at least 10 characters"),
        ("x" * 1025, "Use at most 1024 characters"),
        ("1234567890", "tried first"),
        ("PassWord123", "tried first"),
        ("aaaaaaaaaaaaaa", "tried first"),
        ("new@example.com", "your name or address"),
        ("Nora Newman", "your name or address"),
    ],
)
async def test_a_weak_password_comes_back_with_the_reason_and_never_itself(
    provider: RunningProvider, browser: Browser, password: str, reason: str
) -> None:
    page = await register(browser, password=password, name="Nora Newman")
    assert page.status_code == 400
    assert reason in page.text
    assert 'type="password" value=' not in page.text
    assert await provider.mails.to(NEW) == []


OTTER = "\U0001f9a6"


@pytest.mark.parametrize("password", [f"{OTTER} otters {OTTER} row", "  spaces all around  ", "otter" * 204])
async def test_any_character_and_a_thousand_of_them_are_taken(browser: Browser, password: str) -> None:
    page = await register(browser, password=password)
    assert page.url.path == "/verify-email"


async def test_kinds_of_characters_are_asked_for_only_where_they_are_configured(
    make_provider: MakeProvider,
) -> None:
    provider = await make_provider(passwords={"require": ("upper", "digit"), "memory_kib": 8, "time_cost": 1})
    page = await register(await provider.browser())
    assert "with an upper-case letter, a digit" in page.text
    assert "Use an upper-case letter too" in page.text
    assert (await register(await provider.browser(), password="Quiet otters 4")).url.path == "/verify-email"


async def test_without_scripts_a_button_asks_for_a_verdict_and_makes_no_account(
    provider: RunningProvider, browser: Browser
) -> None:
    page = await browser.get("/register")
    weak = await browser.submit(page, email=NEW, name="", password="password11", decision="check")
    assert 'data-score="1"' in weak.text or 'data-score="0"' in weak.text
    strong = await browser.submit(weak, password=NEW_PASSWORD, decision="check")
    assert 'data-score="4"' in strong.text
    assert "<strong>strong</strong>" in strong.text
    assert NEW_PASSWORD not in strong.text
    assert await provider.parts.accounts.find(NEW) is None


async def test_the_script_gets_a_verdict_for_a_form_of_this_browser_only(
    browser: Browser, other_browser: Browser
) -> None:
    page = await browser.get("/register")
    token = page.text.partition('data-token="')[2].partition('"')[0]
    asked = {"csrf_token": token, "password": "nora", "email": NEW, "name": "Nora"}
    verdict = await browser.post("/password/strength", asked)
    assert verdict.json()["score"] == 0
    assert "10 characters" in verdict.json()["refused"]
    assert verdict.headers["cache-control"] == "no-store"
    good = await browser.post("/password/strength", {**asked, "password": NEW_PASSWORD})
    assert (good.json()["word"], good.json()["refused"]) == ("strong", None)
    await other_browser.get("/register")
    assert (await other_browser.post("/password/strength", asked)).status_code == 400


@pytest.mark.parametrize("path", ["/password/strength", "/login/passkey"])
async def test_a_script_that_is_refused_gets_json_and_a_person_a_page(browser: Browser, path: str) -> None:
    headers = {"Accept": "application/json"}
    told = await browser.post(path, {"csrf_token": "made up"}, headers=headers)
    assert (told.status_code, told.json()["error"]) == (400, "invalid_request")
    assert "too old" in told.json()["error_description"]
    page = await browser.post(path, {"csrf_token": "made up"}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 400
    assert "Start again" in page.text


@pytest.mark.parametrize("way", WAYS)
async def test_a_form_belongs_to_its_browser(browser: Browser, other_browser: Browser, way: str) -> None:
    page = await browser.get(way)
    await other_browser.get(way)
    filled = {"email": NEW, "password": NEW_PASSWORD, "name": ""}
    assert (await other_browser.submit(page, **filled)).status_code == 400
    assert (await browser.submit(page, **filled, csrf_token="made up")).status_code == 400
    assert (await browser.submit(page, **filled, csrf_token=None)).status_code == 400


async def test_a_form_that_waits_for_a_code_belongs_to_its_browser(
    provider: RunningProvider, browser: Browser, other_browser: Browser
) -> None:
    page = await register(browser)
    await other_browser.get("/register")
    code = (await provider.mails.latest(NEW)).code
    assert (await other_browser.submit(page, code=code)).status_code == 400
    assert (await other_browser.get(str(page.url))).status_code == 400


@pytest.mark.parametrize(
    "path", ["/register", "/recover", "/verify-email", "/verify-email/link", "/recover/reset"]
)
async def test_an_empty_post_is_answered_with_a_sentence(browser: Browser, path: str) -> None:
    answer = await browser.post(path, {})
    assert answer.status_code == 400
    assert "not from this browser" in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "", "password": "", "name": ""},
        {"email": "nobody", "password": NEW_PASSWORD, "name": ""},
        {"email": "a\x00b@example.com", "password": NEW_PASSWORD, "name": ""},
        {"email": "a" * 400 + "@example.com", "password": NEW_PASSWORD, "name": ""},
        {"email": NEW, "password": NEW_PASSWORD, "name": "see https://evil.example"},
        {"email": NEW, "password": NEW_PASSWORD, "name": "n" * 101},
        {"email": NEW, "password": NEW_PASSWORD, "name": "\u202egnp.exe"},
        {"email": None, "password": None, "name": None},
    ],
)
async def test_a_registration_that_cannot_be_comes_back(
    provider: RunningProvider, browser: Browser, fields: dict[str, str | None]
) -> None:
    answer = await browser.submit(await browser.get("/register"), **fields)
    assert answer.status_code == 400
    assert "Error:" in answer.text
    async with provider.database.reading() as uow:
        assert await uow.users.page(None, 1) == []


@pytest.mark.parametrize("email", ["", "nobody", "a\x00b@example.com", "a@b@c"])
async def test_a_recovery_for_what_is_no_address_comes_back(browser: Browser, email: str) -> None:
    answer = await browser.submit(await browser.get("/recover"), email=email)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/verify-email", "/register", "/recover", "/verify-email/state"])
@pytest.mark.parametrize("tx", ["", "made-up", "x" * 5000])
async def test_a_transaction_that_is_not_there_is_answered_with_a_sentence(
    browser: Browser, path: str, tx: str
) -> None:
    answer = await browser.get(f"{path}?tx={tx}")
    assert answer.status_code == 400
    assert "Go back to the app" in answer.text


@pytest.mark.parametrize("path", ["/verify-email/link", "/recover/reset"])
@pytest.mark.parametrize("token", ["", "made-up", "x" * 5000, "%00", "%F0%9F%A6%A6"])
async def test_a_link_with_a_made_up_token_is_dead(browser: Browser, path: str, token: str) -> None:
    answer = await browser.get(f"{path}?token={token}")
    assert (answer.status_code, "This link no longer works" in answer.text) == (400, True)


@pytest.mark.parametrize("token", ["", "made-up", "x" * 5000, "%00", "%F0%9F%A6%A6"])
async def test_a_made_up_link_restores_nothing_and_says_so_at_once(browser: Browser, token: str) -> None:
    answer = await browser.get(f"/account/restore?token={token}")
    assert (answer.status_code, "This link no longer works" in answer.text) == (400, True)
    assert "Keep your account?" not in answer.text


async def test_a_made_up_link_that_undoes_a_change_of_address_speaks_of_no_code(browser: Browser) -> None:
    answer = await browser.get("/account/email/undo?token=made-up")
    assert (answer.status_code, "This link is wrong, has been used or has expired." in answer.text) == (
        400,
        True,
    )


async def test_a_transaction_ends_after_its_time(provider: RunningProvider, browser: Browser) -> None:
    page = await register(browser)
    provider.clock.advance(provider.settings.sessions.transaction_ttl)
    assert (await browser.submit(page, code="123456")).status_code == 400


async def test_somebody_who_is_signed_in_has_no_use_for_a_registration(
    person: User, browser: Browser
) -> None:
    form = await browser.get("/register")
    await browser.log_in()
    assert (await browser.get("/register")).url.path == "/account"
    posted = await browser.submit(form, email=NEW, password=NEW_PASSWORD)
    assert posted.url.path == "/account"
    assert EMAIL.partition("@")[0] in posted.text


async def test_forms_posted_too_often_from_one_address_are_slowed(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"pages_per_address": 3}, accounts={"mail_interval": 0})
    browser = await provider.browser()
    form = await browser.get("/recover")
    answers = [await browser.submit(form, email=f"somebody{n}@example.com") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (await (await provider.browser("192.0.2.9")).get("/register")).status_code == 200


async def test_below_a_path_every_link_and_form_stays_below_it(make_provider: MakeProvider) -> None:
    provider = await make_provider(issuer="https://id.example/auth")
    browser = await provider.browser()
    page = await register(browser)
    assert page.url.path == "/auth/verify-email"
    page = await browser.submit(page, code=(await provider.mails.latest(NEW)).code)
    assert page.url.path == "/auth/account"
    for name in ("profile", "email", "password", "sessions", "apps", "data", "delete"):
        shown = await browser.get(f"/account/{name}")
        assert shown.status_code == 200
        assert 'href="/account' not in shown.text
        assert 'action="/account' not in shown.text


async def test_a_form_that_is_too_old_leads_back_to_the_sign_in_that_it_is_of(
    browser: Browser, relying_party: RelyingParty
) -> None:
    page = await browser.get(relying_party.authorization_url())
    refused = await browser.submit(page, csrf_token="of another day")
    assert refused.status_code == 400
    assert the_form(await browser.get(onward_of(refused))).action == "/login"


async def test_a_form_of_no_sign_in_leads_to_the_account(browser: Browser) -> None:
    refused = await browser.post("/login", {"csrf_token": "made up", "tx": "made up"})
    assert 'href="/account">To your account<' in refused.text
