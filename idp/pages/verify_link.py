"""/verify-email/link: the link of the mail, on whatever device it is opened.

Opening it changes nothing, since programs that scan mails open links too; the button on its page does.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import FlowError
from idp.identity.registration import Registration
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk, Visit
from idp.pages.verify_email import go_on
from idp.storage.models import User
from idp.text import Text

PURPOSE = "verify_link"


class VerifyLinkPage:
    """What the link of a verification mail leads to."""

    def __init__(self, desk: Desk, registration: Registration, admission: FormAdmission) -> None:
        self._desk = desk
        self._registration = registration
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route("/verify-email/link", self.show, methods=["GET"]),
            Route("/verify-email/link", self.submit, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for the press of a button."""
        desk = self._desk
        token, tx = request.query_params.get("token", ""), request.query_params.get("tx") or None
        email = await self._registration.address_of(token)
        if email is None:
            user = await self._registration.find_verified_by(token)
            return self._dead() if user is None else await self._done(user)
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            "mail_link.html",
            csrf=desk.forms.token(browser, PURPOSE, tx),
            tx=tx,
            form_action=("https:",),
            title=Text("Confirm this address?"),
            sentence=Text("Somebody made an account with it. Go on only if that was you."),
            email=email,
            action=desk.path("/verify-email/link"),
            token=token,
            button="Confirm",
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Verify the address. Done twice, it is harmless."""
        desk = self._desk
        form = await desk.form(request, PURPOSE)
        self._admission.check(request)
        token = form.get("token", "")
        visit = await self._own_visit(request, form.get("tx"))
        registered = visit.transaction.registered if visit is not None else None
        user = await self._registration.verify_by_token(token, registered)
        user = user or await self._registration.find_verified_by(token)
        if user is None:
            return self._dead()
        if visit is not None and (
            (registered is not None and registered.user_id == user.id)
            or (visit.session is not None and visit.session.user_id == user.id)
        ):
            return await go_on(desk, request, visit.transaction, user)
        return await self._done(user)

    async def _own_visit(self, request: Request, transaction_id: str | None) -> Visit | None:
        """Return the transaction that the mail is about, if it is under way in this very browser."""
        try:
            return await self._desk.visit(request, transaction_id)
        except FlowError:
            return None

    async def _done(self, user: User) -> Response:
        if await self._registration.lacks_way_in(user):
            return self._contested()
        return self._desk.renderer.page(
            "mail_link.html",
            title=Text("Your email is confirmed"),
            sentence=Text("Go on in the browser in which you began, or sign in here."),
            next_url=self._desk.path("/account"),
            next_label=Text("Sign in here"),
        )

    def _contested(self) -> Response:
        return self._desk.renderer.page(
            "mail_link.html",
            title=Text("Your email is confirmed"),
            sentence=Text(
                "It was registered more than once, and not all of that may have been you, so no password that "
                "was chosen then is good. Choose one now."
            ),
            next_url=self._desk.path("/recover"),
            next_label=Text("Choose a password"),
        )

    def _dead(self) -> Response:
        return self._desk.renderer.page(
            "mail_link.html",
            status=400,
            title=Text("This link is no longer good"),
            sentence=Text("It has expired, or a later mail has replaced it. Sign in to get a new one."),
            next_url=self._desk.path("/account"),
            next_label=Text("Sign in"),
        )
