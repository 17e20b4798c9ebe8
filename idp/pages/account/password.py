"""/account/password: changing it, with a choice for the other browsers in which the user is signed in."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.identity.accounts import Accounts
from idp.identity.password_change import PasswordChange
from idp.identity.password_policy import PasswordPolicy
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.pages.strength import strength_view


class PasswordPage(ConsolePage):
    """Asks for the current password; of an account without one it asks for a recent sign-in instead. Of a
    user who has a second factor it asks for that too."""

    path = "/account/password"
    template = "account/password.html"
    fields = ("current_password", "password")
    connects = True

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        change: PasswordChange,
        policy: PasswordPolicy,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._change = change
        self._policy = policy

    async def enter(self, request: Request) -> CurrentSession | Response:
        """Return the session that may change the password."""
        session = await self.gate.enter(request, self.path, strong=True)
        if isinstance(session, Response) or await self._has_password(session):
            return session
        return await self.gate.enter(request, self.path, recent=True, strong=True)

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show the rule, and a verdict on what was sent."""
        browser, form = self.edge.named_browser(visit.request), visit.form
        return {
            "has_password": await self._has_password(visit.session),
            "rule": await self._policy.rule(),
            "end_others": not form or "end_others" in form,
            "strength": await strength_view(
                self.edge, self._policy, browser, form.get("password", ""), _about(visit.session)
            ),
        }

    async def take(self, visit: AccountVisit) -> Response | None:
        """Change it, or only judge it."""
        password = visit.form.get("password", "")
        if visit.form.get("decision") == "check":
            await self._policy.check(password, _about(visit.session))
            return None
        await self._change.change(
            visit.account,
            visit.form.get("current_password", ""),
            password,
            keep_session=visit.session.id,
            end_others="end_others" in visit.form,
            address=visit.address,
        )
        return self.done("password")

    async def _has_password(self, session: CurrentSession) -> bool:
        return (await self.accounts.proven(session.account)).password_hash is not None


def _about(session: CurrentSession) -> tuple[str, str]:
    return session.email, session.name or ""
