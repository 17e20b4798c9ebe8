"""Chromium, driven through Playwright's async API.

The async one, because the sync API leaves its own event loop running in the thread, where anyio's tests on the
same worker then cannot start theirs. The browser lives as long as the worker; each page has a profile of its own.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.support import chromium as program
from tests.support.installing import in_ci

PATIENCE = 30_000
"""Milliseconds to wait for a page or for something on it: two slow cores serve it, and draw it too."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """This worker's browser."""
    found = program.find()
    if found is None:
        if in_ci():
            pytest.fail("CI must run the browser tests, and there is no Chromium.")
        pytest.skip("There is no Chromium on this machine.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=program.launch_arguments())
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh browser profile."""
    context = await chromium.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """A tab in a fresh profile."""
    return await context.new_page()


@dataclass
class Complaints:
    """What the browser's console said against pages: errors, exceptions, policy violations."""

    heard: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Note what is said about a tab from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium reports every status above 399 so, those of a page that explains an error too.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.heard.append(f"{message.location.get('url')}: {message.text}")


@pytest.fixture
def complaints(page: Page) -> Complaints:
    """What the console says against `page`."""
    found = Complaints()
    found.listen(page)
    return found
