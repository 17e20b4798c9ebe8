"""/account/email: the address of the account, changed when the new one is proven."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import FlowError, IdpError, InvalidValue
from idp.identity.registration import Registration
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.text import Text

LINK_PURPOSE = "change_email_link"


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


class ConfirmEmailPage(ConsolePage):
    """Takes the code of the mail here, or the press of the button that its link leads to anywhere."""

    path = "/account/email/confirm"
    template = "account/code.html"
    fields = ("code",)
    under = "/account/email"

    async def show(self, request: Request) -> Response:
        """The link works on every device, signed in or not."""
        token = request.query_params.get("token")
        if token is None:
            return await super().show(request)
        desk = self.desk
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            "mail_link.html",
            csrf=desk.forms.token(browser, LINK_PURPOSE, None),
            title=Text("Use this address from now on?"),
            sentence=Text("It becomes the address of the account in which the change was asked for."),
            action=desk.path(self.path, token=""),
            token=token,
            button=Text("Change the address"),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Take the link's button, or the code."""
        if "token" not in request.query_params:
            return await super().submit(request)
        desk = self.desk
        try:
            form = await desk.form(request, LINK_PURPOSE)
            await self.self_service.confirm_email_change(token=form.get("token", ""))
        except FlowError as error:
            return desk.errors.for_error(request, error)
        except IdpError as error:
            return desk.renderer.page(
                "mail_link.html",
                status=error.status,
                title=Text("The address was not changed"),
                sentence=error.sentence,
                next_url=desk.path(EmailPage.path),
                next_label=Text("Ask for a new link"),
            )
        return desk.renderer.page(
            "mail_link.html",
            title=Text("The address is changed"),
            sentence=Text("Sign in with it from now on."),
            next_url=desk.path("/account"),
            next_label=Text("To your account"),
        )

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Say where to look."""
        del request, session, form
        return {
            "title": Text("Confirm the new address"),
            "sentence": Text(
                "A mail to the new address has a code and a link. Enter the code, or open the link."
            ),
            "action": self.path,
            "again": None,
        }

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Change the address."""
        del request
        await self.self_service.confirm_email_change(user_id=session.user_id, code=form.get("code", ""))
        return self.done("email")


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
