"""response_mode=form_post: the answer travels in a form that sends itself, or that the person sends."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser import Complaints
from tests.support.running import Account, ServedProvider

CALLBACK = "http://localhost:9102/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def authorization_url(running_provider: ServedProvider) -> str:
    client = running_provider.create_client("Form post app", "--first-party", "--redirect-uri", CALLBACK)
    query = {
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "response_mode": "form_post",
        "scope": "openid",
        "state": "the state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{running_provider.issuer}/authorize?{urlencode(query)}"


class App:
    """The app's callback, which notes what is posted to it."""

    def __init__(self) -> None:
        self.posted: list[dict[str, list[str]]] = []

    async def __call__(self, route: Route) -> None:
        self.posted.append(parse_qs(route.request.post_data or ""))
        await route.fulfill(body="<title>Arrived</title>", content_type="text/html")


@pytest.fixture
async def tab_without_scripts(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(java_script_enabled=False)
    yield await context.new_page()
    await context.close()


async def sign_in(page: Page, url: str, account: Account) -> App:
    app = App()
    await page.route(f"{CALLBACK}**", app)
    await page.goto(url)
    await page.get_by_label("Email").fill(account.email)
    await page.get_by_label("Password").fill(account.password)
    await page.get_by_role("button", name="Sign in").click()
    return app


async def test_the_form_sends_itself(
    page: Page, authorization_url: str, ada: Account, complaints: Complaints
) -> None:
    app = await sign_in(page, authorization_url, ada)
    await page.wait_for_url(CALLBACK)
    assert [set(fields) for fields in app.posted] == [{"code", "state", "iss"}]
    assert app.posted[0]["state"] == ["the state"]
    assert complaints.heard == []


async def test_without_scripts_the_person_sends_it(
    tab_without_scripts: Page, authorization_url: str, ada: Account
) -> None:
    page = tab_without_scripts
    app = await sign_in(page, authorization_url, ada)
    await expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_url(CALLBACK)
    assert [set(fields) for fields in app.posted] == [{"code", "state", "iss"}]
