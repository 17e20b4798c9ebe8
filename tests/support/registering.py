"""A person who makes an account on the pages, and what can be told apart by somebody who watches."""

import re

import httpx

from tests.support.provider import Browser, RunningProvider

NEW = "new@example.com"
NEW_PASSWORD = "quiet otters row at noon"

_RANDOM = re.compile(r'(csrf_token" value="|name="tx" value="|data-token="|[?&;]tx=)[\w-]+')
_UNLIKE = {"content-length", "x-request-id", "date"}


async def register(
    browser: Browser,
    email: str = NEW,
    *,
    password: str = NEW_PASSWORD,
    name: str = "Nora New",
    start: str = "/register",
    follow: bool = True,
) -> httpx.Response:
    """Fill in the registration to which `start` leads."""
    page = await browser.get(start)
    if not page.url.path.endswith("/register"):
        page = await browser.get(link_to(page, "/register"))
    return await browser.submit(page, email=email, password=password, name=name, follow=follow)


async def make_account(
    browser: Browser, email: str = NEW, *, password: str = NEW_PASSWORD, start: str = "/register"
) -> httpx.Response:
    """Register and enter the code of the mail."""
    page = await register(browser, email, password=password, start=start)
    return await browser.submit(page, code=(await browser.provider.mails.latest(email)).code)


def link_to(page: httpx.Response, path: str) -> str:
    """Return the link of a page that leads to a path of the provider."""
    found = re.search(rf'href="({re.escape(path)}[^"]*)"', page.text)
    assert found is not None, f"no link to {path} on {page.url}"
    return found[1].replace("&amp;", "&")


def seen(response: httpx.Response, email: str) -> tuple[int, dict[str, str], str]:
    """Return what somebody who watches can tell from an answer, but for random values and the address."""
    headers = {
        name: _RANDOM.sub(r"\1", value) for name, value in response.headers.items() if name not in _UNLIKE
    }
    return response.status_code, headers, _RANDOM.sub(r"\1", response.text).replace(email, "ADDRESS")


async def wrong_code(provider: RunningProvider, email: str) -> str:
    """Return a code that is not the one of the latest mail."""
    right = (await provider.mails.latest(email)).code
    return "000000" if right != "000000" else "000001"
