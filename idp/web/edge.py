"""The edge to a browser: what it sent becomes plain values, and what the flow decided becomes a response."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from idp.crypto import random_token
from idp.errors import FlowError
from idp.flow.sign_in import Progress
from idp.flow.transaction import Transaction
from idp.flow.visits import Browser
from idp.identity.sessions import Visitor
from idp.oauth.paths import RESUME
from idp.web.cookies import Cookies
from idp.web.forms import FormProtection, read_form
from idp.web.links import Links


class BrowserEdge:
    """Reads requests of browsers and answers them with cookies and redirects."""

    def __init__(self, cookies: Cookies, forms: FormProtection, links: Links) -> None:
        self.cookies = cookies
        self.forms = forms
        self.links = links

    def browser(self, request: Request) -> Browser:
        """Return the browser as its cookies tell; it has no name before the first page."""
        cookies = self.cookies
        return Browser(
            cookies.browser(request),
            cookies.session(request),
            cookies.device(request),
            Visitor(request.state.address, request.headers.get("user-agent", "")),
        )

    def named_browser(self, request: Request) -> Browser:
        """Return the browser, with a new name if it has none; the response then has to keep it (`keep_name`)."""
        browser = self.browser(request)
        if browser.name is not None:
            return browser
        return Browser(random_token(), browser.session_token, browser.device, browser.visitor)

    def keep_name(self, request: Request, response: Response, browser: Browser) -> None:
        """Set the browser's name on the response if the request did not have it."""
        if browser.name is not None:
            self.cookies.keep_browser(request, response, browser.name)

    async def form(self, request: Request, purpose: str) -> Mapping[str, str]:
        """Read a posted form; raise `FlowError` unless its token was made for this browser, this purpose and
        the transaction that the form names."""
        form = await read_form(request)
        self.check_form(request, form, purpose)
        return form

    def check_form(self, request: Request, form: Mapping[str, str], purpose: str) -> None:
        """Check the token of a form that was read; raise `FlowError` like `form`."""
        browser = self.cookies.browser(request)
        if not self.forms.check(form.get("csrf_token"), browser, purpose, form.get("tx") or None):
            raise FlowError(
                "This form is not from this browser, or it is too old. Go back and try again.",
                detail="the browser cookie is missing" if browser is None else "the form token does not fit",
            )

    def token(self, browser: Browser, purpose: str, tx: str | None = None) -> str:
        """Return the token of a form that this browser is shown."""
        return self.forms.token(browser.name or "", purpose, tx)

    def resume(self, transaction: Transaction) -> Response:
        """Send the browser back to where the flow decides what is next."""
        return self.links.redirect(RESUME, tx=transaction.handle)

    def go_on(self, progress: Progress) -> Response:
        """Send the browser on with the session that it has now."""
        return self.with_session(self.resume(progress.transaction), progress)

    def with_session(self, response: Response, progress: Progress) -> Response:
        """Set the cookies of the session that the browser has now on the response."""
        self.cookies.set_session(response, progress.session_token)
        if progress.device is not None:
            self.cookies.set_device(response, progress.device)
        return response
