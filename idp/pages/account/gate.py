"""The way into the account: what a page asks of the sign-in before it is shown."""

from starlette.requests import Request
from starlette.responses import Response

from idp.flow.demand import Demand
from idp.flow.visits import Visits
from idp.identity.sessions import CurrentSession
from idp.web.edge import BrowserEdge


class AccountGate:
    """Lets a user in whose sign-in is good enough for a page, and sends the others to prove more."""

    def __init__(self, edge: BrowserEdge, visits: Visits) -> None:
        self._edge = edge
        self._visits = visits

    async def enter(
        self, request: Request, path: str, *, recent: bool = False, strong: bool = False
    ) -> CurrentSession | Response:
        """Return the session of a user who may see `path`, or the response that leads there.

        `recent`: the sign-in is recent enough for a sensitive change. `strong`: a user who has a second
        factor has proven it in this session; a trusted browser or a code by mail will not do."""
        browser = self._edge.named_browser(request)
        entered = await self._visits.enter(browser, path, Demand(recent, strong))
        if isinstance(entered, CurrentSession):
            return entered
        response = self._edge.resume(entered)
        self._edge.keep_name(request, response, browser)
        return response
