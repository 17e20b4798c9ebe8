"""/account/security/FACTOR: setting up a factor on the account page."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, InvalidValue, NotFound, Unavailable
from idp.flow.sign_in import SignIn
from idp.identity.accounts import Accounts
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factors.factor import EnrollableFactor
from idp.identity.sessions import CurrentSession
from idp.pages.account.gate import AccountGate
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.factors.security import SecurityPage
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal, outcome
from idp.text import Text
from idp.web.forms import purpose_in

PURPOSE = "security_setup"
NO_PAGE = Text("There is no page at this address.")
NOTHING_SENT: Mapping[str, str] = MappingProxyType({})


class SetUpPage:
    """One page for each factor that can be added. A user who has a factor already proves it first."""

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        enrolled: EnrolledFactors,
        addable: Sequence[EnrollableFactor],
        sign_in: SignIn,
    ) -> None:
        self._parts = parts
        self._edge = parts.edge
        self._gate = gate
        self._accounts = accounts
        self._enrolled = enrolled
        self._addable = {factor.page: factor for factor in addable}
        self._sign_in = sign_in

    @property
    def routes(self) -> list[Route]:
        """The page of a factor, and its form."""
        path = f"{SecurityPage.path}/{{page:str}}"
        return [Route(path, self.show, methods=["GET"]), Route(path, self.take, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Show how to set up the factor."""
        factor = self._factor_of(request)
        path = f"{SecurityPage.path}/{factor.page}"
        session = await self._gate.enter(request, path, recent=True, strong=True)
        if isinstance(session, Response):
            return session
        return await self._page(request, session, factor)

    async def take(self, request: Request) -> Response:
        """Take the confirmation. The factor was proven by it, so the session has it too."""
        factor = self._factor_of(request)
        session = await self._gate.enter(request, SecurityPage.path, recent=True, strong=True)
        if isinstance(session, Response):
            return session
        form = await self._edge.form(request, purpose_in(session.id, PURPOSE))
        if form.get("kind") != factor.kind:
            raise NotFound(NO_PAGE)
        user = await self._accounts.proven(session.account)
        try:
            self._parts.admission.check(request)
            enrolled = await self._enrolled.finish(user, form, self._parts.renderer.say)
        except (InvalidValue, Conflict, Unavailable) as error:
            refusal = Refusal.of(error, ("code", "name"))
            return await self._page(request, session, factor, refusal=refusal, form=form)
        browser = self._edge.browser(request)
        started = await self._sign_in.strengthen(browser, session, enrolled.proven)
        response = self._edge.links.redirect(SecurityPage.path)
        if enrolled.recovery_codes is not None:
            next_url = self._parts.path(SecurityPage.path)
            response = show_codes(self._parts, browser, enrolled.recovery_codes, next_url)
        self._edge.cookies.set_session(response, started.token)
        return response

    def _factor_of(self, request: Request) -> EnrollableFactor:
        """Return the factor that is set up at this URL; raise `NotFound`."""
        factor = self._addable.get(request.path_params["page"])
        if factor is None:
            raise NotFound(NO_PAGE)
        return factor

    async def _page(
        self,
        request: Request,
        session: CurrentSession,
        factor: EnrollableFactor,
        *,
        refusal: Refusal | None = None,
        form: Mapping[str, str] = NOTHING_SENT,
    ) -> Response:
        browser = self._edge.named_browser(request)
        user = await self._accounts.proven(session.account)
        response = self._parts.renderer.page(
            factor.enrolment_template,
            factor=factor,
            csrf=self._edge.token(browser, purpose_in(session.id, PURPOSE)),
            action=self._parts.path(f"{SecurityPage.path}/{factor.page}"),
            required=False,
            may_put_off=False,
            others=[],
            back_url=self._parts.path(SecurityPage.path),
            name=form.get("name", ""),
            **await self._enrolled.begin(user, factor, form.get("draft")),
            **outcome(refusal),
        )
        self._edge.keep_name(request, response, browser)
        return response
