"""/account/sessions: where one is signed in, and ending it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from idp.errors import NotFound
from idp.flow.sign_out import SignOut
from idp.identity.self_service import SelfService
from idp.identity.sessions import CurrentSession
from idp.pages.account.console import ConsolePage
from idp.pages.account.devices import device_of
from idp.pages.admission import FormAdmission
from idp.pages.desk import Desk
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
        self, desk: Desk, self_service: SelfService, admission: FormAdmission, sign_out: SignOut
    ) -> None:
        super().__init__(desk, self_service, admission)
        self._sign_out = sign_out

    async def context(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Show the sessions that live."""
        del request, form
        views = [_view(each, session.id) for each in await self._live(session)]
        zone = (await self.self_service.get(session.user_id)).profile.get("zoneinfo")
        return {"sessions": sorted(views, key=lambda view: not view.current), "zone": zone}

    async def take(
        self, request: Request, session: CurrentSession, form: Mapping[str, str]
    ) -> Response | None:
        """End one, or all but this one."""
        del request
        if form.get("decision") == "others":
            for each in await self._live(session):
                if each.id != session.id:
                    await self._sign_out.end(each.id, session.user_id)
            return self.done("others")
        if not await self._sign_out.end(form.get("id", ""), session.user_id):
            raise NotFound("There is no such session.")
        return self.done("ended")

    async def _live(self, session: CurrentSession) -> list[BrowserSession]:
        idle_ttl = self.desk.settings.sessions.idle_ttl
        async with self.desk.database.reading() as uow:
            return list(await uow.sessions.live_for_user(session.user_id, self.desk.clock.now(), idle_ttl))


def _view(session: BrowserSession, current_id: str) -> SessionView:
    return SessionView(
        id=session.id,
        device=device_of(session.user_agent),
        address=session.address,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        current=session.id == current_id,
    )
