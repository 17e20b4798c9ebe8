"""/account: where people come who came by themselves."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.web.forms import SIGN_OUT


class HomePage(ConsolePage):
    """The way to everything else, and out."""

    path = "/account"
    template = "account/home.html"

    @property
    def routes(self) -> list[Route]:
        """Where it is served. It takes no form: that of signing out goes elsewhere."""
        return [Route(self.path, self.show, methods=["GET"]), Route("/", self.lead_here, methods=["GET"])]

    async def lead_here(self, _request: Request) -> Response:
        """Send whoever opens the bare address to their account."""
        return self.desk.redirect(self.path)

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show who is signed in, and hint at what would protect them better."""
        del form
        browser = self.desk.cookies.browser_or_new(request)
        second_factors = self.desk.second_factors
        possible = self.desk.settings.second_factor.policy != "off"
        return {
            "sign_out_csrf": self.desk.forms.token(browser, SIGN_OUT, None),
            "suggest_factor": possible and not await second_factors.is_enrolled(session.user_id),
        }
