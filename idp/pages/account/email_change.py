"""/account/email/confirm: proving the new address, by the code of the mail or by its link on any device."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import Conflict, InvalidValue, Unavailable
from idp.identity import page_paths
from idp.identity.self_service import SelfService
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.mail_link import MailLinkPage
from idp.pages.parts import PageParts
from idp.text import Text


class ChangeEmailLink(MailLinkPage):
    """What the link of the mail leads to: it works on every device, signed in or not."""

    path = page_paths.CONFIRM_EMAIL_CHANGE
    purpose = "change_email_link"

    def __init__(self, parts: PageParts, self_service: SelfService) -> None:
        super().__init__(parts)
        self._self_service = self_service

    async def show(self, request: Request, token: str) -> Response:
        """Ask for the press of a button."""
        return self.ask(
            request,
            token,
            title=Text("Use this address from now on?"),
            sentence=Text("It becomes the address of the account in which the change was asked for."),
            button=Text("Change the address"),
            action=self.parts.path(self.path, token=""),
        )

    async def take(self, request: Request) -> Response:
        """Change the address."""
        form = await self.edge.form(request, self.purpose)
        try:
            self.parts.admission.check(request)
            await self._self_service.confirm_email_change(token=form.get("token", ""))
        except (InvalidValue, Conflict, Unavailable) as error:
            return self.tell(
                status=error.status,
                title=Text("The address was not changed"),
                sentence=error.sentence,
                next_url=self.parts.path("/account/email"),
                next_label=Text("Ask for a new link"),
            )
        return self.tell(
            title=Text("The address is changed"),
            sentence=Text("Sign in with it from now on."),
            next_url=self.parts.path("/account"),
            next_label=Text("To your account"),
        )


class ConfirmEmailPage(ConsolePage):
    """Takes the code of the mail here, or the press of the button that its link leads to anywhere."""

    path = ChangeEmailLink.path
    template = "account/code.html"
    fields = ("code",)
    under = "/account/email"
    texts: ClassVar[Mapping[str, Any]] = {
        "title": Text("Confirm the new address"),
        "sentence": Text(
            "A mail to the new address has a code and a link. Enter the code, or open the link."
        ),
        "action": path,
        "again": None,
    }

    def __init__(self, parts: PageParts, gate: AccountGate, self_service: SelfService) -> None:
        super().__init__(parts, gate, self_service)
        self._link = ChangeEmailLink(parts, self_service)

    async def show(self, request: Request) -> Response:
        """Show the link's button, or ask for the code."""
        token = request.query_params.get("token")
        return await (super().show(request) if token is None else self._link.show(request, token))

    async def submit(self, request: Request) -> Response:
        """Take the link's button, or the code."""
        if "token" in request.query_params:
            return await self._link.take(request)
        return await super().submit(request)

    async def take(self, visit: AccountVisit) -> Response | None:
        """Change the address."""
        await self.self_service.confirm_email_change(
            account=visit.account, code=visit.form.get("code", ""), address=visit.address
        )
        return self.done("email")
