"""/verify-email/link: the link of the mail, on whatever device it is opened.

Opening it changes nothing, since programs that scan mails open links too; the button on its page does.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.flow.visits import Visit
from idp.identity import page_paths
from idp.identity.registration import Registration
from idp.pages.mail_link import MailLinkPage
from idp.pages.parts import PageParts
from idp.pages.verify_email import AfterVerification
from idp.storage.models import User
from idp.text import Text


class VerifyLinkPage(MailLinkPage):
    """What the link of a verification mail leads to."""

    path = page_paths.VERIFY_EMAIL_LINK
    purpose = "verify_link"

    def __init__(self, parts: PageParts, registration: Registration, after: AfterVerification) -> None:
        super().__init__(parts)
        self._registration = registration
        self._after = after

    @property
    def routes(self) -> list[Route]:
        """The page and its button."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.take, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the press of a button."""
        token, tx = request.query_params.get("token", ""), request.query_params.get("tx") or None
        email = await self._registration.address_of(token)
        if email is None:
            user = await self._registration.find_verified_by(token)
            visit = await self.visit_of(request, tx)
            return self._dead(visit) if user is None else await self._done(user)
        return self.ask(
            request,
            token,
            tx=tx,
            title=Text("Confirm this address?"),
            sentence=Text("Someone created an account with this address. Continue only if that was you."),
            email=email,
            button=Text("Confirm"),
            form_action=("https:",),
        )

    async def take(self, request: Request) -> Response:
        """Verify the address. Done twice, it is harmless."""
        form = await self.edge.form(request, self.purpose)
        self.parts.admission.check(request)
        token, visit = form.get("token", ""), await self.visit_of(request, form.get("tx"))
        registered = visit.transaction.registered if visit is not None else None
        user = await self._registration.verify_by_token(token, registered)
        user = user or await self._registration.find_verified_by(token)
        if user is None:
            return self._dead(visit)
        if visit is not None and (
            (registered is not None and registered.user_id == user.id)
            or (visit.session is not None and visit.session.user_id == user.id)
        ):
            return await self._after.go_on(visit, user)
        return await self._done(user)

    async def _done(self, user: User) -> Response:
        if await self._registration.lacks_way_in(user):
            return self.tell(
                title=Text("Your email is confirmed"),
                sentence=Text(
                    "This address was registered more than once, perhaps not always by you. None of the "
                    "passwords that were chosen then is valid. Choose a new one now."
                ),
                next_url=self.parts.path("/recover"),
                next_label=Text("Choose a password"),
            )
        return self.tell(
            title=Text("Your email is confirmed"),
            sentence=Text("Continue in the browser where you started, or sign in here."),
            next_url=self.parts.path("/account"),
            next_label=Text("Sign in here"),
        )

    def _dead(self, visit: Visit | None) -> Response:
        return self.tell(
            status=400,
            title=Text("This link no longer works"),
            sentence=Text("It has expired, or a later mail has replaced it. Sign in to get a new one."),
            next_url=self.onward(visit),
            next_label=Text("Sign in"),
        )
