"""/account/delete and /account/restore: leaving, and coming back within the grace period."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from idp.errors import IdpError, InvalidValue
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.text import Text

RESTORE_PURPOSE = "restore_account"


class DeletePage(ConsolePage):
    """Deletes the account when its address is typed."""

    path = "/account/delete"
    template = "account/delete.html"
    fields = ("confirmation",)
    recent = True
    under = "/account/data"

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Say what happens, and when it is for good."""
        del request, session
        grace = self.desk.settings.accounts.deletion_grace
        return {
            "gone_at": self.desk.clock.now() + grace if grace else None,
            "values": {"confirmation": form.get("confirmation", "")},
        }

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Delete it and sign out."""
        if form.get("confirmation", "").strip().casefold() != session.email.casefold():
            raise InvalidValue("Type the address of the account as it is shown here.", field="confirmation")
        gone_at = await self.self_service.delete(session.user_id, address=request.state.address)
        grace = self.desk.settings.accounts.deletion_grace
        response = self.desk.renderer.page("account/deleted.html", gone_at=gone_at if grace else None)
        self.desk.cookies.clear_session(response)
        return response


class RestorePage:
    """What the link of the mail about the deletion leads to."""

    path = "/account/restore"

    def __init__(self, desk: Desk, self_service: SelfService, admission: FormAdmission) -> None:
        self._desk = desk
        self._self_service = self_service
        self._admission = admission

    @property
    def routes(self) -> list[Route]:
        """Where it is served."""
        return [Route(self.path, self.show, methods=["GET"]), Route(self.path, self.submit, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the press of a button."""
        desk = self._desk
        browser = desk.cookies.browser_or_new(request)
        response = desk.renderer.page(
            "mail_link.html",
            csrf=desk.forms.token(browser, RESTORE_PURPOSE, None),
            title=Text("Keep your account?"),
            sentence=Text("It will be as it was. Apps have to be given access again."),
            action=desk.path(self.path),
            token=request.query_params.get("token", ""),
            button=Text("Keep it"),
        )
        desk.cookies.keep_browser(request, response, browser)
        return response

    async def submit(self, request: Request) -> Response:
        """Bring the account back. It signs nobody in."""
        desk = self._desk
        form = await desk.form(request, RESTORE_PURPOSE)
        try:
            self._admission.check(request)
            await self._self_service.restore(form.get("token", ""))
        except IdpError as error:
            return desk.renderer.page(
                "mail_link.html",
                status=error.status,
                title=Text("Your account was not brought back"),
                sentence=error.sentence,
            )
        return desk.renderer.page(
            "mail_link.html",
            title=Text("Your account is back"),
            sentence=Text("Sign in as before."),
            next_url=desk.path("/account"),
            next_label=Text("Sign in"),
        )
