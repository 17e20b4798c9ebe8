"""/verify-email: the user shows that an address is theirs, by the code or the link of a mail.

It serves a user who has just registered in this transaction, and one who is signed in with an address that is
not verified yet. For an address that had an account before, the page is the same, and no code is right.

What the user chose here comes along with the proof: if the address was registered more than once, the password
counts where it was chosen and nowhere else.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.clock import Clock
from idp.errors import FlowError, InvalidValue
from idp.flow.notices import notice
from idp.flow.sign_in import SignIn
from idp.flow.steps import VerifyEmail, VerifyRegistration
from idp.flow.visits import Visit, Visits
from idp.identity.login import by_password
from idp.identity.registration import Registration
from idp.oauth.http import NO_STORE
from idp.pages.flow_page import FlowPage, Turn
from idp.pages.parts import PageParts
from idp.pages.refusal import Refusal
from idp.pages.render import Message
from idp.pages.views import VerifyEmailView
from idp.storage.models import User
from idp.text import Text
from idp.web.edge import BrowserEdge

WRONG = Text("This code is wrong or has expired. Use the code from the latest mail, or send a new one.")
NOT_THIS_PASSWORD = Text(
    "This address is confirmed, but the password that you chose here is not valid. Sign in, or choose a new one."
)
NOT_YET = Text("This address is not confirmed yet. Open the link in the mail first, or enter its code.")
SENT_AGAIN = Message(
    "success",
    Text(
        "The mail is on its way again. Only the latest one counts. If no new one comes, use the one you have."
    ),
)


@dataclass(frozen=True, slots=True)
class Unverified:
    """The address that is to be verified in a transaction."""

    email: str
    user_id: str | None
    registered: bool
    """Whether the user registered in this transaction, and is not signed in yet."""


class AfterVerification:
    """Lets a user whose address was verified go on."""

    def __init__(self, edge: BrowserEdge, visits: Visits, sign_in: SignIn, clock: Clock) -> None:
        self._edge = edge
        self._visits = visits
        self._sign_in = sign_in
        self._clock = clock

    async def go_on(self, visit: Visit, user: User) -> Response:
        """Sign in the user who registered here, if the account has the password that was chosen here. Else
        the address was registered by another user too, or its account got a password since: then only that
        password tells whose it is."""
        registered = visit.transaction.registered
        if registered is None:
            return self._edge.resume(visit.transaction)
        if not registered.is_of(user):
            told = notice(NOT_THIS_PASSWORD, "notice")
            return self._edge.resume(await self._visits.keep(visit, registered=None, notice=told))
        authentication = by_password(self._clock.now(), user.generation)
        progress = await self._sign_in.sign_in(visit.browser, visit.transaction, user.id, authentication)
        return self._edge.go_on(progress)


class VerifyEmailPage(FlowPage):
    """Asks for the code of the mail."""

    path = "/verify-email"
    purpose = "verify_email"
    steps = (VerifyRegistration.name, VerifyEmail.name)
    fields = ("code",)
    personal = True

    def __init__(self, parts: PageParts, registration: Registration, after: AfterVerification) -> None:
        super().__init__(parts)
        self._registration = registration
        self._after = after

    @property
    def routes(self) -> list[Route]:
        """The page, its form, and what its script asks."""
        return [*super().routes, Route(f"{self.path}/state", self.state, methods=["GET"])]

    async def state(self, request: Request) -> Response:
        """Tell the page's script whether the address has been verified elsewhere."""
        visit = await self.arrive(request)
        verified = not self.is_asked(visit) or await self._verified(_unverified(visit)) is not None
        return JSONResponse({"verified": verified}, headers=NO_STORE)

    async def show(
        self, turn: Turn, refusal: Refusal | None = None, message: Message | None = None
    ) -> Response:
        """Ask for the code."""
        visit, tx = turn.visit, turn.visit.transaction.handle
        unverified = _unverified(visit)
        view = VerifyEmailView(
            unverified.email,
            state_url=self.parts.path(f"{self.path}/state", tx=tx),
            register_url=self.parts.path("/register", tx=tx) if unverified.registered else None,
        )
        return self.page(view, turn, refusal, connects=True, message=message)

    async def take(self, turn: Turn) -> Response:
        """Take the code, go on after the link, send the mail again, or let another user sign in."""
        visit, unverified = turn.visit, _unverified(turn.visit)
        match turn.form.get("decision"):
            case "again":
                link_query = f"&tx={visit.transaction.id}"
                await self._registration.send_again(
                    unverified.email, link_query=link_query, address=turn.address
                )
                return await self.show(turn, message=SENT_AGAIN)
            case "switch" if not unverified.registered:
                return await self.go_on(visit, switching=True)
            case "continue":
                user = await self._verified(unverified)
                if user is None:
                    raise InvalidValue(NOT_YET)
            case _:
                user = await self._by_code(visit, unverified, turn.form.get("code", "").strip())
        return await self._after.go_on(visit, user)

    async def _by_code(self, visit: Visit, unverified: Unverified, code: str) -> User:
        if not code:
            raise InvalidValue("Enter the code from the mail.", field="code")
        registered = visit.transaction.registered
        user = await self._registration.verify_by_code(
            unverified.email, unverified.user_id, code, registered, address=visit.browser.visitor.address
        )
        if user is None:
            raise InvalidValue(WRONG, field="code")
        return user

    async def _verified(self, unverified: Unverified) -> User | None:
        """Return the user if the address has been verified meanwhile."""
        if unverified.user_id is None:
            return None
        return await self._registration.find_verified(unverified.user_id)


def _unverified(visit: Visit) -> Unverified:
    registered, session = visit.transaction.registered, visit.session
    if registered is not None and visit.is_at(VerifyRegistration.name):
        return Unverified(registered.email, registered.user_id, registered=True)
    if session is None:
        raise FlowError("Nobody is signed in any more. Start again.")
    return Unverified(session.email, session.user_id, registered=False)
