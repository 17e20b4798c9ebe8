"""What the pages of the second factors still take in one piece."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from idp.clock import Clock
from idp.config import Settings
from idp.flow.sign_in import SignIn
from idp.flow.transaction import Transaction, Transactions
from idp.flow.visits import Visit
from idp.identity.second_factor import Proven, SecondFactors
from idp.identity.sessions import CurrentSession, StartedSession
from idp.pages.account.gate import AccountGate
from idp.pages.clients import client_view
from idp.pages.parts import PageParts
from idp.pages.render import Renderer
from idp.web.cookies import Cookies
from idp.web.forms import FormProtection

__all__ = ["Desk", "Visit", "client_view", "form_targets", "with_cookies"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts that these pages share."""

    settings: Settings
    clock: Clock
    parts: PageParts
    gate: AccountGate
    sign_ins: SignIn
    transactions: Transactions
    second_factors: SecondFactors

    @property
    def cookies(self) -> Cookies:
        """Reads and sets cookies."""
        return self.parts.edge.cookies

    @property
    def forms(self) -> FormProtection:
        """Makes the tokens of forms."""
        return self.parts.edge.forms

    @property
    def renderer(self) -> Renderer:
        """Renders templates."""
        return self.parts.renderer

    async def visit(self, request: Request, transaction_id: str | None) -> Visit:
        """Load the transaction and decide what is next; raise `FlowError` if it is not this browser's."""
        return await self.parts.visits.load(self.parts.edge.browser(request), transaction_id)

    async def signed_in(self, request: Request, path: str) -> CurrentSession | Response:
        """Return the session of a user who may see `path`, or the response that leads there."""
        return await self.gate.enter(request, path)

    async def recently_proven(self, request: Request, path: str) -> CurrentSession | Response:
        """Like `signed_in`, for a recent sign-in with the second factor of a user who has one."""
        return await self.gate.enter(request, path, recent=True, strong=True)

    async def step_up(
        self, request: Request, visit: Visit, proven: Proven, *, trust: bool = False
    ) -> tuple[Transaction, Response]:
        """Give the session the factor that was proven; return the transaction and the way on."""
        del request
        progress = await self.sign_ins.step_up(visit, proven, trust=trust)
        return progress.transaction, self.parts.edge.go_on(progress)

    async def strengthen(self, request: Request, session: CurrentSession, proven: Proven) -> StartedSession:
        """Replace the session by one that has the factor too."""
        return await self.sign_ins.strengthen(self.parts.edge.browser(request), session, proven)

    async def form(self, request: Request, purpose: str) -> Mapping[str, str]:
        """Read a posted form and check its token."""
        return await self.parts.edge.form(request, purpose)

    def path(self, path: str, **query: str) -> str:
        """Return a path of ours as a browser asks for it."""
        return self.parts.path(path, **query)

    def redirect(self, path: str, **query: str) -> Response:
        """Send the browser to a path of ours."""
        return self.parts.edge.links.redirect(path, **query)

    def resume(self, transaction: Transaction) -> Response:
        """Send the browser back to where the flow decides what is next."""
        return self.parts.edge.resume(transaction)


def with_cookies(response: Response, of: Response) -> Response:
    """Return the response with the cookies that another one would have set."""
    for name, value in of.raw_headers:
        if name == b"set-cookie":
            response.raw_headers.append((name, value))
    return response


def form_targets(transaction: Transaction) -> tuple[str, ...]:
    """Return where a form of this transaction may lead in the end, for `form-action` (CSP)."""
    return ("https:", transaction.request.redirect_uri) if transaction.request else ()
