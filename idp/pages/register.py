"""/register: a person makes an account, on the way to an app or by themselves.

Where addresses are verified first, what follows is the same page whether the address has an account or
not: only a mail to its owner tells.
"""

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, InvalidValue
from idp.flow.dispatch import GoTo
from idp.flow.steps import Login
from idp.identity.login import by_password
from idp.identity.password_policy import PasswordPolicy
from idp.identity.registration import NewAccount, Registration
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.federation.offers import Offers
from idp.pages.refusal import Refusal, outcome
from idp.pages.strength import strength_view

PURPOSE = "register"
FIELDS = ("email", "name", "password")
LONGEST_INVITATION = 200
"""Characters; ours are far shorter."""


class RegisterPage:
    """The registration page."""

    def __init__(
        self,
        desk: Desk,
        registration: Registration,
        policy: PasswordPolicy,
        admission: FormAdmission,
        offers: Offers,
    ) -> None:
        self._desk = desk
        self._offers = offers
        self._registration = registration
        self._policy = policy
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/register", self.show, methods=["GET"]),
            Route("/register", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form; without a transaction begin one that leads to the account."""
        desk = self._desk
        visit = await desk.visit_or_begin(request)
        if not _may_register(visit):
            return desk.resume(visit.transaction)
        invitation = request.query_params.get("invitation")
        if invitation:
            transaction = replace(visit.transaction, invitation=invitation[:LONGEST_INVITATION])
            await desk.transactions.save(transaction)
            visit = replace(visit, transaction=transaction)
        response = await self._page(visit, {})
        desk.cookies.keep_browser(request, response, visit.browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Take the form."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        if not _may_register(visit):
            return desk.resume(visit.transaction)
        try:
            self._admission.check(request)
            if form.get("decision") == "check":
                return await self._check(visit, form)
            return await self._register(request, visit, form)
        except IdpError as error:
            return await self._page(visit, form, Refusal.of(error, FIELDS))

    async def _check(self, visit: Visit, form: Mapping[str, str]) -> Response:
        await self._policy.check(form.get("password", ""), (form.get("email", ""), form.get("name", "")))
        return await self._page(visit, form)

    async def _register(self, request: Request, visit: Visit, form: Mapping[str, str]) -> Response:
        desk, transaction = self._desk, visit.transaction
        new = NewAccount(
            email=form.get("email", ""),
            password=form.get("password", ""),
            name=form.get("name", ""),
            invitation=transaction.invitation,
        )
        done = await self._registration.register(
            new, address=request.state.address, link_query=f"&tx={transaction.id}"
        )
        if done.user_id is not None and not self._registration.verifies_before_sign_in:
            return await desk.sign_in(request, transaction, done.user_id, by_password(desk.clock.now()))
        await desk.transactions.save(replace(transaction, registered=done))
        return desk.redirect("/verify-email", tx=transaction.id)

    async def _page(self, visit: Visit, form: Mapping[str, str], refusal: Refusal | None = None) -> Response:
        desk, transaction = self._desk, visit.transaction
        closed = None
        try:
            self._registration.check_possible(transaction.invitation)
        except InvalidValue as error:
            closed = error.sentence
            refusal = Refusal(403)
        await self._offers.refresh()
        about = (form.get("email", ""), form.get("name", ""))
        return desk.renderer.page(
            "register.html",
            client=client_view(visit.client),
            csrf=desk.forms.token(visit.browser, PURPOSE, transaction.id),
            tx=transaction.id,
            form_action=form_targets(transaction),
            connects=True,
            closed=closed,
            values={"email": form.get("email", ""), "name": form.get("name", "")},
            rule=self._policy.rule,
            strength=await strength_view(
                self._desk, self._policy, visit.browser, form.get("password", ""), about
            ),
            providers=self._offers.buttons(visit),
            login_url=desk.path("/login", tx=transaction.id),
            **outcome(refusal),
        )


def _may_register(visit: Visit) -> bool:
    """Whoever is signed in and not asked to sign in again has no use for another account."""
    return isinstance(visit.decision, GoTo) and visit.decision.step.path == Login.path
