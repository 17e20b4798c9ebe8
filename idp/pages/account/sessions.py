"""/account/sessions: where the user is signed in, and ending it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from idp.errors import NotFound
from idp.flow.sign_out import SignOut
from idp.identity.accounts import Accounts
from idp.identity.sessions import Sessions
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.devices import device_of
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.storage.models import BrowserSession


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its owner sees it."""

    id: str
    device: str
    address: str
    created_at: float
    last_seen_at: float
    current: bool


class SessionsPage(ConsolePage):
    """The list, this browser first."""

    path = "/account/sessions"
    template = "account/sessions.html"

    def __init__(
        self,
        parts: PageParts,
        gate: AccountGate,
        accounts: Accounts,
        sessions: Sessions,
        sign_out: SignOut,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._sessions = sessions
        self._sign_out = sign_out

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show the sessions that live."""
        views = [_view(each, visit.session.id) for each in await self._sessions.live(visit.user_id)]
        zone = (await self.accounts.proven(visit.account)).profile.get("zoneinfo")
        return {"sessions": sorted(views, key=lambda view: not view.current), "zone": zone}

    async def take(self, visit: AccountVisit) -> Response | None:
        """End one, or all but this one."""
        if visit.form.get("decision") == "others":
            await self._sign_out.end_others(visit.session)
            return self.done("others")
        if not await self._sign_out.end(visit.form.get("id", ""), visit.user_id):
            raise NotFound("There is no such session.")
        return self.done("ended")


def _view(session: BrowserSession, current_id: str) -> SessionView:
    return SessionView(
        id=session.id,
        device=device_of(session.user_agent),
        address=session.address,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        current=session.id == current_id,
    )
