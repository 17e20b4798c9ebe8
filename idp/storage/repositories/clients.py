"""Registered clients."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.errors import Conflict
from idp.storage.models import ClientRecord
from idp.storage.repositories._rows import changed


class Clients:
    """Finds and keeps clients."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, client: ClientRecord) -> None:
        """Add a client; raise `Conflict` when its id is taken. The unit of work stays usable."""
        # Asked first: the session would take a second object of this identity for a mistake of ours.
        if await self._session.get(ClientRecord, client.client_id) is not None:
            raise _id_taken(client.client_id)
        try:
            async with self._session.begin_nested():
                self._session.add(client)
                await self._session.flush()
        except IntegrityError as error:
            raise _id_taken(client.client_id, repr(error.orig)) from error

    async def get(self, client_id: str) -> ClientRecord | None:
        """Return the client, disabled or not."""
        return await self._session.get(ClientRecord, client_id)

    async def page(self, after: str | None, limit: int) -> Sequence[ClientRecord]:
        """Return up to `limit` clients in the order of their id, from the one behind `after`."""
        statement = select(ClientRecord).order_by(ClientRecord.client_id).limit(limit)
        if after is not None:
            statement = statement.where(ClientRecord.client_id > after)
        return (await self._session.scalars(statement)).all()

    async def all_redirect_and_origin_metadata(self) -> Sequence[tuple[list[str], list[str], dict[str, Any]]]:
        """Return (redirect_uris, scopes, metadata) of every enabled client: what CORS origins derive from."""
        rows = await self._session.execute(
            select(ClientRecord.redirect_uris, ClientRecord.scopes, ClientRecord.metadata_).where(
                ClientRecord.disabled_at.is_(None)
            )
        )
        return [(redirect_uris, scopes, metadata) for redirect_uris, scopes, metadata in rows]

    async def save(self, client: ClientRecord) -> None:
        """Write what was changed on `client`. A JSON value must be replaced, not altered in place."""
        self._session.add(client)
        await self._session.flush()

    async def delete(self, client_id: str) -> bool:
        """Delete the client with its grants and consents; tell whether it was there."""
        statement = delete(ClientRecord).where(ClientRecord.client_id == client_id)
        return await changed(self._session, statement) > 0


def _id_taken(client_id: str, detail: str | None = None) -> Conflict:
    return Conflict(f"A client with the id {client_id} exists already.", detail=detail)
