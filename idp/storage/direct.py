"""The shortest way to PostgreSQL, for statements that run all the time and commit by themselves.

asyncpg takes a third of the time that a session around it takes. The statements are SQLAlchemy's all the same,
written once and compiled once: only the way differs.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from idp.config import DatabaseSettings
from idp.storage.outages import BROKEN_CONNECTION, Outages, is_passing


class Statement:
    """A statement compiled for asyncpg, and the order in which it takes its parameters."""

    def __init__(self, statement: ClauseElement) -> None:
        dialect = asyncpg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy's own
        compiled = statement.compile(dialect=dialect)
        self._defaults: Mapping[str, Any] = compiled.params
        self._order: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        self.sql = str(compiled)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in their order."""
        return [values[name] if name in values else self._defaults[name] for name in self._order]


class Direct:
    """A pool of asyncpg's own connections, opened when the first statement needs one."""

    def __init__(self, arguments: Mapping[str, Any], settings: DatabaseSettings, outages: Outages) -> None:
        """`arguments` are those of `asyncpg.connect`."""
        self._arguments = arguments
        self._outages = outages
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def row(self, statement: Statement, values: Mapping[str, Any]) -> asyncpg.Record | None:
        """Run a statement; return its first row. Raise `Unavailable` when the database is away."""
        try:
            # Over the wait for a connection too, which asyncpg lets last for ever.
            async with asyncio.timeout(self._settings.timeout):
                pool = self._pool or await self._open()
                return await pool.fetchrow(statement.sql, *statement.arguments(values))
        except (*BROKEN_CONNECTION, asyncpg.InterfaceError, TimeoutError) as error:
            raise self._outages.unavailable(error) from error
        except asyncpg.PostgresError as error:
            if is_passing(error):
                raise self._outages.unavailable(error) from error
            raise

    async def close(self) -> None:
        """Close the connections. asyncpg waits without end for one whose server has gone; that is cut off here."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    **self._arguments,
                    min_size=0,
                    max_size=self._settings.pool_size,
                    timeout=self._settings.timeout,
                    command_timeout=self._settings.timeout,
                    init=_read_json,
                    reset=_leave_as_it_is,
                )
            return self._pool


async def _leave_as_it_is(_connection: Any) -> None:
    """Spare the round trip that resets a connection: single statements leave nothing behind in it."""


async def _read_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
