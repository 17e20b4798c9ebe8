"""Remembered consents."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import Consent, new_id
from idp.storage.repositories._rows import changed, dialect_of, upsert_into


class Consents:
    """Finds and keeps what people have allowed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, user_id: str, client_id: str) -> Consent | None:
        """Return what this person has allowed this client."""
        return await self._session.scalar(
            select(Consent)
            .where(Consent.user_id == user_id, Consent.client_id == client_id)
            .execution_options(populate_existing=True)  # `remember` writes past the session
        )

    async def remember(
        self, user_id: str, client_id: str, scopes: Iterable[str], claims: Iterable[str], now: float
    ) -> None:
        """Add to what this person has allowed this client; of two at once, both count."""
        dialect = dialect_of(self._session)
        statement = upsert_into(Consent, dialect).values(
            id=new_id(),
            user_id=user_id,
            client_id=client_id,
            scopes=sorted(set(scopes)),
            claims=sorted(set(claims)),
            granted_at=now,
        )
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["user_id", "client_id"],
                set_={
                    "scopes": _union("scopes", dialect),
                    "claims": _union("claims", dialect),
                    "granted_at": statement.excluded.granted_at,
                },
            )
        )

    async def forget(self, user_id: str, client_id: str) -> bool:
        """Forget what this person has allowed this client; tell whether there was anything."""
        statement = delete(Consent).where(Consent.user_id == user_id, Consent.client_id == client_id)
        return await changed(self._session, statement) > 0

    async def forget_all(self, user_id: str) -> None:
        """Forget all that this person has allowed."""
        await self._session.execute(delete(Consent).where(Consent.user_id == user_id))

    async def for_user(self, user_id: str) -> Sequence[Consent]:
        """Return what this person has allowed, the latest first."""
        statement = (
            select(Consent)
            .where(Consent.user_id == user_id)
            .order_by(Consent.granted_at.desc(), Consent.id)
            .execution_options(populate_existing=True)
        )
        return (await self._session.scalars(statement)).all()


def _union(column: str, dialect: str) -> ColumnElement[Any]:
    """The sorted union of a JSON list as stored and as proposed. `column` is one of ours, never input."""
    if dialect == "sqlite":
        sql = (
            "(SELECT json_group_array(value) FROM ("  # noqa: S608
            f"SELECT value FROM json_each(consents.{column}) "
            f"UNION SELECT value FROM json_each(excluded.{column}) ORDER BY value))"
        )
    else:
        sql = (
            "(SELECT coalesce(jsonb_agg(DISTINCT word ORDER BY word), '[]'::jsonb) "  # noqa: S608
            f"FROM jsonb_array_elements_text(consents.{column} || excluded.{column}) AS word)"
        )
    return literal_column(sql)
