"""Signing in: from an app's redirect to its tokens, and everything that can be tried at the form."""

import asyncio
import re

import httpx
import pytest

from tests.support.provider import (
    EMAIL,
    PASSWORD,
    Browser,
    MakeProvider,
    RelyingParty,
    RunningProvider,
    forms,
    the_form,
)

WRONG = "not the password"


def without_tokens(page: httpx.Response) -> str:
    """A page's text without what is random in it."""
    return re.sub(r'(name="(csrf_token|tx)" value="|[?]tx=)[\w-]+', r"\1", page.text)


async def test_a_person_signs_in_consents_and_the_app_gets_verifiable_tokens(
    relying_party: RelyingParty, browser: Browser
) -> None:
    tokens = await relying_party.tokens(browser)
    claims = await relying_party.id_claims(tokens)
    userinfo = (await relying_party.userinfo(tokens["access_token"])).json()
    assert claims["sub"] == userinfo["sub"]
    assert userinfo["email"] == EMAIL


async def test_it_is_the_same_on_postgresql(make_provider: MakeProvider, new_database_url: object) -> None:
    provider = await make_provider(database_url=new_database_url("postgresql"))  # type: ignore[operator]
    await provider.create_user()
    app, browser = await provider.relying_party(), await provider.browser()
    tokens = await app.tokens(browser, scope="openid offline_access")
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200
    assert "code" in await app.sign_in(browser, prompt="none", scope="openid")


async def test_the_form_is_one_that_password_managers_know(
    relying_party: RelyingParty, browser: Browser
) -> None:
    inputs = the_form(await browser.get(relying_party.authorization_url())).inputs
    assert inputs["email"]["autocomplete"].startswith("username")
    assert inputs["password"]["autocomplete"] == "current-password"
    assert inputs["password"]["type"] == "password"


async def test_who_comes_by_themselves_ends_at_their_account(browser: Browser, person: object) -> None:
    assert (await browser.get("/")).url.path == "/login"
    page = await browser.log_in()
    assert page.url.path == "/account"
    assert "Alice Example" in page.text


@pytest.mark.parametrize("email", ["ALICE@example.com", "  alice@example.com "])
async def test_the_address_may_be_written_in_other_ways(browser: Browser, person: object, email: str) -> None:
    assert (await browser.log_in(email)).url.path == "/account"


async def test_a_wrong_password_shows_the_form_again_without_it(
    relying_party: RelyingParty, browser: Browser
) -> None:
    page = await browser.get(relying_party.authorization_url())
    page = await browser.submit(page, email=EMAIL, password=WRONG)
    assert page.status_code == 401
    assert the_form(page).fields["email"] == EMAIL
    assert WRONG not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "code" in str((await relying_party.answer(browser, page)).headers["location"])


async def test_a_known_and_an_unknown_account_get_the_same_answer(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    """Nothing tells who has an account: status, body and headers are alike."""
    await provider.create_user("nopass@example.com", None)
    disabled = await provider.create_user("disabled@example.com")
    await provider.parts.accounts.disable(disabled.id)
    answers = []
    for email in (EMAIL, "nobody@example.com", "nopass@example.com", "disabled@example.com"):
        page = await browser.submit(await browser.get("/login"), email=email, password=WRONG)
        headers = {k: v for k, v in page.headers.items() if k not in {"x-request-id", "content-length"}}
        answers.append((page.status_code, without_tokens(page).replace(email, ""), headers))
    for answer in answers[1:]:
        assert answer == answers[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "", "password": ""},
        {"email": EMAIL, "password": ""},
        {"email": "", "password": PASSWORD},
        {"email": None, "password": None},
        {"email": EMAIL, "password": None},
    ],
    ids=str,
)
async def test_an_empty_field_signs_nobody_in(
    browser: Browser, person: object, fields: dict[str, str | None]
) -> None:
    """authentik CVE-2026-49443: an empty post skipped a stage."""
    page = await browser.submit(await browser.get("/login"), **fields)
    assert page.status_code == 400
    assert "idp_session" not in browser.cookies


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("x" * 5000 + "@example.com", PASSWORD),
        (EMAIL, "x" * 5000),
        ("\x00", "\x00"),
        ("<script>alert(1)</script>@x", "p"),
        ("' OR 1=1 --", "p"),
        ("\u202e\ud7ff@example.com", "\U0001f511" * 8),
    ],
    ids=["long address", "long password", "null", "markup", "sql", "unicode"],
)
async def test_strange_input_is_just_wrong(
    browser: Browser, person: object, email: str, password: str
) -> None:
    page = await browser.submit(await browser.get("/login"), email=email, password=password)
    assert page.status_code == 401
    assert "<script>alert" not in page.text


async def test_a_body_that_is_too_large_is_refused_unread(browser: Browser) -> None:
    """Keycloak CVE-2026-4634: input whose size is the attack."""
    page = await browser.submit(await browser.get("/login"), email=EMAIL, password="x" * 200_000)
    assert page.status_code == 413


async def test_guessing_at_an_account_is_slowed_down_and_recovers_with_time(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    """Keycloak CVE-2026-9798: every place that takes a password is throttled."""
    for _ in range(provider.settings.throttle.free_tries_per_account + 1):
        page = await browser.log_in(password=WRONG)
    page = await browser.log_in()
    assert page.status_code == 429
    wait = int(page.headers["retry-after"])
    assert wait >= 1
    assert the_form(page).fields["email"] == EMAIL
    provider.clock.advance(wait)
    assert (await browser.log_in()).url.path == "/account"


async def test_an_unknown_account_is_slowed_down_like_a_known_one(
    provider: RunningProvider, browser: Browser, person: object
) -> None:
    outcomes = []
    for email in (EMAIL, "nobody@example.com"):
        tries = range(provider.settings.throttle.free_tries_per_account + 2)
        outcomes.append([(await browser.log_in(email, WRONG)).status_code for _ in tries])
    assert outcomes[0] == outcomes[1]
    assert 429 in outcomes[0]


async def test_an_address_that_posts_too_often_is_told_to_wait(make_provider: MakeProvider) -> None:
    provider = await make_provider(rate_limits={"pages_per_address": 2})
    browser, elsewhere = await provider.browser(), await provider.browser("192.0.2.9")
    pages = [await browser.log_in("nobody@example.com", WRONG) for _ in range(3)]
    assert [page.status_code for page in pages] == [401, 401, 429]
    assert int(pages[-1].headers["retry-after"]) >= 1
    assert (await elsewhere.log_in("nobody@example.com", WRONG)).status_code == 401


async def test_a_forwarded_address_from_anybody_changes_nothing(make_provider: MakeProvider) -> None:
    """better-auth CVE-2026-45364: a throttle keyed on forwarded text."""
    provider = await make_provider(rate_limits={"pages_per_address": 2})
    browser = await provider.browser()
    statuses = []
    for number in range(3):
        browser.client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
        statuses.append((await browser.log_in("nobody@example.com", WRONG)).status_code)
    assert statuses[-1] == 429


async def test_when_the_queue_of_hashes_is_full_the_answer_is_503(make_provider: MakeProvider) -> None:
    slow = {"time_cost": 20, "memory_kib": 16_384, "threads": 1, "queue": 1}
    provider = await make_provider(passwords=slow)
    browser = await provider.browser()
    page = await browser.get("/login")
    answers = await asyncio.gather(
        *(browser.submit(page, email=f"user{n}@example.com", password=WRONG) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {401, 503}
    full = next(answer for answer in answers if answer.status_code == 503)
    assert int(full.headers["retry-after"]) >= 1
    assert forms(full)


async def test_the_password_is_taken_from_the_first_field_of_its_name(
    browser: Browser, person: object
) -> None:
    fields = the_form(await browser.get("/login")).fields | {"email": EMAIL}
    body = httpx.QueryParams([*fields.items(), ("password", "other")]).set("password", WRONG)
    page = await browser.client.post(
        browser.provider.url("/login"),
        content=f"{body}&password={PASSWORD.replace(' ', '+')}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert page.status_code == 401
