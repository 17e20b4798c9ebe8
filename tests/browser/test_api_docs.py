"""The API's interactive pages: they run under a strict policy, from our own files."""

import re

from playwright.async_api import Page, expect

from tests.support.browser import Complaints
from tests.support.running import Account, ServedProvider


async def test_sign_in_on_the_interactive_pages_and_look_at_the_account(
    running_provider: ServedProvider, ada: Account, page: Page, complaints: Complaints
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{running_provider.issuer}/api/v1/docs")
    await page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    await dialog.get_by_label("username").fill(ada.email)
    await dialog.get_by_label("password").fill(ada.password)
    await dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    await expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    await dialog.locator(".btn-done").click()

    operation = page.locator(".opblock-get", has_text=re.compile(r"/users/me\s*The account"))
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Execute").click()
    await expect(operation.locator(".live-responses-table .response .response-col_status")).to_contain_text(
        "200"
    )
    await expect(operation.locator(".live-responses-table")).to_contain_text(ada.email)

    assert complaints.heard == []
    elsewhere = [url for url in asked if not url.startswith((running_provider.issuer, "data:"))]
    assert elsewhere == []
