"""/recover: a forgotten password. The mail proves an address; the sign-in comes after, with what else is due."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, InvalidValue, Unavailable
from idp.flow.visits import Browser
from idp.identity import page_paths
from idp.identity.password_policy import PasswordPolicy
from idp.identity.recovery import LINK_DEAD, Recovery
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.mail_link import MailLinkPage
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal, outcome
from idp.pages.strength import strength_view
from idp.pages.views import RecoverView, ResetView
from idp.storage.models import User
from idp.text import Text


class RecoverPage(FlowPage):
    """Asks for the address that the mail goes to."""

    path = page_paths.RECOVER
    purpose = "recover"
    fields = ("email",)
    begins = True

    def __init__(self, parts: PageParts, recovery: Recovery) -> None:
        super().__init__(parts)
        self._recovery = recovery

    async def show(self, turn: Turn, refusal: Refusal | None = None, *, sent: bool = False) -> Response:
        """Ask for the address, or say where to look."""
        tx = turn.visit.transaction.handle
        view = RecoverView(
            values={"email": turn.form.get("email", "").strip()},
            recover_url=self.parts.path(self.path, tx=tx),
            login_url=self.parts.path("/login", tx=tx),
            sent=sent,
        )
        return self.page(view, turn, refusal, form_action=())

    async def take(self, turn: Turn) -> Response:
        """Send the mail, or none; the answer is the same."""
        email = turn.form.get("email", "").strip()
        await self._recovery.ask(email, link_query=f"&tx={turn.visit.transaction.id}", address=turn.address)
        return await self.show(turn, sent=True)


class ResetPage(MailLinkPage):
    """Asks the owner of an address, who opened the link of the mail, for a new password."""

    path = page_paths.RESET_PASSWORD
    purpose = "reset_password"

    def __init__(self, parts: PageParts, recovery: Recovery, policy: PasswordPolicy) -> None:
        super().__init__(parts)
        self._recovery = recovery
        self._policy = policy

    @property
    def routes(self) -> list[Route]:
        """The page and its form."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.take, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for a new password, if the link is good."""
        owner = await self._recovery.owner(request.query_params.get("token", ""))
        if owner is None:
            return self._dead()
        browser = self.edge.named_browser(request)
        response = await self._page(browser, owner, dict(request.query_params), password="")
        self.edge.keep_name(request, response, browser)
        return response

    async def take(self, request: Request) -> Response:
        """Set the new password, or only judge it. It signs nobody in."""
        form = await self.edge.form(request, self.purpose)
        token, password = form.get("token", ""), form.get("password", "")
        owner = await self._recovery.owner(token)
        if owner is None:
            return self._dead()
        browser, refusal = self.edge.browser(request), None
        try:
            self.parts.admission.check(request)
            if form.get("decision") != "check":
                await self._recovery.reset(token, password, address=browser.visitor.address)
                return await self._done(request, form.get("tx"))
            await self._policy.check(password, _about(owner))
        except (InvalidValue, Conflict, Unavailable) as error:
            if error.sentence == LINK_DEAD:
                return self._dead()
            refusal = Refusal.of(error, ("password",))
        return await self._page(browser, owner, form, password=password, refusal=refusal)

    async def _done(self, request: Request, transaction_id: str | None) -> Response:
        """Lead back into the sign-in under way, if it is still this browser's."""
        visit = await self.visit_of(request, transaction_id)
        return self.tell(
            title=Text("Your password is changed"),
            sentence=Text("Sign in with the new one. Every browser and app has been signed out."),
            next_url=self.onward(visit),
            next_label=Text("Sign in"),
            visit=visit,
        )

    def _dead(self) -> Response:
        return self.tell(
            status=400,
            title=Text("This link no longer works"),
            sentence=LINK_DEAD,
            next_url=self.parts.path("/recover"),
            next_label=Text("Ask for a new link"),
        )

    async def _page(
        self,
        browser: Browser,
        owner: User,
        form: Mapping[str, str],
        *,
        password: str,
        refusal: Refusal | None = None,
    ) -> Response:
        tx = form.get("tx") or None
        strength = await strength_view(self.edge, self._policy, browser, password, _about(owner))
        return self.parts.renderer.page(
            ResetView(form.get("token", ""), owner.email, await self._policy.rule(), strength),
            csrf=self.edge.token(browser, self.purpose, tx),
            tx=tx,
            connects=True,
            **outcome(refusal),
        )


def _about(owner: User) -> tuple[str, str]:
    return owner.email, str(owner.profile.get("name", ""))
