"""The account pages, for somebody at a browser who may have several forms before them."""

from urllib.parse import urljoin

import httpx

from tests.support.provider import Browser, forms


async def press(
    browser: Browser, page: httpx.Response, *, among: int = 0, follow: bool = True, **fields: str
) -> httpx.Response:
    """Send the form with this number of a page."""
    form = forms(page)[among]
    action = urljoin(str(page.url), form.action)
    return await browser.post(action, {**form.fields, **fields}, follow=follow)
