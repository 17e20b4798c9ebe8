"""/account/password: changing it, with a choice for the other places where one is signed in."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.identity.password_policy import PasswordPolicy
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
from idp.pages.strength import strength_view


class PasswordPage(ConsolePage):
    """Asks for the current password; of an account without one it asks for a recent sign-in instead. Of who
    has a second factor it asks for that too."""

    path = "/account/password"
    template = "account/password.html"
    fields = ("current_password", "password")
    connects = True

    def __init__(
        self, desk: Desk, self_service: SelfService, admission: FormAdmission, policy: PasswordPolicy
    ) -> None:
        super().__init__(desk, self_service, admission)
        self._policy = policy

    async def gate(self, request: Request) -> CurrentSession | Response:
        """Return the session that may change the password."""
        session = await self.desk.proven(request, self.path)
        if isinstance(session, Response) or await self._has_password(session):
            return session
        return await self.desk.recently_proven(request, self.path)

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show the rule, and a verdict on what was sent."""
        browser = self.desk.cookies.browser_or_new(request)
        return {
            "has_password": await self._has_password(session),
            "rule": self._policy.rule,
            "end_others": not form or "end_others" in form,
            "strength": await strength_view(
                self.desk, self._policy, browser, form.get("password", ""), _about(session)
            ),
        }

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """Change it, or only judge it."""
        password = form.get("password", "")
        if form.get("decision") == "check":
            await self._policy.check(password, _about(session))
            return None
        await self.self_service.change_password(
            session.user_id,
            form.get("current_password", ""),
            password,
            keep_session=session.id,
            end_others="end_others" in form,
            address=request.state.address,
        )
        return self.done("password")

    async def _has_password(self, session: CurrentSession) -> bool:
        return (await self.self_service.get(session.user_id)).password_hash is not None


def _about(session: CurrentSession) -> tuple[str, str]:
    return session.email, session.name or ""
