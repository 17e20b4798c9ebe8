"""/verify-email: the person shows that an address is theirs, by the code or the link of a mail.

It serves who has just registered in this transaction, and who is signed in with an address that is not
verified yet. For an address that had an account before, the page is the same, and no code is right.

What the person chose here comes along with the proof: if the address was registered more than once, it counts
where it was chosen and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.errors import IdpError, InvalidValue
from idp.flow.dispatch import GoTo
from idp.flow.notices import notice
from idp.flow.steps import VerifyEmail
from idp.flow.transaction import Transaction
from idp.identity.login import by_password
from idp.identity.registration import Registration
from idp.oauth.http import NO_STORE
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit, client_view, form_targets
from idp.pages.refusal import Refusal, outcome
from idp.pages.render import Message
from idp.storage.models import User
from idp.text import Text

PURPOSE = "verify_email"
WRONG = Text("This code is wrong or no longer good. Look for the latest mail, or send a new one.")
NOT_THIS_PASSWORD = Text(
    "This address is confirmed, but the password that was chosen here does not count. Sign in, or choose a new one."
)
NOT_YET = Text("This address is not confirmed yet. Open the link in the mail first, or enter its code.")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whose address is to be verified in a transaction."""

    email: str
    user_id: str | None
    registered: bool
    """Whether they registered in this transaction, and are not signed in yet."""


class VerifyEmailPage:
    """The page of the flow."""

    def __init__(self, desk: Desk, registration: Registration, admission: FormAdmission) -> None:
        self._desk = desk
        self._registration = registration
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/verify-email", self.show, methods=["GET"]),
            Route("/verify-email", self.submit, methods=["POST"]),
            Route("/verify-email/state", self.state, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for the code."""
        desk = self._desk
        visit = await desk.visit(request, request.query_params.get("tx"))
        waiting = _waiting(visit)
        return desk.resume(visit.transaction) if waiting is None else self._page(visit, waiting)

    async def submit(self, request: Request) -> Response:
        """Take the code, go on after the link, send the mail again, or let somebody else sign in."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        visit = await desk.visit(request, form.get("tx"))
        waiting = _waiting(visit)
        if waiting is None:
            return desk.resume(visit.transaction)
        try:
            self._admission.check(request)
            return await self._take(request, visit, waiting, form)
        except IdpError as error:
            return self._page(visit, waiting, Refusal.of(error, ("code",)))

    async def state(self, request: Request) -> Response:
        """Tell the waiting page's script whether the address has been verified elsewhere."""
        visit = await self._desk.visit(request, request.query_params.get("tx"))
        waiting = _waiting(visit)
        verified = waiting is None or await self._verified(waiting) is not None
        return JSONResponse({"verified": verified}, headers=NO_STORE)

    async def _take(
        self, request: Request, visit: Visit, waiting: Waiting, form: Mapping[str, str]
    ) -> Response:
        transaction = visit.transaction
        match form.get("decision"):
            case "again":
                await self._registration.send_again(waiting.email, link_query=f"&tx={transaction.id}")
                message = Message(
                    "success", Text("The mail is on its way again. Only the latest one counts.")
                )
                return self._page(visit, waiting, message=message)
            case "switch" if not waiting.registered:
                transaction = replace(transaction, switching=True)
                await self._desk.transactions.save(transaction)
                return self._desk.resume(transaction)
            case "continue":
                user = await self._verified(waiting)
                if user is None:
                    raise InvalidValue(NOT_YET)
            case _:
                code = form.get("code", "").strip()
                if not code:
                    raise InvalidValue("Enter the code from the mail.", field="code")
                user = await self._registration.verify_by_code(waiting.user_id, code, transaction.registered)
                if user is None:
                    raise InvalidValue(WRONG, field="code")
        return await go_on(self._desk, request, transaction, user)

    async def _verified(self, waiting: Waiting) -> User | None:
        """Return whose address it is if it has been verified meanwhile."""
        if waiting.user_id is None:
            return None
        async with self._desk.database.reading() as uow:
            user = await uow.users.get(waiting.user_id)
        return user if user is not None and user.email_verified and user.disabled_at is None else None

    def _page(
        self,
        visit: Visit,
        waiting: Waiting,
        refusal: Refusal | None = None,
        message: Message | None = None,
    ) -> Response:
        desk, transaction = self._desk, visit.transaction
        return desk.renderer.page(
            "verify_email.html",
            client=client_view(visit.client),
            csrf=desk.forms.token(visit.browser, PURPOSE, transaction.id),
            tx=transaction.id,
            form_action=form_targets(transaction),
            connects=True,
            message=message,
            email=waiting.email,
            state_url=desk.path("/verify-email/state", tx=transaction.id),
            register_url=desk.path("/register", tx=transaction.id) if waiting.registered else None,
            **outcome(refusal),
        )


async def go_on(desk: Desk, request: Request, transaction: Transaction, user: User) -> Response:
    """Go on after the verification. Who registered here is signed in by that if the account has the password
    that was chosen here: else somebody registered the address too, or has set a password since, and only that
    tells whose it is."""
    registered = transaction.registered
    if registered is not None and registered.is_of(user):
        return await desk.sign_in(request, transaction, user.id, by_password(desk.clock.now()))
    if registered is not None:
        transaction = replace(transaction, registered=None, notice=notice(NOT_THIS_PASSWORD, "notice"))
        await desk.transactions.save(transaction)
    return desk.resume(transaction)


def _waiting(visit: Visit) -> Waiting | None:
    transaction, session, decision = visit.transaction, visit.session, visit.decision
    if transaction.registered is not None:
        return Waiting(transaction.registered.email, transaction.registered.user_id, registered=True)
    if session is not None and isinstance(decision, GoTo) and decision.step.name == VerifyEmail.name:
        return Waiting(session.email, session.user_id, registered=False)
    return None
