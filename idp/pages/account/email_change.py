"""/account/email/confirm: proving the new address, by the code of the mail or by its link on any device."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import IdpError
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.text import Text

LINK_PURPOSE = "change_email_link"


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
        form = await desk.form(request, LINK_PURPOSE)
        try:
            self._admission.check(request)
            await self.self_service.confirm_email_change(token=form.get("token", ""))
        except IdpError as error:
            return desk.renderer.page(
                "mail_link.html",
                status=error.status,
                title=Text("The address was not changed"),
                sentence=error.sentence,
                next_url=desk.path("/account/email"),
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
