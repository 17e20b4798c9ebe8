"""Sign-ins without a browser, by the JSON API and the password grant: each is a grant, which its user can end."""

from collections.abc import Sequence
from dataclasses import dataclass

from idp.clock import Clock
from idp.errors import NotFound
from idp.events.audit import record
from idp.events.catalogue import GrantRevoked
from idp.storage.database import Database
from idp.storage.models import Grant


@dataclass(frozen=True, slots=True)
class AppSignIn:
    """A sign-in in an app, as its user sees it."""

    id: str
    client_id: str
    client_name: str
    address: str
    user_agent: str
    created_at: float
    last_used_at: float
    """When its app was given tokens last."""
    expires_at: float


class AppSignIns:
    """Lists and ends them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_user(self, user_id: str) -> list[AppSignIn]:
        """Return a user's sign-ins that stand, the latest first."""
        async with self._database.reading() as uow:
            found = await uow.grants.sign_ins_of_user(user_id, self._clock.now())
            names: dict[str, str] = {}
            for client_id in {grant.client_id for grant, _ in found}:
                client = await uow.clients.get(client_id)
                names[client_id] = client.client_name if client is not None else client_id
        return [_seen(grant, names[grant.client_id], last_used_at) for grant, last_used_at in found]

    async def end(self, user_id: str, sign_in_id: str, *, address: str = "") -> None:
        """End one with all its tokens; raise `NotFound` when it is not the user's."""
        now = self._clock.now()
        async with self._database.unit_of_work() as uow:
            found = await uow.grants.sign_ins_of_user(user_id, now)
            if sign_in_id not in {grant.id for grant, _ in found} or not await uow.grants.revoke(
                sign_in_id, now
            ):
                raise NotFound("There is no such sign-in.")
            ended = GrantRevoked(
                user_id=user_id, grant_id=sign_in_id, reason="ended by its user", address=address
            )
            await record(uow, ended, now)

    async def end_all(self, user_id: str, *, kept: str | None = None, address: str = "") -> int:
        """End all but `kept`, and return how many."""
        others: Sequence[AppSignIn] = [each for each in await self.of_user(user_id) if each.id != kept]
        for each in others:
            await self.end(user_id, each.id, address=address)
        return len(others)


def _seen(grant: Grant, client_name: str, last_used_at: float) -> AppSignIn:
    return AppSignIn(
        id=grant.id,
        client_id=grant.client_id,
        client_name=client_name,
        address=grant.address or "",
        user_agent=grant.user_agent or "",
        created_at=grant.created_at,
        last_used_at=last_used_at,
        expires_at=grant.expires_at,
    )
