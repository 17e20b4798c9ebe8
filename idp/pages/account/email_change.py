"""/account/email/confirm and /account/email/undo: the links of the mails about a change of address."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import Conflict, InvalidValue, Unavailable
from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.identity.email_change import LINK_DEAD, EmailChanges
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.mail_link import MailLinkPage
from idp.pages.parts import PageParts
from idp.text import Text


class ChangeEmailLink(MailLinkPage):
    """What the link of the mail to the new address leads to.

    It changes the address only for a user who is signed in to the account, in this browser: the reader of the
    mail may be a stranger, whose address somebody wants for an account of their own."""

    path = page_paths.CONFIRM_EMAIL_CHANGE
    purpose = "change_email_link"

    def __init__(self, parts: PageParts, gate: AccountGate, changes: EmailChanges) -> None:
        super().__init__(parts)
        self._gate = gate
        self._changes = changes

    async def show(self, request: Request, token: str) -> Response:
        """Ask for the press of a button, or for a sign-in to the account."""
        asked = await self._changes.asked(token)
        if asked is None:
            return self._dead(400, LINK_DEAD)
        session = await self.parts.visits.session(self.edge.browser(request))
        if session is None or session.user_id != asked.user_id:
            return self.tell(
                title=Text("Sign in to go on"),
                sentence=Text(
                    "The user of the account %(account)s asked to change its address to yours. If that was you, "
                    "open the link in the browser where you are signed in, or sign in here and enter the code from "
                    "the mail. If it was not you, close this page. Nothing will change.",
                    account=asked.account,
                ),
                next_url=self.parts.path(self.path),
                next_label=Text("Sign in and enter the code"),
            )
        entered = await self._gate.enter(request, f"{self.path}?token={token}")
        if isinstance(entered, Response):  # a second factor is due, say
            return entered
        return self.ask(
            request,
            token,
            title=Text("Change your address?"),
            sentence=Text(
                "The address of your account is %(account)s now. It will change to this one:",
                account=session.email,
            ),
            email=asked.email,
            button=Text("Change the address"),
            action=self.parts.path(self.path, token=""),
        )

    async def take(self, request: Request) -> Response:
        """Change the address."""
        form = await self.edge.form(request, self.purpose)
        entered = await self._gate.enter(request, self.path)
        if isinstance(entered, Response):
            return entered
        try:
            self.parts.admission.check(request)
            await self._changes.confirm(entered.account, token=form.get("token", ""))
        except (InvalidValue, Conflict, Unavailable) as error:
            return self._dead(error.status, error.sentence)
        return self.edge.links.redirect("/account/email", done="email")

    def _dead(self, status: int, sentence: str) -> Response:
        return self.tell(
            status=status,
            title=Text("The address was not changed"),
            sentence=sentence,
            next_url=self.parts.path("/account/email"),
            next_label=Text("Ask for a new link"),
        )


class UndoEmailChangePage(MailLinkPage):
    """What the link of the mail to the former address leads to: it works without a sign-in, since a thief may
    have the account now."""

    path = page_paths.UNDO_EMAIL_CHANGE
    purpose = "undo_email_change"

    def __init__(self, parts: PageParts, changes: EmailChanges) -> None:
        super().__init__(parts)
        self._changes = changes

    @property
    def routes(self) -> list[Route]:
        """The page and its form."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.submit, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the press of a button."""
        token = request.query_params.get("token", "")
        former = await self._changes.former(token)
        if former is None:
            return self._dead(LINK_DEAD)
        return self.ask(
            request,
            token,
            title=Text("Undo the change of address?"),
            sentence=Text(
                "Your account gets this address back. Its password stops working, everyone who is signed in to it "
                "is signed out, and providers and second steps that were added since the change are removed."
            ),
            email=former,
            button=Text("Undo the change"),
        )

    async def submit(self, request: Request) -> Response:
        """Take the change back."""
        form = await self.edge.form(request, self.purpose)
        try:
            self.parts.admission.check(request)
            await self._changes.undo(form.get("token", ""), address=request.state.address)
        except (InvalidValue, Conflict, Unavailable) as error:
            return self._dead(error.sentence, error.status)
        return self.tell(
            title=Text("Your account has its address back"),
            sentence=Text(
                "Your old password no longer works. Choose a new one: we will send you a mail with a link."
            ),
            next_url=self.parts.path("/recover"),
            next_label=Text("Choose a password"),
        )

    def _dead(self, sentence: str, status: int = 400) -> Response:
        return self.tell(
            status=status,
            title=Text("This link no longer works"),
            sentence=sentence,
            next_url=self.parts.path("/account"),
            next_label=Text("Sign in"),
        )


class ConfirmEmailPage(ConsolePage):
    """Takes the code of the mail, or the press of the button that its link leads to."""

    path = ChangeEmailLink.path
    template = "account/code.html"
    fields = ("code",)
    under = "/account/email"
    texts: ClassVar[Mapping[str, Any]] = {
        "title": Text("Confirm the new address"),
        "sentence": Text(
            "We sent a mail with a code and a link to the new address. Enter the code, or open the link."
        ),
        "action": path,
        "again": None,
    }

    def __init__(
        self, parts: PageParts, gate: AccountGate, accounts: Accounts, changes: EmailChanges
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._changes = changes
        self._link = ChangeEmailLink(parts, gate, changes)

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
        await self._changes.confirm(visit.account, code=visit.form.get("code", ""), address=visit.address)
        return self.done("email")
