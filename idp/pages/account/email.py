"""/account/email: the address of the account, changed when the new one is proven."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import InvalidValue
from idp.identity.registration import Registration
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.text import Text


class EmailPage(ConsolePage):
    """Asks for another address."""

    path = "/account/email"
    template = "account/email.html"
    fields = ("email",)
    recent = True

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show the address and whether it is verified."""
        del request, session
        return {"values": {"email": form.get("email", "")}}

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Send a mail to the new address, or none when it is taken; the answer is the same."""
        del request
        await self.self_service.ask_email_change(session.user_id, form.get("email", "").strip())
        return self.desk.redirect("/account/email/confirm")


class VerifyOwnEmailPage(ConsolePage):
    """Verifies the address of somebody who uses the account already."""

    path = "/account/email/verify"
    template = "account/code.html"
    fields = ("code",)
    under = "/account/email"

    def __init__(
        self, desk: Desk, self_service: SelfService, admission: FormAdmission, registration: Registration
    ) -> None:
        super().__init__(desk, self_service, admission)
        self._registration = registration

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Say where to look."""
        del request, session, form
        return {
            "title": Text("Confirm your email"),
            "sentence": Text("Have a mail sent to your address, then enter its code here, or open its link."),
            "action": self.path,
            "again": Text("Send the mail"),
        }

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Send the mail, or take its code."""
        del request
        if form.get("decision") == "again":
            await self._registration.send_again(session.email)
            return None
        if await self._registration.verify_by_code(session.user_id, form.get("code", "")) is None:
            raise InvalidValue("This code is wrong or no longer good. Send a new mail.", field="code")
        return self.done("verified")
