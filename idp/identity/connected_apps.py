"""The apps that have access to an account, and taking it away."""

from dataclasses import dataclass

from idp.clock import Clock
from idp.errors import NotFound
from idp.events.audit import record
from idp.events.catalogue import ConsentWithdrawn
from idp.storage.database import Database


@dataclass(frozen=True, slots=True)
class App:
    """An app that a user has given access."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    since: float


class ConnectedApps:
    """Finds the apps of a user, and ends their access."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_user(self, user_id: str) -> list[App]:
        """Return the apps that have access: a remembered consent or a grant that stands."""
        async with self._database.reading() as uow:
            consents = await uow.consents.for_user(user_id)
            grants = await uow.grants.summary_for_user(user_id, self._clock.now())
            found: dict[str, App] = {}
            since: dict[str, float] = {c.client_id: c.granted_at for c in consents}
            scopes: dict[str, set[str]] = {c.client_id: set(c.scopes) for c in consents}
            for client_id, first, granted in grants:
                since[client_id] = min(since.get(client_id, first), first)
                scopes.setdefault(client_id, set()).update(granted)
            for client_id, moment in since.items():
                client = await uow.clients.get(client_id)
                if client is not None:
                    names = tuple(sorted(scopes[client_id]))
                    found[client_id] = App(client_id, client.client_name, names, moment)
        return sorted(found.values(), key=lambda app: app.name.casefold())

    async def revoke(self, user_id: str, client_id: str) -> None:
        """Take an app's access away; raise `NotFound` when it has none."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            forgotten = await uow.consents.forget(user_id, client_id)
            revoked = await uow.grants.revoke_for_client_and_user(client_id, user_id, now)
            if not forgotten and not revoked:
                raise NotFound("This app has no access.")
            await record(uow, ConsentWithdrawn(user_id=user_id, client_id=client_id), now)
