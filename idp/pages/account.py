"""/account: where people come who came by themselves."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.pages.desk import Desk


class AccountPage:
    """The account console's home."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route("/account", self.show, methods=["GET"]), Route("/", self.home, methods=["GET"])]

    async def home(self, _request: Request) -> Response:
        """Send whoever opens the bare address to their account."""
        return self._desk.redirect("/account")

    async def show(self, request: Request) -> Response:
        """Show who is signed in."""
        desk = self._desk
        session = await desk.signed_in(request, "/account")
        if isinstance(session, Response):
            return session
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            "account.html", csrf=desk.forms.token(browser, "end_session", None), account=session
        )
        desk.cookies.keep_browser(request, response, browser)
        return response
