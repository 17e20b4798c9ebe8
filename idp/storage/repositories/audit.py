"""The audit trail."""

from collections.abc import Sequence

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import AuditEvent


class AuditEvents:
    """Adds to the trail and reads it back."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, event: AuditEvent) -> None:
        """Add an event; it is written with the commit."""
        self._session.add(event)

    async def page(
        self,
        after: str | None,
        limit: int,
        *,
        user_id: str | None = None,
        client_id: str | None = None,
        name: str | None = None,
    ) -> Sequence[AuditEvent]:
        """Return up to `limit` events, newest first, from the one behind `after` (an id)."""
        statement = select(AuditEvent).order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(limit)
        if after is not None:
            last = await self._session.get(AuditEvent, after)
            if last is None:
                return []
            place = tuple_(literal(last.at), literal(last.id))
            statement = statement.where(tuple_(AuditEvent.at, AuditEvent.id) < place)
        if user_id is not None:
            statement = statement.where(AuditEvent.user_id == user_id)
        if client_id is not None:
            statement = statement.where(AuditEvent.client_id == client_id)
        if name is not None:
            statement = statement.where(AuditEvent.name == name)
        return (await self._session.scalars(statement)).all()
