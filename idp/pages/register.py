"""/register: a user makes an account, on the way to an app or on their own.

Where addresses are verified first, the same page follows whether the address has an account or not: only a
mail to its owner tells.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from idp.clock import Clock
from idp.errors import InvalidValue
from idp.flow.sign_in import SignIn
from idp.flow.steps import SIGN_IN_STEPS
from idp.flow.visits import Visit
from idp.identity import page_paths
from idp.identity.login import by_password
from idp.identity.password_policy import PasswordPolicy
from idp.identity.registration import NewAccount, Registration, check_possible
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.offers import Offers
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.pages.strength import strength_view
from idp.pages.views import RegisterView

LONGEST_INVITATION = 200
"""Characters; ours are far shorter."""


class RegisterPage(FlowPage):
    """The registration page. It is asked for where a sign-in is: a user who is signed in, and not asked to sign
    in again, has no use for another account."""

    path = page_paths.REGISTER
    purpose = "register"
    steps = SIGN_IN_STEPS
    fields = ("email", "name", "password")
    begins = True

    def __init__(
        self,
        parts: PageParts,
        registration: Registration,
        policy: PasswordPolicy,
        sign_in: SignIn,
        offers: Offers,
        clock: Clock,
    ) -> None:
        super().__init__(parts)
        self._registration = registration
        self._policy = policy
        self._sign_in = sign_in
        self._offers = offers
        self._clock = clock

    async def arrive(self, request: Request) -> Visit:
        """Keep the invitation whose link was opened."""
        visit = await super().arrive(request)
        invitation = request.query_params.get("invitation")
        if not invitation or not self.is_asked(visit):
            return visit
        transaction = await self.visits.amend(visit, invitation=invitation[:LONGEST_INVITATION])
        return replace(visit, transaction=transaction)

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Show the form, or why nobody can register."""
        visit, form = turn.visit, turn.form
        closed = None
        try:
            check_possible(visit.situation.policy.registration, visit.transaction.invitation)
        except InvalidValue as error:
            closed, refusal = error.sentence, Refusal(403)
        email, name = form.get("email", ""), form.get("name", "")
        offer = await self._offers.for_visit(visit)
        view = RegisterView(
            values={"email": email, "name": name},
            rule=await self._policy.rule(),
            strength=await strength_view(
                self.edge, self._policy, visit.browser, form.get("password", ""), (email, name)
            ),
            login_url=self.parts.path("/login", tx=visit.transaction.handle),
            closed=closed,
            providers=offer.buttons,
        )
        return self.page(view, turn, refusal, connects=True)

    async def take(self, turn: Turn) -> Response:
        """Make the account, or only judge the password."""
        visit, form = turn.visit, turn.form
        transaction = visit.transaction
        email, name, password = form.get("email", ""), form.get("name", ""), form.get("password", "")
        if form.get("decision") == "check":
            await self._policy.check(password, (email, name))
            return await self.show(turn)
        new = NewAccount(
            email=email,
            password=password,
            name=name,
            invitation=transaction.invitation,
            client_id=visit.client.client_id if visit.client is not None else None,
        )
        done = await self._registration.register(
            new, address=turn.address, link_query=f"&tx={transaction.id}"
        )
        verifies_first = visit.situation.policy.registration.verify_email == "before_sign_in"
        if done.user_id is not None and not verifies_first:
            authentication = by_password(self._clock.now(), done.generation)
            progress = await self._sign_in.sign_in(visit.browser, transaction, done.user_id, authentication)
            return self.edge.go_on(progress)
        arrived = transaction.arrived if transaction.arrived and transaction.arrived.link_user else None
        return await self.go_on(visit, registered=done, arrived=arrived)
