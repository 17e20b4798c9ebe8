"""/login: the person proves who they are, or says which account to go on with."""

from dataclasses import replace
from math import ceil

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError, InvalidValue, Throttled, Unavailable
from idp.flow.dispatch import GoTo
from idp.flow.steps import Login, SelectAccount
from idp.flow.transaction import Proof
from idp.identity.login import PasswordLogin
from idp.oauth.http import NO_STORE
from idp.ops.metrics import Metrics
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.federation.offers import Offers
from idp.pages.notices import message_of
from idp.text import Text

WRONG = Text("That email and password do not match. Check both and try again.")
PURPOSE = "login"


class LoginPage:
    """The sign-in page."""

    def __init__(
        self,
        desk: Desk,
        login: PasswordLogin,
        admission: FormAdmission,
        metrics: Metrics,
        offers: Offers,
    ) -> None:
        self._desk = desk
        self._offers = offers
        self._passkeys_allowed = desk.settings.second_factor.policy != "off"
        self._login = login
        self._admission = admission
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form; without a transaction begin one that leads to the account."""
        desk = self._desk
        visit = await desk.visit_or_begin(request)
        if not _is_asked(visit):
            return desk.resume(visit.transaction)
        await self._offers.refresh()
        straight = self._offers.straight_to(visit)
        if straight is not None:
            return desk.redirect(f"/federation/{straight}/start", tx=visit.transaction.id)
        response = self._page(visit)
        desk.cookies.keep_browser(request, response, visit.browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Take the form."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        if not _is_asked(visit):
            return desk.resume(visit.transaction)  # done already: another tab, or a second click
        await self._offers.refresh()
        email = form.get("email", "").strip()
        match form.get("decision"):
            case "cancel":
                return await self._save(visit, cancelled=True)
            case "switch":
                return await self._save(visit, switching=True)
            case "continue":
                return await self._select(visit)
            case "passkey":
                return await self._sign_in_by_passkey(
                    request, visit, form.get("ceremony", "")[:200], form.get("assertion", "")
                )
            case "organisation":
                return self._send_on(visit, email)
            case _ if not form.get("password") and self._offers.for_address(email):
                return self._send_on(visit, email)
            case _:
                return await self._authenticate(request, visit, email, form.get("password", ""))

    def _send_on(self, visit: Visit, email: str) -> Response:
        """Send a person to the provider that the people of their address's domain use."""
        name = self._offers.for_address(email)
        if name is None:
            sentence = Text("No organisation is known for this address. Sign in with your password.")
            return self._page(visit, email=email, form_error=sentence, status=400)
        query = {"tx": visit.transaction.id, "login_hint": email[:320]}
        return self._desk.redirect(f"/federation/{name}/start", **query)

    async def _save(self, visit: Visit, *, cancelled: bool = False, switching: bool = False) -> Response:
        transaction = replace(visit.transaction, cancelled=cancelled, switching=switching)
        await self._desk.transactions.save(transaction)
        return self._desk.resume(transaction)

    async def _select(self, visit: Visit) -> Response:
        decision, session = visit.decision, visit.session
        if session is None or not isinstance(decision, GoTo) or decision.step.name != SelectAccount.name:
            raise FlowError("There is no account to continue with.")
        proof = Proof(SelectAccount.name, session.user_id, session.id, "selected", self._desk.clock.now())
        transaction = visit.transaction.with_proof(proof)
        await self._desk.transactions.save(transaction)
        return self._desk.resume(transaction)

    async def _sign_in_by_passkey(
        self, request: Request, visit: Visit, ceremony: str, assertion: str
    ) -> Response:
        """The authenticator has verified its person, so this is two factors in one."""
        if not self._passkeys_allowed:
            return self._page(visit, form_error=Text("Passkeys are not used here."), status=400)
        try:
            self._admission.check(request)
            proven = await self._desk.second_factors.sign_in_with_passkey(ceremony, assertion)
        except Throttled as error:
            return self._page(
                visit, form_error=error.sentence, status=error.status, retry_after=error.retry_after
            )
        except InvalidValue as error:
            self._metrics.sign_in("refused")
            return self._page(visit, form_error=error.sentence, status=401)
        self._metrics.sign_in("succeeded")
        return await self._desk.sign_in(request, visit.transaction, proven.user.id, proven.authentication)

    async def _authenticate(self, request: Request, visit: Visit, email: str, password: str) -> Response:
        desk = self._desk
        address = request.state.address
        if not email or not password:
            return self._page(
                visit, email=email, form_error=Text("Enter your email and your password."), status=400
            )
        client_id = visit.client.client_id if visit.client else None
        try:
            self._admission.check(request)
            found = await self._login.authenticate(email, password, address, client_id=client_id)
        except Unavailable as error:
            self._metrics.sign_in("throttled")
            return self._page(
                visit,
                email=email,
                form_error=error.sentence,
                status=error.status,
                retry_after=error.retry_after,
            )
        if found is None:
            self._metrics.sign_in("refused")
            return self._page(visit, email=email, form_error=WRONG, status=401)
        self._metrics.sign_in("succeeded")
        return await desk.sign_in(request, visit.transaction, found.user.id, found.authentication)

    def _page(
        self,
        visit: Visit,
        *,
        email: str | None = None,
        form_error: str | None = None,
        status: int = 200,
        retry_after: float | None = None,
    ) -> Response:
        desk, transaction, decision = self._desk, visit.transaction, visit.decision
        csrf = desk.forms.token(visit.browser, PURPOSE, transaction.id)
        headers = dict(NO_STORE)
        if retry_after is not None:
            # Rounded up: a moment less, and the next try would be too soon.
            headers["Retry-After"] = str(max(1, ceil(retry_after)))
        view, targets = client_view(visit.client), form_targets(transaction)
        if self._offers.has_domains:
            targets = (*targets, *self._offers.targets)
        if (
            visit.session is not None
            and form_error is None
            and isinstance(decision, GoTo)
            and decision.step.name == SelectAccount.name
        ):
            return desk.renderer.page(
                "select_account.html",
                client=view,
                csrf=csrf,
                tx=transaction.id,
                form_action=targets,
                headers=headers,
                account=visit.session,
            )
        return desk.renderer.page(
            "login.html",
            status=status,
            client=view,
            csrf=csrf,
            tx=transaction.id,
            form_action=targets,
            headers=headers,
            email=email if email is not None else _known_email(visit),
            form_error=form_error,
            register_url=(
                desk.path("/register", tx=transaction.id)
                if desk.settings.registration.mode == "open" or transaction.invitation
                else None
            ),
            recover_url=desk.path("/recover", tx=transaction.id),
            message=message_of(transaction) if form_error is None else None,
            providers=self._offers.buttons(visit),
            organisations=self._offers.has_domains,
            passkeys=self._passkeys_allowed,
            connects=self._passkeys_allowed,
        )


def _is_asked(visit: Visit) -> bool:
    return isinstance(visit.decision, GoTo) and visit.decision.step.path == Login.path


def _known_email(visit: Visit) -> str:
    """Prefill with what the client said, else with who is signed in, unless they want to be somebody else."""
    request = visit.transaction.request
    if request is not None and request.login_hint and "@" in request.login_hint:
        return request.login_hint[:320]
    if visit.session is not None and not visit.transaction.switching:
        return visit.session.email
    return ""
