"""/account/delete and /account/restore: leaving, and coming back within the grace period."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.clock import Clock
from idp.errors import Conflict, InvalidValue, Unavailable
from idp.identity import page_paths
from idp.identity.accounts import Accounts
from idp.identity.deletion import LINK_DEAD, Deletion
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.mail_link import MailLinkPage
from idp.pages.parts import PageParts
from idp.text import Text


class DeletePage(ConsolePage):
    """Deletes the account when its address is typed."""

    path = "/account/delete"
    template = "account/delete.html"
    fields = ("confirmation",)
    recent = True
    under = "/account/data"

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        deletion: Deletion,
        grace: float,
        clock: Clock,
    ) -> None:
        """Take, among others, for how many seconds a deletion can be undone."""
        super().__init__(parts, gate, accounts)
        self._deletion = deletion
        self._grace = grace
        self._clock = clock

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Say what happens, and when it is for good."""
        return {
            "gone_at": self._clock.now() + self._grace if self._grace else None,
            "values": {"confirmation": visit.form.get("confirmation", "")},
        }

    async def take(self, visit: AccountVisit) -> Response | None:
        """Delete it and sign out."""
        if visit.form.get("confirmation", "").strip().casefold() != visit.session.email.casefold():
            raise InvalidValue("Type the address of the account as it is shown here.", field="confirmation")
        gone_at = await self._deletion.delete(visit.account, address=visit.address)
        shown = gone_at if self._grace else None
        response = self.parts.renderer.page("account/deleted.html", gone_at=shown)
        self.edge.cookies.clear_session(response)
        return response


class RestorePage(MailLinkPage):
    """What the link of the mail about the deletion leads to."""

    path = page_paths.RESTORE_ACCOUNT
    purpose = "restore_account"

    def __init__(self, parts: PageParts, deletion: Deletion) -> None:
        super().__init__(parts)
        self._deletion = deletion

    @property
    def routes(self) -> list[Route]:
        """The page and its button."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.take, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the press of a button, if the link is good."""
        token = request.query_params.get("token", "")
        if not await self._deletion.can_restore(token):
            return self._dead(400, LINK_DEAD)
        return self.ask(
            request,
            token,
            title=Text("Keep your account?"),
            sentence=Text("It will be as it was before. You will have to give apps access again."),
            button=Text("Keep it"),
        )

    async def take(self, request: Request) -> Response:
        """Bring the account back. It signs nobody in."""
        form = await self.edge.form(request, self.purpose)
        try:
            self.parts.admission.check(request)
            await self._deletion.restore(form.get("token", ""))
        except (InvalidValue, Conflict, Unavailable) as error:
            return self._dead(error.status, error.sentence)
        return self.tell(
            title=Text("Your account is restored"),
            sentence=Text("Sign in as before."),
            next_url=self.parts.path("/account"),
            next_label=Text("Sign in"),
        )

    def _dead(self, status: int, sentence: str) -> Response:
        return self.tell(
            status=status,
            title=Text("This link no longer works")
            if sentence == LINK_DEAD
            else Text("Your account was not restored"),
            sentence=sentence,
            next_url=self.parts.path("/account"),
            next_label=Text("Sign in"),
        )
