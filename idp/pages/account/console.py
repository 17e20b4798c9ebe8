"""What the pages of the account have in common: who may see them, how their forms come and go."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, NotFound
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.refusal import Refusal, outcome
from idp.pages.render import Message
from idp.text import Text

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
    "unlinked": Text("That account is not linked any more."),
    "revoked": Text("That app has no access any more."),
}
"""What is said after a change, by the name that the redirect carries."""


class ConsolePage:
    """A page of the account. A subclass says what it shows, and what it does with its form."""

    path: ClassVar[str]
    template: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    """The fields beside which an error can be shown."""
    recent: ClassVar[bool] = False
    """Whether it asks for a recent sign-in, with a second factor from who has one."""
    connects: ClassVar[bool] = False
    under: ClassVar[str | None] = None
    """The page of the navigation that it belongs to, if it is not one itself."""

    def __init__(self, desk: Desk, self_service: SelfService, admission: FormAdmission) -> None:
        self.desk = desk
        self.self_service = self_service
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.submit, methods=["POST"])]

    async def gate(self, request: Request) -> CurrentSession | Response:
        """Return the session that may see the page, or the way to it."""
        if self.recent:
            return await self.desk.recently_proven(request, self.path)
        return await self.desk.signed_in(request, self.path)

    async def targets(self) -> tuple[str, ...]:
        """Return where its form may lead in the end, for the CSP."""
        return ()

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return what the template shows; `form` is what was sent, when it comes back."""
        raise NotImplementedError

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Do what the form asks for, or raise an `IdpError`. None shows the page with the form again."""
        raise NotImplementedError

    async def show(self, request: Request) -> Response:
        """Answer GET."""
        session = await self.gate(request)
        return session if isinstance(session, Response) else await self.page(request, session)

    async def submit(self, request: Request) -> Response:
        """Answer POST."""
        session = await self.gate(request)
        if isinstance(session, Response):
            return session
        form = await self.desk.form(request, self._purpose(session))
        try:
            self._admission.check(request)
            return await self.take(request, session, form) or await self.page(request, session, form)
        except NotFound:
            raise
        except IdpError as error:
            return await self.page(request, session, form, Refusal.of(error, self.fields))

    async def page(
        self,
        request: Request,
        session: CurrentSession,
        form: Mapping[str, str] | None = None,
        refusal: Refusal | None = None,
        message: Message | None = None,
    ) -> Response:
        """Return the page."""
        desk = self.desk
        browser = desk.cookies.browser_or_new(request)
        done = DONE.get(request.query_params.get("done", "")) if form is None else None
        response = desk.renderer.page(
            self.template,
            csrf=desk.forms.token(browser, self._purpose(session), None),
            connects=self.connects,
            # Signing out, from any page, may lead on to the provider that they came from.
            form_action=(*await self.targets(), *(("https:",) if session.authentication.upstream else ())),
            message=message or (Message("success", done) if done else None),
            account=session,
            navigation=NAVIGATION,
            here=self.under or self.path,
            **outcome(refusal),
            **await self.context(request, session, form or {}),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    def done(self, what: str) -> Response:
        """Lead back to the page, which then says what was done."""
        return self.desk.redirect(self.under or self.path, done=what)

    def _purpose(self, session: CurrentSession) -> str:
        """Bound to the session: a form of one person is worth nothing when another has signed in since."""
        return f"{self.path}:{session.id}"
