"""Everything that is kept about a user, for the user (GDPR, article 15)."""

from typing import Any

from idp.clock import Clock
from idp.identity.claims import standard_claims
from idp.identity.connected_apps import ConnectedApps
from idp.identity.generation import ProvenAccount, look
from idp.storage.database import Database


class DataExport:
    """Collects what is kept about a user."""

    def __init__(self, database: Database, apps: ConnectedApps, clock: Clock) -> None:
        self._database = database
        self._apps = apps
        self._clock = clock

    async def collect(self, account: ProvenAccount) -> dict[str, Any]:
        """Return everything that is kept about the user, but for secrets."""
        now, user_id = self._clock.now(), account.id
        async with self._database.reading() as uow:
            user = await look(uow, account)
            sessions = await uow.sessions.all_for_user(user_id)
            links = await uow.identities.of_user(user_id)
            events = await uow.audit.page(None, 1000, user_id=user_id)
        apps = await self._apps.of_user(user_id)
        return {
            "exported_at": int(now),
            "account": {
                **standard_claims(user),
                "created_at": int(user.created_at),
                "tier": user.tier,
                "roles": list(user.roles),
                "has_password": user.password_hash is not None,
            },
            "sessions": [
                {
                    "id": session.id,
                    "created_at": int(session.created_at),
                    "last_seen_at": int(session.last_seen_at),
                    "ended_at": int(session.ended_at) if session.ended_at is not None else None,
                    "user_agent": session.user_agent,
                    "address": session.address,
                }
                for session in sessions
            ],
            "apps": [
                {"client_id": a.client_id, "name": a.name, "scopes": list(a.scopes), "since": int(a.since)}
                for a in apps
            ],
            "connections": [
                {
                    "provider": link.provider,
                    "issuer": link.issuer,
                    "subject": link.subject,
                    "email": link.email,
                    "linked_at": int(link.linked_at),
                }
                for link in links
            ],
            "events": [
                {"at": int(e.at), "name": e.name, "client_id": e.client_id, "address": e.address}
                for e in events
            ],
        }
