"""/account/sessions: where the user is signed in, in browsers and in apps without one, and ending it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from idp.errors import NotFound
from idp.flow.sign_out import SignOut
from idp.identity.accounts import Accounts
from idp.identity.app_sign_ins import AppSignIn, AppSignIns
from idp.identity.sessions import Sessions
from idp.pages.account.console import AccountVisit, ConsolePage
from idp.pages.account.devices import device_of
from idp.pages.account.gate import AccountGate
from idp.pages.parts import PageParts
from idp.storage.models import BrowserSession

SHOWN = 100
"""Sessions that the page shows, those used last."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its owner sees it."""

    id: str
    device: str
    address: str
    created_at: float
    last_seen_at: float
    current: bool


@dataclass(frozen=True, slots=True)
class AppSignInView:
    """A sign-in in an app as its owner sees it."""

    id: str
    app: str
    device: str
    address: str
    created_at: float
    last_used_at: float


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
        app_sign_ins: AppSignIns,
    ) -> None:
        super().__init__(parts, gate, accounts)
        self._sessions = sessions
        self._sign_out = sign_out
        self._app_sign_ins = app_sign_ins

    async def context(self, visit: AccountVisit) -> Mapping[str, Any]:
        """Show the sessions that live, and the sign-ins in apps."""
        live = await self._sessions.live(visit.user_id)
        views = [_view(each, visit.session.id) for each in live[:SHOWN]]
        sign_ins = await self._app_sign_ins.of_user(visit.user_id)
        zone = (await self.accounts.proven(visit.account)).profile.get("zoneinfo")
        return {
            "sessions": sorted(views, key=lambda view: not view.current),
            "sign_ins": [_app_view(each) for each in sign_ins],
            "zone": zone,
            "more": len(live) > SHOWN,
        }

    async def take(self, visit: AccountVisit) -> Response | None:
        """End one, or all but this one; or a sign-in in an app, or all of them."""
        if visit.form.get("decision") == "end_sign_in":
            await self._app_sign_ins.end(visit.user_id, visit.form.get("id", ""), address=visit.address)
            return self.done("ended")
        if visit.form.get("decision") == "end_sign_ins":
            await self._app_sign_ins.end_all(visit.user_id, address=visit.address)
            return self.done("apps_ended")
        if visit.form.get("decision") == "others":
            await self._sign_out.end_others(visit.session)
            return self.done("others")
        if not await self._sign_out.end(visit.form.get("id", ""), visit.user_id):
            raise NotFound("There is no such session.")
        return self.done("ended")


def _app_view(sign_in: AppSignIn) -> AppSignInView:
    return AppSignInView(
        id=sign_in.id,
        app=sign_in.client_name,
        device=device_of(sign_in.user_agent),
        address=sign_in.address,
        created_at=sign_in.created_at,
        last_used_at=sign_in.last_used_at,
    )


def _view(session: BrowserSession, current_id: str) -> SessionRow:
    return SessionRow(
        id=session.id,
        device=device_of(session.user_agent),
        address=session.address,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        current=session.id == current_id,
    )
