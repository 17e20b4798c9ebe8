"""/account: the first page of the account."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.identity.second_factor import SecondFactors
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.web.forms import SIGN_OUT


class HomePage(ConsolePage):
    """The way to everything else, and out."""

    path = page_paths.ACCOUNT
    template = "account/home.html"

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        second_factors: SecondFactors,
        *,
        factors_possible: bool,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._second_factors = second_factors
        self._factors_possible = factors_possible

    @property
    def routes(self) -> list[Route]:
        """The page, and the bare address. It takes no form: that of signing out goes elsewhere."""
        return [Route(self.path, self.show, methods=["GET"]), Route("/", self.lead_here, methods=["GET"])]

    async def lead_here(self, _request: Request) -> Response:
        """Send a user who opens the bare address to their account."""
        return self.edge.links.redirect(self.path)

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show who is signed in, and hint at what would protect them better."""
        browser = self.edge.named_browser(visit.request)
        user = await self.accounts.proven(visit.account)
        only_password = user.password_hash is not None and not await self._second_factors.is_enrolled(user.id)
        return {
            "sign_out_csrf": self.edge.token(browser, SIGN_OUT),
            "suggest_factor": self._factors_possible and only_password,
        }
