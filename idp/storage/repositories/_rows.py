"""What the repositories share: counting what a statement changed, and upserts for either database."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import UpdateBase

from idp.storage.models import Base


async def changed(
    session: AsyncSession, statement: UpdateBase, parameters: Mapping[str, object] | None = None
) -> int:
    """Execute an UPDATE or DELETE and return how many rows it matched."""
    result = cast("CursorResult[Any]", await session.execute(statement, parameters))
    return result.rowcount


def table_of(model: type[Base]) -> Table:
    """The Core table of a model, for statements that need no ORM."""
    return cast("Table", model.__table__)


def dialect_of(session: AsyncSession) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def upsert_into(model: type[Base], dialect: str) -> "postgresql.Insert | sqlite.Insert":
    """An INSERT that knows ON CONFLICT, in the words of `dialect`."""
    table = table_of(model)
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
