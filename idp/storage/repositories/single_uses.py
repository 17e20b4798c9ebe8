"""Marks of what may be used once: a row with a unique key for each."""

from typing import Any

from sqlalchemy import Double, String, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import UsedMark
from idp.storage.repositories._rows import changed, dialect_of, table_of, upsert_into

_marks = table_of(UsedMark)


def mark(dialect: str) -> "postgresql.Insert | sqlite.Insert":
    """The statement that marks `key` as used until `ends_at`, unless it is marked already."""
    values = {"key": bindparam("the_key", type_=String), "expires_at": bindparam("ends_at", type_=Double)}
    return upsert_into(UsedMark, dialect).values(values).on_conflict_do_nothing(index_elements=["key"])


MARK_RETURNING = mark("postgresql").returning(_marks.c.key)
FIND = select(_marks.c.key).where(_marks.c.key == bindparam("the_key", type_=String))


class SingleUses:
    """Marks and finds what was used."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def mark(self, key: str, ends_at: float) -> bool:
        """Mark a key as used, to be remembered until `ends_at`: of many callers at once, one gets True."""
        values: dict[str, Any] = {"the_key": key, "ends_at": ends_at}
        return await changed(self._session, mark(dialect_of(self._session)), values) > 0

    async def is_marked(self, key: str) -> bool:
        """Tell whether a key was used."""
        return await self._session.scalar(FIND, {"the_key": key}) is not None
