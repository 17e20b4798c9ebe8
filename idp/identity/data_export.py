"""Everything that is kept about a user (GDPR, article 15), but for secrets, as JSON that is sent while it is read.

Some of the lists have no end: they are read in pages, each in a transaction of its own, so that neither the memory of
the server nor its event loop notices how long they are.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from idp.clock import Clock
from idp.identity.claims import standard_claims
from idp.identity.connected_apps import App, ConnectedApps
from idp.identity.generation import ProvenAccount, look
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import AuditEvent, BrowserSession, FederatedIdentity, User

PAGE = 200
"""Rows that are read and written at a time."""


class _Row(Protocol):
    @property
    def id(self) -> Any: ...


Row = TypeVar("Row", bound=_Row)


class DataExport:
    """Writes what is kept about a user."""

    def __init__(self, database: Database, apps: ConnectedApps, clock: Clock) -> None:
        self._database = database
        self._apps = apps
        self._clock = clock

    async def of(self, account: ProvenAccount) -> AsyncIterator[str]:
        """Return the pieces of the document. What can be refused is refused before the first of them is sent."""
        async with self._database.reading() as uow:
            user = await look(uow, account)
        return self._pieces(user, await self._apps.of_user(user.id))

    async def _pieces(self, user: User, apps: Sequence[App]) -> AsyncIterator[str]:
        lists: dict[str, AsyncIterator[list[dict[str, Any]]]] = {
            "sessions": self._pages(
                lambda uow, after: uow.sessions.page_of_user(user.id, after, PAGE), _session
            ),
            "apps": _in_pages([_app(app) for app in apps]),
            "connections": self._pages(
                lambda uow, after: uow.identities.page_of_user(user.id, after, PAGE), _connection
            ),
            "events": self._pages(lambda uow, after: uow.audit.page(after, PAGE, user_id=user.id), _event),
        }
        yield f'{{\n"exported_at": {int(self._clock.now())},\n"account": {_text(_account(user))}'
        for name, pages in lists.items():
            yield f',\n"{name}": ['
            between = "\n"
            async for page in pages:
                yield between + ",\n".join(map(_text, page))
                between = ",\n"
            yield "\n]"
        yield "\n}\n"

    async def _pages(
        self,
        read: Callable[[UnitOfWork, str | None], Awaitable[Sequence[Row]]],
        view: Callable[[Row], dict[str, Any]],
    ) -> AsyncIterator[list[dict[str, Any]]]:
        after: str | None = None
        while True:
            async with self._database.reading() as uow:
                rows = await read(uow, after)
            if not rows:
                return
            yield [view(row) for row in rows]
            after = rows[-1].id


async def _in_pages(items: list[dict[str, Any]]) -> AsyncIterator[list[dict[str, Any]]]:
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _account(user: User) -> dict[str, Any]:
    return {
        **standard_claims(user),
        "created_at": int(user.created_at),
        "tier": user.tier,
        "roles": list(user.roles),
        "has_password": user.password_hash is not None,
    }


def _session(session: BrowserSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "created_at": int(session.created_at),
        "last_seen_at": int(session.last_seen_at),
        "ended_at": int(session.ended_at) if session.ended_at is not None else None,
        "user_agent": session.user_agent,
        "address": session.address,
    }


def _app(app: App) -> dict[str, Any]:
    return {
        "client_id": app.client_id,
        "name": app.name,
        "scopes": list(app.scopes),
        "since": int(app.since),
    }


def _connection(link: FederatedIdentity) -> dict[str, Any]:
    return {
        "provider": link.provider,
        "issuer": link.issuer,
        "subject": link.subject,
        "email": link.email,
        "linked_at": int(link.linked_at),
    }


def _event(event: AuditEvent) -> dict[str, Any]:
    return {"at": int(event.at), "name": event.name, "client_id": event.client_id, "address": event.address}
