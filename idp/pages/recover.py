"""/recover: a forgotten password. The mail proves an address; signing in comes after, with what else is due."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, IdpError, InvalidValue
from idp.identity.password_policy import PasswordPolicy
from idp.identity.recovery import LINK_DEAD, Recovery
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view
from idp.pages.refusal import Refusal, outcome
from idp.pages.strength import strength_view
from idp.storage.models import User
from idp.text import Text

ASK_PURPOSE = "recover"
RESET_PURPOSE = "reset_password"


class RecoverPages:
    """Asking for the mail, and choosing a new password by its link."""

    def __init__(
        self, desk: Desk, recovery: Recovery, policy: PasswordPolicy, admission: FormAdmission
    ) -> None:
        self._desk = desk
        self._recovery = recovery
        self._policy = policy
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where they are served."""
        return [
            Route("/recover", self.show, methods=["GET"]),
            Route("/recover", self.submit, methods=["POST"]),
            Route("/recover/reset", self.show_reset, methods=["GET"]),
            Route("/recover/reset", self.submit_reset, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for the address; without a transaction begin one that leads to the account."""
        desk = self._desk
        visit = await desk.visit_or_begin(request)
        response = self._page(visit, "")
        desk.cookies.keep_browser(request, response, visit.browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Send the mail, or none; the answer is the same."""
        desk = self._desk
        form = await desk.form(request, ASK_PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        email = form.get("email", "").strip()
        try:
            self._admission.check(request)
            await self._recovery.ask(email, link_query=f"&tx={visit.transaction.id}")
        except IdpError as error:
            return self._page(visit, email, Refusal.of(error, ("email",)))
        return self._page(visit, email, sent=True)

    async def show_reset(self, request: Request) -> Response:
        """Ask for a new password, if the link is good."""
        desk = self._desk
        token = request.query_params.get("token", "")
        owner = await self._recovery.owner(token)
        if owner is None:
            return self._dead()
        browser = desk.cookies.browser_or_new(request)
        response = await self._reset_page(browser, owner, dict(request.query_params), password="")
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def submit_reset(self, request: Request) -> Response:
        """Set the new password. It signs nobody in."""
        desk = self._desk
        form = await desk.form(request, RESET_PURPOSE)
        token, password = form.get("token", ""), form.get("password", "")
        owner = await self._recovery.owner(token)
        if owner is None:
            return self._dead()
        refusal = None
        try:
            self._admission.check(request)
            if form.get("decision") != "check":
                await self._recovery.reset(token, password, address=request.state.address)
                return await self._done(request, form.get("tx"))
            await self._policy.check(password, (owner.email, str(owner.profile.get("name", ""))))
        except IdpError as error:
            if isinstance(error, InvalidValue) and error.sentence == LINK_DEAD:
                return self._dead()
            refusal = Refusal.of(error, ("password",))
        browser = desk.cookies.browser(request) or ""
        return await self._reset_page(browser, owner, form, password=password, refusal=refusal)

    async def _done(self, request: Request, transaction_id: str | None) -> Response:
        """Lead back into the sign-in under way, if it is still this browser's."""
        desk = self._desk
        try:
            visit = await desk.visit(request, transaction_id)
        except FlowError:
            next_url, client = desk.path("/account"), None
        else:
            next_url, client = desk.path("/authorize/resume", tx=visit.transaction.id), visit.client
        return desk.renderer.page(
            "mail_link.html",
            client=client_view(client),
            title=Text("Your password is changed"),
            sentence=Text("Sign in with the new one. Every browser and app has been signed out."),
            next_url=next_url,
            next_label=Text("Sign in"),
        )

    def _dead(self) -> Response:
        return self._desk.renderer.page(
            "mail_link.html",
            status=400,
            title=Text("This link is no longer good"),
            sentence=LINK_DEAD,
            next_url=self._desk.path("/recover"),
            next_label=Text("Ask for a new link"),
        )

    def _page(
        self, visit: Visit, email: str, refusal: Refusal | None = None, *, sent: bool = False
    ) -> Response:
        desk, transaction = self._desk, visit.transaction
        return desk.renderer.page(
            "recover.html",
            client=client_view(visit.client),
            csrf=desk.forms.token(visit.browser, ASK_PURPOSE, transaction.id),
            tx=transaction.id,
            values={"email": email},
            sent=sent,
            recover_url=desk.path("/recover", tx=transaction.id),
            login_url=desk.path("/login", tx=transaction.id),
            **outcome(refusal),
        )

    async def _reset_page(
        self,
        browser: str,
        owner: User,
        form: Mapping[str, str],
        *,
        password: str,
        refusal: Refusal | None = None,
    ) -> Response:
        desk, tx = self._desk, form.get("tx") or None
        about = (owner.email, str(owner.profile.get("name", "")))
        return desk.renderer.page(
            "reset.html",
            csrf=desk.forms.token(browser, RESET_PURPOSE, tx),
            tx=tx,
            connects=True,
            token=form.get("token", ""),
            email=owner.email,
            rule=self._policy.rule,
            strength=await strength_view(desk, self._policy, browser, password, about),
            **outcome(refusal),
        )
