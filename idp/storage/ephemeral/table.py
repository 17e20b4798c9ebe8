"""The ephemeral store as a table: the embedded default, and what Redis falls back to.

Each operation is one statement and commits by itself. It takes a connection of its own, so it is not
to be called by a task that holds a transaction: on SQLite it would wait for that very transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ClauseElement,
    CursorResult,
    Double,
    Executable,
    LargeBinary,
    String,
    bindparam,
    case,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from idp.clock import Clock
from idp.storage.database import Database, in_transaction
from idp.storage.direct import Statement
from idp.storage.models import EphemeralEntry
from idp.storage.repositories._rows import table_of, upsert_into

_entries = table_of(EphemeralEntry)
_key = bindparam("the_key", type_=String)
_now = bindparam("now", type_=Double)
_ends_at = bindparam("ends_at", type_=Double)


def _put(dialect: str) -> "postgresql.Insert | sqlite.Insert":
    insert = upsert_into(EphemeralEntry, dialect).values(
        key=_key, value=bindparam("the_value", type_=LargeBinary), count=0, expires_at=_ends_at
    )
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["key"], set_={"value": new.value, "count": 0, "expires_at": new.expires_at}
    )


def _increment(dialect: str) -> ReturningInsert[Any]:
    insert = upsert_into(EphemeralEntry, dialect).values(key=_key, value=b"", count=1, expires_at=_ends_at)
    new, old = insert.excluded, _entries.c
    expired = old.expires_at <= _now
    return insert.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((expired, 1), else_=old.count + 1),
            "expires_at": case((expired, new.expires_at), else_=old.expires_at),
            "value": new.value,
        },
    ).returning(old.count)


class _Operation:
    """One statement, for a session on SQLite and for the direct way to PostgreSQL."""

    def __init__(self, sqlite: Executable, postgresql: ClauseElement) -> None:
        self.sqlite = sqlite
        self.postgresql = Statement(postgresql)


_SELECT = select(_entries.c.value, _entries.c.count, _entries.c.expires_at).where(_entries.c.key == _key)
_REMOVE = delete(_entries).where(_entries.c.key == _key)
_POP = _REMOVE.returning(_entries.c.value, _entries.c.count, _entries.c.expires_at)

_PUT = _Operation(_put("sqlite"), _put("postgresql"))
_INCREMENT = _Operation(_increment("sqlite"), _increment("postgresql"))
_GET = _Operation(_SELECT, _SELECT)
_DELETE = _Operation(_REMOVE, _REMOVE)
_TAKE = _Operation(_POP, _POP)


class TableStore:
    """Keeps ephemeral entries in the table `ephemeral`. Expired ones do not count and are swept."""

    degraded = False

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set `key`, replacing what was there."""
        ends_at = self._clock.now() + ttl
        await self._write(_PUT, {"the_key": key, "the_value": value, "ends_at": ends_at})

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it is absent or expired."""
        refuse_in_transaction()
        if (direct := self._database.direct) is not None:
            return self._live_value(await direct.row(_GET.postgresql, {"the_key": key}))
        async with self._database.reading() as uow:
            return self._live_value((await uow.session.execute(_GET.sqlite, {"the_key": key})).one_or_none())

    async def take(self, key: str) -> bytes | None:
        """Return the value and delete it, atomically."""
        return self._live_value(await self._write(_TAKE, {"the_key": key}))

    async def delete(self, key: str) -> None:
        """Delete `key` if it is there."""
        await self._write(_DELETE, {"the_key": key})

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Delete every key of `keys` that is there."""
        refuse_in_transaction()
        if keys:
            async with self._database.autocommit() as uow:
                await uow.session.execute(delete(_entries).where(_entries.c.key.in_(keys)))

    async def increment(self, key: str, ttl: float) -> int:
        """Add one to a counter and return it; a counter that has expired starts again."""
        now = self._clock.now()
        row = await self._write(_INCREMENT, {"the_key": key, "now": now, "ends_at": now + ttl})
        return int(row[0]) if row is not None else 1

    async def check(self) -> None:
        """Do nothing: a table forgets nothing."""

    async def close(self) -> None:
        """Do nothing: the database is closed by who opened it."""

    async def _write(self, operation: _Operation, values: Mapping[str, object]) -> Sequence[Any] | None:
        """Run a statement that changes something; return the row that it returns, if it returns any."""
        refuse_in_transaction()
        if (direct := self._database.direct) is not None:
            return await direct.row(operation.postgresql, values)
        async with self._database.autocommit() as uow:
            result = cast("CursorResult[Any]", await uow.session.execute(operation.sqlite, values))
            return result.one_or_none() if result.returns_rows else None

    def _live_value(self, row: Sequence[Any] | None) -> bytes | None:
        if row is None:
            return None
        value, count, expires_at = row
        if expires_at <= self._clock.now():
            return None
        # A counter reads as its digits, as it does in Redis.
        return str(count).encode() if count else bytes(value)


def refuse_in_transaction() -> None:
    """Raise `RuntimeError` when this task holds a transaction: a mistake of ours, found in any test."""
    if in_transaction():
        raise RuntimeError("The ephemeral store was used inside a unit of work: leave that first.")
