"""oidc-client-ts in Chromium: a public client whose code and tokens never leave the browser."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.running import Account, ServedProvider
from tests.support.servers import free_port

MANAGER = """(settings) => {
  window.manager = new oidc.UserManager({
    ...settings,
    userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
    loadUserInfo: true,
  })
}"""


class BrowserApp:
    """The app in its tab."""

    def __init__(self, page: Page, settings: dict[str, Any]) -> None:
        self.page = page
        self.settings = settings
        self.url = settings["redirect_uri"]

    async def open(self) -> None:
        await self.page.goto(self.url)
        await self.start()

    async def start(self) -> None:
        await self.page.wait_for_function("window.oidc !== undefined")
        await self.page.evaluate(MANAGER, self.settings)

    async def sign_in(self, account: Account) -> dict[str, Any]:
        await self.open()
        await self.page.evaluate("void manager.signinRedirect()")
        await self.page.get_by_label("Email").fill(account.email)
        await self.page.get_by_label("Password").fill(account.password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("button", name="Allow").click()
        await self.page.wait_for_url(f"{self.url}?*")
        await self.start()
        return await self.page.evaluate("async () => ({ ...(await manager.signinRedirectCallback()) })")


@pytest.fixture
def app(
    node: Path, running_provider: ServedProvider, application: Callable[..., None], page: Page
) -> BrowserApp:
    port = free_port()
    url = f"http://localhost:{port}/spa.html"
    client = running_provider.create_client(
        "Browser app", "--public", "--redirect-uri", url, "--post-logout-redirect-uri", url
    )
    serve = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", node]
    application(serve, ready=f"http://127.0.0.1:{port}/spa.html")
    settings = {
        "authority": running_provider.issuer,
        "client_id": client["client_id"],
        "redirect_uri": url,
        "post_logout_redirect_uri": url,
        "silent_redirect_uri": url,
    }
    return BrowserApp(page, settings | {"scope": "openid profile email"})


async def test_signs_in_refreshes_and_signs_out(app: BrowserApp, ada: Account) -> None:
    app.settings["scope"] = "openid profile email offline_access"
    app.settings["prompt"] = "consent"  # OIDC Core §11
    user = await app.sign_in(ada)
    assert user["profile"]["sub"] == ada.id
    assert user["profile"]["email"] == ada.email
    renewed = await app.page.evaluate("async () => ({ ...(await manager.signinSilent()) })")
    assert renewed["access_token"] != user["access_token"]
    assert renewed["refresh_token"] != user["refresh_token"]
    await app.page.evaluate("void manager.signoutRedirect({ state: 'x' })")
    await app.page.wait_for_url(f"{app.url}?state=*")
    await app.start()
    await app.page.evaluate("manager.signoutRedirectCallback()")
    assert await app.page.evaluate("manager.getUser()") is None


async def test_renews_in_a_hidden_frame_without_asking_anybody(app: BrowserApp, ada: Account) -> None:
    user = await app.sign_in(ada)
    renewed = await app.page.evaluate(
        "async () => ({ ...(await manager.signinSilent({ forceIframeAuth: true })) })"
    )
    assert renewed["profile"]["sub"] == ada.id
    assert renewed["access_token"] != user["access_token"]


async def test_is_told_in_a_hidden_frame_that_nobody_is_signed_in(app: BrowserApp) -> None:
    await app.open()
    message = await app.page.evaluate("manager.signinSilent().catch((error) => error.error)")
    assert message == "login_required"
    await expect(app.page.locator("iframe")).to_have_count(0)
