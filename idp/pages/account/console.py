"""What the pages of the account have in common: the sign-in that they ask for, and how their forms come and go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, InvalidValue, Unavailable
from idp.identity.accounts import Accounts
from idp.identity.generation import ProvenAccount
from idp.identity.sessions import CurrentSession
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal, outcome
from idp.pages.render import Message
from idp.text import Text
from idp.web.forms import purpose_in

NAVIGATION = (
    ("/account", Text("Overview")),
    ("/account/profile", Text("Profile")),
    ("/account/email", Text("Email")),
    ("/account/password", Text("Password")),
    ("/account/security", Text("Security")),
    ("/account/connections", Text("Connections")),
    ("/account/sessions", Text("Sessions")),
    ("/account/apps", Text("Apps")),
    ("/account/data", Text("Your data")),
)

DONE: Mapping[str, str] = {
    "saved": Text("Your changes are saved."),
    "email": Text("Your email is changed."),
    "verified": Text("Your email is confirmed."),
    "password": Text("Your password is changed."),
    "ended": Text("That session has ended."),
    "others": Text("All other sessions have ended."),
    "apps_ended": Text("All sign-ins in apps have ended."),
    "unlinked": Text("The account was unlinked."),
    "revoked": Text("The app no longer has access."),
}
"""What is said after a change, by the name that the redirect carries."""


@dataclass(frozen=True, slots=True)
class AccountVisit:
    """A signed-in user at a page of their account, and the form that was posted (empty at a GET)."""

    request: Request
    session: CurrentSession
    form: Mapping[str, str]

    @property
    def user_id(self) -> str:
        """Whose account it is."""
        return self.session.user_id

    @property
    def account(self) -> ProvenAccount:
        """The account, as the session proves it."""
        return self.session.account

    @property
    def address(self) -> str:
        """The address that the request came from."""
        address: str = self.request.state.address
        return address


class ConsolePage:
    """A page of the account. A subclass says what it shows, and what it does with its form."""

    path: ClassVar[str]
    template: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    """The fields beside which an error can be shown."""
    recent: ClassVar[bool] = False
    """Whether it asks for a recent sign-in, with a second factor from a user who has one."""
    connects: ClassVar[bool] = False
    """Whether a script of the page asks this server something."""
    under: ClassVar[str | None] = None
    """The page of the navigation that it belongs to, if it is not one itself."""

    texts: ClassVar[Mapping[str, Any] | None] = None
    """What the template of a page shows that shows every user the same."""

    def __init__(self, parts: PageParts, gate: AccountGate, accounts: Accounts) -> None:
        self.parts = parts
        self.edge = parts.edge
        self.gate = gate
        self.accounts = accounts

    @property
    def routes(self) -> list[Route]:
        """The page and its form."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.submit, methods=["POST"])]

    async def enter(self, request: Request) -> CurrentSession | Response:
        """Return the session that may see the page, or the way to it."""
        return await self.gate.enter(request, self.path, recent=self.recent, strong=self.recent)

    async def targets(self) -> tuple[str, ...]:
        """Return where its form may lead in the end, for `form-action` (CSP)."""
        return ()

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Return what the template shows; the form is there when it comes back."""
        raise NotImplementedError

    async def take(self, visit: AccountVisit) -> Response | None:
        """Do what the form asks for. None shows the page with the form again, and so do `InvalidValue`,
        `Conflict` and `Unavailable`."""
        raise NotImplementedError

    async def show(self, request: Request) -> Response:
        """Answer GET."""
        session = await self.enter(request)
        if isinstance(session, Response):
            return session
        return await self.page(AccountVisit(request, session, {}))

    async def submit(self, request: Request) -> Response:
        """Answer POST."""
        session = await self.enter(request)
        if isinstance(session, Response):
            return session
        form = await self.edge.form(request, purpose_in(session.id, self.path))
        visit = AccountVisit(request, session, form)
        try:
            self.parts.admission.check(request)
            return await self.take(visit) or await self.page(visit)
        except (InvalidValue, Conflict, Unavailable) as error:
            return await self.page(visit, Refusal.of(error, self.fields))

    async def page(
        self, visit: AccountVisit, refusal: Refusal | None = None, message: Message | None = None
    ) -> Response:
        """Return the page."""
        request, session = visit.request, visit.session
        browser = self.edge.named_browser(request)
        done = None if visit.form else self.done_sentence(request)
        response = self.parts.renderer.page(
            self.template,
            csrf=self.edge.token(browser, purpose_in(session.id, self.path)),
            connects=self.connects,
            # Signing out, from any page, may lead on to the provider that the user came from.
            form_action=(*await self.targets(), *(("https:",) if session.authentication.upstream else ())),
            message=message or (Message("success", done) if done else None),
            account=session,
            navigation=NAVIGATION,
            here=self.under or self.path,
            **outcome(refusal),
            **(await self.context(visit) if self.texts is None else self.texts),
        )
        self.edge.keep_name(request, response, browser)
        return response

    def done_sentence(self, request: Request) -> str | None:
        """Return what the page says about the change that led back to it."""
        return DONE.get(request.query_params.get("done", ""))

    def done(self, what: str, **details: str) -> Response:
        """Lead back to the page, which then says what was done."""
        return self.edge.links.redirect(self.under or self.path, done=what, **details)
