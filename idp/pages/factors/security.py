"""/account/security: a person's second factors, and setting up, renaming and removing them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, NotFound
from idp.identity.enrolled_factors import EnrolledFactors
from idp.identity.factor_reset import FactorResets
from idp.identity.factors.factor import EnrollableFactor
from idp.identity.factors.recovery_codes import FEW, RecoveryCodes
from idp.identity.self_service import SelfService
from idp.pages.account.console import NAVIGATION
from idp.pages.account.devices import device_of
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.factors.recovery_codes import show_codes
from idp.pages.refusal import Refusal, outcome
from idp.storage.models import User
from idp.text import Text

PATH = "/account/security"
PURPOSE = "security"
SETUP = "security_setup"
NO_PAGE = Text("There is no page at this address.")
NOTHING_SENT: Mapping[str, str] = MappingProxyType({})


class SecurityPages:
    """The account's security pages."""

    def __init__(
        self,
        desk: Desk,
        accounts: SelfService,
        codes: RecoveryCodes,
        resets: FactorResets,
        enrolled: EnrolledFactors,
        admission: FormAdmission,
    ) -> None:
        self._desk = desk
        self._accounts = accounts
        self._trusted_browsers = desk.second_factors.trusted_browsers
        self._codes = codes
        self._resets = resets
        self._enrolled = enrolled
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where they are served."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.change, methods=["POST"]),
            Route(f"{PATH}/{{page:str}}", self.set_up, methods=["GET"]),
            Route(f"{PATH}/{{page:str}}", self.finish, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List what is set up."""
        desk = self._desk
        session = await desk.signed_in(request, PATH)
        if isinstance(session, Response):
            return session
        browser = desk.cookies.browser_or_new(request)
        user = await self._accounts.get(session.user_id)
        left = await self._codes.left(session.user_id)
        response = desk.renderer.page(
            "security.html",
            csrf=desk.forms.token(browser, PURPOSE, None),
            account=session,
            navigation=NAVIGATION,
            reset_at=user.factor_reset_at,
            here=PATH,
            enrolled=await self._enrolled.of_user(session.user_id),
            codes_left=left,
            few=left <= FEW,
            addable=[(factor, desk.path(f"{PATH}/{factor.page}")) for factor in self._addable],
            trusted=[
                (each.id, device_of(each.user_agent), each.expires_at)
                for each in await self._trusted_browsers.of_user(session.user_id)
            ],
            **outcome(None),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def change(self, request: Request) -> Response:
        """Rename or remove a factor. Removing asks for a recent proof of one."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        if form.get("decision") == "keep":
            return await self._keep(request)
        session = await desk.recently_proven(request, PATH)
        if isinstance(session, Response):
            return session
        user = await self._accounts.get(session.user_id)
        kind, credential_id = form.get("kind", ""), form.get("id", "")
        if form.get("decision") == "distrust":
            await self._trusted_browsers.distrust(user.id, credential_id)
        elif form.get("decision") == "remove":
            await self._enrolled.remove(user, kind, credential_id)
        else:
            await self._enrolled.rename(user, kind, credential_id, form.get("name", ""))
        return desk.redirect(PATH)

    async def _keep(self, request: Request) -> Response:
        """Object to an administrator's reset. Nothing is lost by it, so being signed in is enough."""
        session = await self._desk.signed_in(request, PATH)
        if isinstance(session, Response):
            return session
        await self._resets.cancel(await self._accounts.get(session.user_id), "owner")
        return self._desk.redirect(PATH)

    async def set_up(self, request: Request) -> Response:
        """Show how to set up a factor. A person who has one already proves it first."""
        factor = self._factor_of(request)
        session = await self._desk.recently_proven(request, f"{PATH}/{factor.page}")
        if isinstance(session, Response):
            return session
        user = await self._accounts.get(session.user_id)
        return await self._page(request, user, factor)

    async def finish(self, request: Request) -> Response:
        """Take the confirmation."""
        desk = self._desk
        factor = self._factor_of(request)
        form = await desk.form(request, SETUP)
        if form.get("kind") != factor.kind:
            raise NotFound(NO_PAGE)
        session = await desk.recently_proven(request, PATH)
        if isinstance(session, Response):
            return session
        user = await self._accounts.get(session.user_id)
        try:
            self._admission.check(request)
            enrolled = await self._enrolled.finish(user, form, desk.renderer.say)
        except IdpError as error:
            refusal = Refusal.of(error, ("code", "name"))
            return await self._page(request, user, factor, refusal=refusal, form=form)
        if enrolled.recovery_codes is None:
            response = desk.redirect(PATH)
        else:
            browser = desk.cookies.browser(request) or ""
            response = show_codes(desk, browser, enrolled.recovery_codes, desk.path(PATH))
        started = await desk.strengthen(request, session, enrolled.proven)  # it was proven just now
        desk.cookies.set_session(response, started.token)
        return response

    @property
    def _addable(self) -> Sequence[EnrollableFactor]:
        return [] if self._desk.settings.second_factor.policy == "off" else self._enrolled.possible

    def _factor_of(self, request: Request) -> EnrollableFactor:
        """Return the factor that is set up at this URL; raise `NotFound`."""
        page = request.path_params["page"]
        factor = next((each for each in self._addable if each.page == page), None)
        if factor is None:
            raise NotFound(NO_PAGE)
        return factor

    async def _page(
        self,
        request: Request,
        user: User,
        factor: EnrollableFactor,
        *,
        refusal: Refusal | None = None,
        form: Mapping[str, str] = NOTHING_SENT,
    ) -> Response:
        desk = self._desk
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            factor.enrolment_template,
            factor=factor,
            csrf=desk.forms.token(browser, SETUP, None),
            action=desk.path(f"{PATH}/{factor.page}"),
            required=False,
            may_put_off=False,
            others=[],
            back_url=desk.path(PATH),
            name=form.get("name", ""),
            **await self._enrolled.begin(user, factor, form.get("draft")),
            **outcome(refusal),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response
