"""Ending a session, with what was granted in it: at the wish of the app, or of the user."""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.clock import Clock
from idp.events.audit import record
from idp.events.catalogue import GrantRevoked
from idp.identity.sessions import CurrentSession, Sessions
from idp.oauth.clients import Client, ClientRegistry
from idp.oauth.scopes import OFFLINE_ACCESS
from idp.storage.database import Database
from idp.storage.models import Grant


@dataclass(frozen=True, slots=True)
class SignOutQuestion:
    """What the user is asked, and where the answer may lead."""

    client: Client | None
    """The app that asks."""
    session: CurrentSession
    csrf: str
    pending: str
    """Names the request that waits for the answer."""
    targets: tuple[str, ...] = ()
    """Where the answer may lead in the end, for `form-action` (CSP)."""
    wrong: str | None = None
    """What is wrong with the app's request: the user may sign out, and then stays here."""


class SignOut:
    """Ends browser sessions."""

    def __init__(self, database: Database, sessions: Sessions, clients: ClientRegistry, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._clients = clients
        self._clock = clock

    async def end(self, session_id: str, user_id: str) -> bool:
        """End this session of this user and, for the clients that want it so, what was granted in it.

        Grants for offline access outlive it (OIDC Core §11). Tell whether it was this call that did it.
        """
        ended = await self._sessions.end_by_id(session_id, user_id=user_id)
        await self._end_grants(session_id, user_id)
        return ended

    async def end_others(self, session: CurrentSession) -> None:
        """End every session of the user but this one, and whatever was proven elsewhere and is not used yet, with
        what was granted in those sessions, as `end` does."""
        for session_id in await self._sessions.end_others(session):
            await self._end_grants(session_id, session.user_id)

    async def _end_grants(self, session_id: str, user_id: str) -> None:
        after = ""
        while grants := await self._page_of_grants(session_id, after):
            await self._end_page(grants, user_id)
            after = grants[-1].id

    async def _page_of_grants(self, session_id: str, after: str) -> Sequence[Grant]:
        async with self._database.reading() as uow:
            return await uow.grants.active_in_session(session_id, self._clock.now(), after)

    async def _end_page(self, grants: Sequence[Grant], user_id: str) -> None:
        now, ending = self._clock.now(), []
        for grant in grants:
            client = await self._clients.get(grant.client_id)
            keeps = client is not None and not client.ends_grants_on_logout
            if grant.user_id == user_id and not keeps and OFFLINE_ACCESS not in grant.scope.split():
                ending.append(grant)
        if not ending:
            return
        async with self._database.unit_of_work() as uow:
            for grant in ending:
                await uow.grants.revoke(grant.id, now)
                event = GrantRevoked(
                    user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.id, reason="signed out"
                )
                await record(uow, event, now)
