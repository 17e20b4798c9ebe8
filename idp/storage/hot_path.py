"""The few statements that run for nearly every token, by the shortest way.

Each is one statement that commits by itself. On PostgreSQL it goes straight to asyncpg, which takes a
third of the time that a session around it takes; on SQLite it goes through a unit of work like all others.
The statements are SQLAlchemy's all the same, written once and compiled once: only the way differs.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Select, Table, exists, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql import bindparam

from idp.config import Database as DatabaseSettings
from idp.errors import Unavailable
from idp.storage.database import BROKEN_CONNECTION, PASSING_STATES, Database
from idp.storage.models import Base, Grant, RefreshToken, RevokedToken, User
from idp.storage.repositories._rows import table_of
from idp.storage.repositories.grants import TokenStatus
from idp.storage.repositories.refresh_tokens import (
    ROTATE,
    FoundRefreshToken,
    rotation_values,
)

_grants, _tokens, _users = table_of(Grant), table_of(RefreshToken), table_of(User)
_revoked = table_of(RevokedToken)
_jti_is_revoked = exists().where(_revoked.c.jti == bindparam("jti"))


class _Statement:
    """A statement compiled for asyncpg, and the order in which it takes its parameters."""

    def __init__(self, statement: Select[Any]) -> None:
        dialect = asyncpg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy's own
        compiled = statement.compile(dialect=dialect)
        self._defaults: Mapping[str, Any] = compiled.params
        self._order: Sequence[str] = compiled.positiontup or ()
        self.sql = str(compiled)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in their order."""
        return [values[name] if name in values else self._defaults[name] for name in self._order]


_STANDS = _Statement(
    select(_grants.c.revoked_at, _users.c.disabled_at, _jti_is_revoked)
    .select_from(_grants.join(_users, _users.c.id == _grants.c.user_id))
    .where(_grants.c.id == bindparam("grant_id"))
)
_REVOKED = _Statement(select(_jti_is_revoked))
_STATUS = _Statement(
    select(_jti_is_revoked, *_grants.c, *_users.c)
    .select_from(_grants.join(_users, _users.c.id == _grants.c.user_id))
    .where(_grants.c.id == bindparam("grant_id"))
)
_FIND = _Statement(
    select(*_tokens.c, *_grants.c, *_users.c)
    .select_from(
        _tokens.join(_grants, _grants.c.id == _tokens.c.grant_id).join(
            _users, _users.c.id == _grants.c.user_id
        )
    )
    .where(_tokens.c.digest == bindparam("digest"))
)
_ROTATE = _Statement(ROTATE)


class HotPath:
    """Asks after access tokens, and finds and rotates refresh tokens."""

    def __init__(self, database: Database, settings: DatabaseSettings) -> None:
        self._database = database
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def token_stands(self, grant_id: str | None, jti: str) -> bool:
        """Tell whether an access token was neither revoked by itself nor with its grant, and its person, if
        there is one, is not disabled."""
        if self._database.is_sqlite:
            status = await self.token_status(grant_id, jti)
            return not status.jti_revoked and (grant_id is None or status.grant_active)
        if grant_id is None:
            row = await self._row(_REVOKED, {"jti": jti})
            return row is not None and not row[0]
        row = await self._row(_STANDS, {"jti": jti, "grant_id": grant_id})
        return row is not None and row[0] is None and row[1] is None and not row[2]

    async def token_status(self, grant_id: str | None, jti: str) -> TokenStatus:
        """Tell the same with the grant and the person, for whoever needs what they say."""
        if self._database.is_sqlite or grant_id is None:
            async with self._database.reading() as uow:
                return await uow.grants.token_status(grant_id, jti)
        row = await self._row(_STATUS, {"jti": jti, "grant_id": grant_id})
        if row is None:
            return TokenStatus(grant_active=False, jti_revoked=False, user=None, grant=None)
        values = tuple(row)
        grant, user = _take(Grant, _grants, values, 1), _take(User, _users, values, 1 + len(_grants.c))
        active = grant.revoked_at is None and user.disabled_at is None
        return TokenStatus(grant_active=active, jti_revoked=bool(values[0]), user=user, grant=grant)

    async def find_refresh_token(self, digest: str) -> FoundRefreshToken | None:
        """Return the token, its grant and its person, in whatever state they are."""
        if self._database.is_sqlite:
            async with self._database.reading() as uow:
                return await uow.refresh_tokens.find(digest)
        row = await self._row(_FIND, {"digest": digest})
        if row is None:
            return None
        values, first, second = tuple(row), len(_tokens.c), len(_tokens.c) + len(_grants.c)
        return FoundRefreshToken(
            _take(RefreshToken, _tokens, values, 0),
            _take(Grant, _grants, values, first),
            _take(User, _users, values, second),
        )

    async def rotate(self, old_digest: str, new: RefreshToken, now: float, grant_expires_at: float) -> bool:
        """Spend the old token, add the new one, let the grant live on: all of it or nothing, and for good.
        Of many callers at once, one gets True."""
        if self._database.is_sqlite:
            async with self._database.unit_of_work() as uow:
                return await uow.refresh_tokens.rotate(old_digest, new, now, grant_expires_at)
        row = await self._row(_ROTATE, rotation_values(old_digest, new, now, grant_expires_at))
        return row is not None and bool(row[0])

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()

    async def _row(self, statement: _Statement, values: Mapping[str, Any]) -> Any:
        try:
            pool = self._pool or await self._open()
            return await pool.fetchrow(statement.sql, *statement.arguments(values))
        except (*BROKEN_CONNECTION, asyncpg.InterfaceError, TimeoutError) as error:
            raise Unavailable("The database cannot be reached right now.", detail=repr(error)) from error
        except asyncpg.PostgresError as error:
            if str(error.sqlstate).startswith(PASSING_STATES):
                raise Unavailable("The database went away.", detail=repr(error)) from error
            raise

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                url = self._database.url
                self._pool = await asyncpg.create_pool(
                    **url.translate_connect_args(username="user"),
                    **url.query,
                    min_size=0,
                    max_size=self._settings.pool_size,
                    timeout=self._settings.timeout,
                    command_timeout=self._settings.timeout,
                    init=_read_json,
                    reset=_leave_as_it_is,
                )
            return self._pool


def _take(model: type[Base], table: Table, values: tuple[Any, ...], start: int) -> Any:
    """Return a row of a wider one as the model that it is of; no session knows it."""
    names = (model.__mapper__.get_property_by_column(column).key for column in table.c)
    return model(**dict(zip(names, values[start : start + len(table.c)], strict=True)))


async def _leave_as_it_is(_connection: Any) -> None:
    """Spare the round trip that resets a connection: single statements leave nothing behind in it."""


async def _read_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
