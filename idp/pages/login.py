"""/login: the user signs in, or chooses the account to go on with."""

from starlette.responses import Response

from idp.errors import Conflict, FlowError, InvalidValue, Unavailable
from idp.flow.federated.arrivals import Arrivals
from idp.flow.sign_in import SignIn
from idp.flow.steps import SIGN_IN_STEPS, SelectAccount
from idp.flow.visits import Visit
from idp.identity.login import AuthenticatedUser, PasswordLogin
from idp.identity.second_factor import SecondFactors
from idp.ops.metrics import Metrics
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.notices import message_of
from idp.pages.offers import Offer, Offers
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.pages.views import LoginView, SelectAccountView
from idp.text import Text
from idp.web.forms import purpose_in

WRONG = Text("That email and password do not match. Check both and try again.")
LONGEST_HINT = 320
"""Characters: the longest address that mail knows (RFC 5321 §4.5.3.1)."""


class SignInRefused(InvalidValue):
    """What the user gave proves nothing."""

    status = 401


class LoginPage(FlowPage):
    """The sign-in page."""

    path = "/login"
    purpose = "login"
    steps = SIGN_IN_STEPS
    begins = True

    def __init__(
        self,
        parts: PageParts,
        login: PasswordLogin,
        second_factors: SecondFactors,
        sign_in: SignIn,
        offers: Offers,
        arrivals: Arrivals,
        metrics: Metrics,
    ) -> None:
        super().__init__(parts)
        self._login = login
        self._second_factors = second_factors
        self._sign_in = sign_in
        self._offers = offers
        self._arrivals = arrivals
        self._metrics = metrics

    async def show(self, turn: Turn, refusal: Refusal | None = None) -> Response:
        """Show the form, or the account to choose. An app that names a provider has the user sent there."""
        visit, offer = turn.visit, await self._offers.for_visit(turn.visit)
        if not turn.form and offer.straight_to is not None:
            return self.edge.links.redirect(
                f"/federation/{offer.straight_to}/start", tx=visit.transaction.handle
            )
        targets = visit.destination.form_targets
        if offer.has_domains:
            targets = (*targets, *offer.targets)
        if refusal is None and visit.session is not None and visit.is_at(SelectAccount.name):
            return self.page(SelectAccountView(visit.session), turn, form_action=targets)
        tx, transaction = visit.transaction.handle, visit.transaction
        policy = visit.situation.policy
        may_register = policy.registration.mode == "open" or transaction.invitation
        passkeys = policy.second_factor.policy != "off"
        view = LoginView(
            email=turn.form["email"].strip() if "email" in turn.form else await self._known_email(visit),
            register_url=self.parts.path("/register", tx=tx) if may_register else None,
            recover_url=self.parts.path("/recover", tx=tx),
            providers=offer.buttons,
            organisations=offer.has_domains,
            passkeys=passkeys,
            usernames=policy.accounts.username_sign_in,
        )
        return self.page(
            view,
            turn,
            refusal,
            form_action=targets,
            message=message_of(transaction) if refusal is None else None,
            connects=passkeys,
        )

    async def take(self, turn: Turn) -> Response:
        """Take the form."""
        visit, form = turn.visit, turn.form
        email, password = form.get("email", "").strip(), form.get("password", "")
        match form.get("decision"):
            case "cancel":
                return await self.go_on(visit, cancelled=True)
            case "switch":
                return await self.go_on(visit, switching=True)
            case "continue":
                return await self._select(visit)
            case "passkey":
                found = await self._by_passkey(
                    visit, form.get("ceremony", "")[:200], form.get("assertion", "")
                )
            case decision:
                offer = await self._offers.for_visit(visit)
                if decision == "organisation" or (not password and offer.for_address(email)):
                    return self._send_on(visit, offer, email)
                found = await self._by_password(turn, email, password)
        if found is None:
            raise SignInRefused(WRONG)
        self._metrics.sign_in("succeeded")
        progress = await self._sign_in.sign_in(
            visit.browser, visit.transaction, found.user.id, found.authentication
        )
        return self.edge.go_on(progress)

    async def refused(self, turn: Turn, error: InvalidValue | Conflict | Unavailable) -> Response:
        """Count a sign-in that was refused or throttled."""
        if isinstance(error, SignInRefused):
            self._metrics.sign_in("refused")
        elif isinstance(error, Unavailable):
            self._metrics.sign_in("throttled")
        return await super().refused(turn, error)

    def form_purpose(self, visit: Visit) -> str:
        """Bind the form to the session only where it shows an account to go on with."""
        if visit.session is not None and visit.is_at(SelectAccount.name):
            return purpose_in(visit.session.id, self.purpose)
        return self.purpose

    def _send_on(self, visit: Visit, offer: Offer, email: str) -> Response:
        """Send a user to the provider of their address's domain."""
        name = offer.for_address(email)
        if name is None:
            raise InvalidValue(Text("No organisation is known for this address. Sign in with your password."))
        query = {"tx": visit.transaction.handle, "login_hint": email[:LONGEST_HINT]}
        return self.edge.links.redirect(f"/federation/{name}/start", **query)

    async def _select(self, visit: Visit) -> Response:
        if visit.session is None or not visit.is_at(SelectAccount.name):
            raise FlowError("There is no account to continue with.")
        return self.edge.resume(await self.visits.prove(visit, "selected"))

    async def _by_passkey(self, visit: Visit, ceremony: str, assertion: str) -> AuthenticatedUser | None:
        """Return the user; the authenticator has verified them, so this is two factors in one."""
        if visit.situation.policy.second_factor.policy == "off":
            raise InvalidValue(Text("Passkeys are not used here."))
        try:
            return await self._second_factors.sign_in_with_passkey(ceremony, assertion)
        except InvalidValue as error:
            raise SignInRefused(error.sentence, detail=error.detail) from error

    async def _by_password(self, turn: Turn, email: str, password: str) -> AuthenticatedUser | None:
        if not email or not password:
            raise InvalidValue(Text("Enter your email and your password."))
        client_id = turn.visit.client.client_id if turn.visit.client else None
        return await self._login.authenticate(email, password, turn.address, client_id=client_id)

    async def _known_email(self, visit: Visit) -> str:
        """Return the address of the account to link to, else the one that the app named, else that of the user
        who is signed in, unless they want to use another account."""
        arrived, request = visit.transaction.arrived, visit.request
        if arrived is not None and arrived.link_user is not None:
            arrival = await self._arrivals.of(visit.transaction)
            if arrival is not None and arrival.email:
                return arrival.email
        if request is not None and request.login_hint and "@" in request.login_hint:
            return request.login_hint[:LONGEST_HINT]
        if visit.session is not None and not visit.transaction.switching:
            return visit.session.email
        return ""
