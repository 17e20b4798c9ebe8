"""/account/email: the address of the account, changed when the new one is proven."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.responses import Response

from idp.errors import InvalidValue
from idp.identity.accounts import Accounts
from idp.identity.email_change import EmailChanges
from idp.identity.registration import Registration
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.text import Text


class EmailPage(ConsolePage):
    """Asks for another address."""

    path = "/account/email"
    template = "account/email.html"
    fields = ("email",)
    recent = True

    def __init__(
        self, parts: PageParts, gate: AccountGate, accounts: Accounts, changes: EmailChanges
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._changes = changes

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show the address and whether it is verified."""
        return {"values": {"email": visit.form.get("email", "")}}

    async def take(self, visit: AccountVisit) -> Response | None:
        """Send a mail to the new address, or none when it is taken; the answer is the same."""
        await self._changes.ask(visit.account, visit.form.get("email", "").strip())
        return self.edge.links.redirect("/account/email/confirm")


class VerifyOwnEmailPage(ConsolePage):
    """Verifies the address of a user who has the account in use already."""

    path = "/account/email/verify"
    template = "account/code.html"
    fields = ("code",)
    under = "/account/email"
    texts: ClassVar[Mapping[str, Any]] = {
        "title": Text("Confirm your email"),
        "sentence": Text("Have a mail sent to your address, then enter its code here, or open its link."),
        "action": path,
        "again": Text("Send the mail"),
    }

    def __init__(
        self, parts: PageParts, gate: AccountGate, accounts: Accounts, registration: Registration
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._registration = registration

    async def take(self, visit: AccountVisit) -> Response | None:
        """Send the mail, or take its code."""
        if visit.form.get("decision") == "again":
            await self._registration.send_again(visit.session.email, address=visit.address)
            return None
        email, code = visit.session.email, visit.form.get("code", "")
        user = await self._registration.verify_by_code(email, visit.user_id, code, address=visit.address)
        if user is None:
            raise InvalidValue("This code is wrong or has expired. Send a new mail.", field="code")
        return self.done("verified")
