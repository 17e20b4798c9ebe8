"""The ephemeral store as a table: the embedded default, and what Redis falls back to.

Each operation is one statement and commits by itself. It takes a connection of its own, so it is not
to be called by a task that holds a transaction: on SQLite it would wait for that very transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Double, Executable, LargeBinary, Row, String, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from idp.clock import Clock
from idp.storage.database import Database, in_transaction
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


_DIALECTS = ("sqlite", "postgresql")
_PUT = {dialect: _put(dialect) for dialect in _DIALECTS}
_INCREMENT = {dialect: _increment(dialect) for dialect in _DIALECTS}
_GET = select(_entries.c.value, _entries.c.count, _entries.c.expires_at).where(_entries.c.key == _key)
_TAKE = (
    delete(_entries)
    .where(_entries.c.key == _key)
    .returning(_entries.c.value, _entries.c.count, _entries.c.expires_at)
)
_DELETE = delete(_entries).where(_entries.c.key == _key)


class TableStore:
    """Keeps ephemeral entries in the table `ephemeral`. Expired ones do not count and are swept."""

    degraded = False

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._dialect = "sqlite" if database.is_sqlite else "postgresql"

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set `key`, replacing what was there."""
        ends_at = self._clock.now() + ttl
        await self._execute(
            _PUT[self._dialect], {"the_key": key, "the_value": value, "ends_at": ends_at}, rows=False
        )

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it is absent or expired."""
        refuse_in_transaction()
        async with self._database.reading() as uow:
            row = (await uow.session.execute(_GET, {"the_key": key})).one_or_none()
        return self._live_value(row)

    async def take(self, key: str) -> bytes | None:
        """Return the value and delete it, atomically."""
        return self._live_value(await self._execute(_TAKE, {"the_key": key}))

    async def delete(self, key: str) -> None:
        """Delete `key` if it is there."""
        await self._execute(_DELETE, {"the_key": key}, rows=False)

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Delete every key of `keys` that is there."""
        if keys:
            await self._execute(delete(_entries).where(_entries.c.key.in_(keys)), {}, rows=False)

    async def increment(self, key: str, ttl: float) -> int:
        """Add one to a counter and return it; a counter that has expired starts again."""
        now = self._clock.now()
        row = await self._execute(
            _INCREMENT[self._dialect], {"the_key": key, "now": now, "ends_at": now + ttl}
        )
        return int(row[0]) if row is not None else 1

    async def close(self) -> None:
        """Do nothing: the database is closed by who opened it."""

    async def _execute(
        self, statement: Executable, parameters: Mapping[str, object], *, rows: bool = True
    ) -> Row[*tuple[Any, ...]] | None:
        refuse_in_transaction()
        async with self._database.autocommit() as uow:
            result = await uow.session.execute(statement, parameters)
            return result.one_or_none() if rows else None

    def _live_value(self, row: Row[*tuple[Any, ...]] | None) -> bytes | None:
        if row is None or row.expires_at <= self._clock.now():
            return None
        # A counter reads as its digits, as it does in Redis.
        return str(row[1]).encode() if row[1] else bytes(row[0])


def refuse_in_transaction() -> None:
    """Raise `RuntimeError` when this task holds a transaction: a mistake of ours, found in any test."""
    if in_transaction():
        raise RuntimeError("The ephemeral store was used inside a unit of work: leave that first.")
