"""What every hosted page has in common, as it is served."""

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
)


@pytest.fixture
async def pages(provider: RunningProvider, person: object, browser: Browser) -> dict[str, httpx.Response]:
    """Every page that a sign-in can show, by its name."""
    app: RelyingParty = await provider.relying_party()
    shown = {"login": await browser.get(app.authorization_url())}
    shown["consent"] = await browser.submit(shown["login"], email=EMAIL, password=PASSWORD)
    await browser.submit(shown["consent"], decision="allow")
    shown["select_account"] = await browser.get(app.authorization_url(prompt="select_account"))
    shown["form_post"] = await browser.get(app.authorization_url(response_mode="form_post"))
    shown["account"] = await browser.get("/account")
    shown["end_session"] = await browser.get("/end_session")
    shown["error"] = await browser.get("/authorize")
    shown["not_found"] = await browser.get("/no-such-page", headers={"Accept": "text/html"})
    shown["signed_out"] = await browser.submit(shown["end_session"], decision="yes")
    return shown


async def test_every_page_is_kept_by_nobody_framed_by_nobody_and_runs_no_foreign_script(
    pages: dict[str, httpx.Response],
) -> None:
    for name, page in pages.items():
        policy = page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store", name
        assert "frame-ancestors 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert "script-src 'self'" in policy, name
        assert page.headers["referrer-policy"] == "no-referrer", name
        assert page.headers["x-content-type-options"] == "nosniff", name


async def test_every_form_of_ours_carries_a_token(pages: dict[str, httpx.Response]) -> None:
    for name, page in pages.items():
        for form in forms(page):
            if name != "form_post":
                assert form.method == "post", name
                assert form.fields["csrf_token"], name


async def test_each_page_is_what_it_should_be(pages: dict[str, httpx.Response]) -> None:
    statuses = {name: page.status_code for name, page in pages.items()}
    expected = dict.fromkeys(pages, 200) | {"error": 400, "not_found": 404}
    assert statuses == expected
    titles = {page.text.partition("<title>")[2].partition("</title>")[0] for page in pages.values()}
    assert len(titles) >= len(pages) - 1  # the two error pages share one


async def test_no_page_shows_a_secret(
    pages: dict[str, httpx.Response], browser: Browser, provider: RunningProvider
) -> None:
    """authentik CVE-2026-40166: secrets in what is served."""
    for page in pages.values():
        assert PASSWORD not in page.text
        assert "$argon2" not in page.text
        assert browser.cookies["idp_browser"] not in page.text


@pytest.mark.parametrize("secure", [True, False])
async def test_only_an_https_issuer_asks_for_https_from_now_on(
    make_provider: MakeProvider, secure: bool
) -> None:
    provider = await make_provider(issuer="https://id.example.com" if secure else "http://localhost:8000")
    page = await provider.http("GET", "/login")
    assert ("strict-transport-security" in page.headers) is secure


async def test_the_forms_of_an_issuer_with_a_path_stay_below_it(make_provider: MakeProvider) -> None:
    provider = await make_provider(issuer="https://id.example.com/auth")
    await provider.create_user()
    browser = await provider.browser()
    for page in (await browser.get("/login"), await browser.log_in(), await browser.get("/end_session")):
        assert all(form.action.startswith("/auth/") for form in forms(page))


async def test_an_error_page_has_a_number_that_is_in_the_response_too(browser: Browser) -> None:
    page = await browser.get("/authorize")
    assert f"<code>{page.headers['x-request-id']}</code>" in page.text


async def test_the_mail_of_development_is_shown_only_there(make_provider: MakeProvider) -> None:
    from idp.pages.dev_mail import DevMailPage

    for dev in (True, False):
        provider = await make_provider(dev=dev)
        (route,) = DevMailPage(provider.parts.renderer, provider.database).routes
        assert (await provider.http("GET", route.path)).status_code == (200 if dev else 404)
