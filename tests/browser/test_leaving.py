"""Leaving for an app after a form: Chromium holds every redirect after a form to the page's `form-action`."""

from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import Complaints
from tests.support.running import Account, ServedProvider

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class App(BaseHTTPRequestHandler):
    """A callback that redirects on, as many apps do: to their pages on another port, or to a native app."""

    onward: ClassVar[str] = ""
    arrived: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer the callback with a redirect, and every other address with a page."""
        type(self).arrived.append(self.path.partition("?")[0])
        self.send_response(302 if self.path.startswith("/callback") else 200)
        if self.path.startswith("/callback"):
            self.send_header("Location", self.onward)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Arrived</title><h1>Arrived</h1>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Backend(App):
    arrived: ClassVar[list[str]] = []


class Frontend(App):
    arrived: ClassVar[list[str]] = []


@pytest.fixture
async def ports() -> AsyncIterator[tuple[int, int]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Backend, Frontend)]
    threads = [Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    Backend.arrived.clear()
    Frontend.arrived.clear()
    yield servers[0].server_port, servers[1].server_port
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


async def allow(page: Page, provider: ServedProvider, account: Account, callback: str) -> None:
    client = provider.create_client("An app", "--redirect-uri", callback)
    query = {
        "client_id": client["client_id"],
        "redirect_uri": callback,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    await page.goto(f"{provider.issuer}/authorize?{urlencode(query)}")
    await page.get_by_label("Email").fill(account.email)
    await page.get_by_label("Password").fill(account.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Allow", exact=True).click()


async def test_a_callback_that_redirects_to_another_port_is_followed(
    page: Page,
    running_provider: ServedProvider,
    ada: Account,
    ports: tuple[int, int],
    complaints: Complaints,
) -> None:
    backend, frontend = ports
    Backend.onward = f"http://127.0.0.1:{frontend}/home"
    await allow(page, running_provider, ada, f"http://127.0.0.1:{backend}/callback")
    await page.wait_for_url(Backend.onward)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Arrived")
    assert complaints.heard == []
    await page.go_back()  # not to the page in between, which would only lead here again
    assert "/authorize/resume" not in page.url


async def test_a_callback_that_redirects_to_an_app_of_its_own_scheme_is_followed(
    page: Page,
    running_provider: ServedProvider,
    ada: Account,
    ports: tuple[int, int],
    complaints: Complaints,
) -> None:
    backend, _ = ports
    Backend.onward = "com.example.app://signed-in?code=c"
    opens = "requestfailed"  # what became of it, since no program here opens that scheme
    async with page.expect_event(opens, lambda request: request.url == Backend.onward):
        await allow(page, running_provider, ada, f"http://127.0.0.1:{backend}/callback")
    assert Backend.arrived == ["/callback"]
    assert complaints.heard == []
