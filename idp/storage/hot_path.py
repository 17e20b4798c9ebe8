"""The few statements that run for nearly every token, by the shortest way.

Each is one statement that commits by itself. On PostgreSQL it goes straight to asyncpg (`direct`); on SQLite it
goes through a unit of work like all others.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from sqlalchemy import Table, bindparam, select

from idp.storage.database import Database
from idp.storage.direct import Statement
from idp.storage.models import Base, Grant, RefreshToken, User
from idp.storage.repositories._rows import table_of
from idp.storage.repositories.grants import JTI_REVOKED, STATUS, STATUS_OF_JTI, TokenStatus
from idp.storage.repositories.refresh_tokens import FIND, ROTATE, FoundRefreshToken, rotation_values
from idp.storage.repositories.standing import account_stands

_grants, _tokens, _users = table_of(Grant), table_of(RefreshToken), table_of(User)

_STATUS_OF_JTI = Statement(STATUS_OF_JTI)
_STATUS = Statement(STATUS)
_USER = Statement(
    select(JTI_REVOKED, _users.c.email, _users.c.email_verified, _users.c.profile)
    .select_from(_grants.join(_users, account_stands(_grants.c.user_id, _grants.c.generation)))
    .where(_grants.c.id == bindparam("grant_id"), _grants.c.revoked_at.is_(None))
)
_FIND = Statement(FIND)
_ROTATE = Statement(ROTATE)


@dataclass(frozen=True, slots=True)
class TokenUser:
    """What introspection tells about the user of a token."""

    email: str
    email_verified: bool
    username: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        """Return it of an account."""
        return cls(user.email, user.email_verified, user.profile.get("preferred_username"))


class HotPath:
    """Asks after access tokens, and finds and rotates refresh tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._direct = database.direct

    async def token_user(self, grant_id: str, jti: str) -> TokenUser | None:
        """Return the user of an access token that stands; None if it does not."""
        if self._direct is None:
            status = await self.token_status(grant_id, jti)
            stands = status.grant_active and not status.jti_revoked
            return TokenUser.of(status.user) if stands and status.user is not None else None
        row = await self._direct.row(_USER, {"jti": jti, "grant_id": grant_id})
        if row is None or row[0]:
            return None
        return TokenUser(row[1], row[2], row[3].get("preferred_username"))

    async def token_status(self, grant_id: str | None, jti: str) -> TokenStatus:
        """Tell whether an access token was revoked, by itself or with its grant, and what it stands on. A client's
        own token has no grant."""
        if self._direct is None:
            async with self._database.reading() as uow:
                return await uow.grants.token_status(grant_id, jti)
        if grant_id is None:
            (jti_revoked,) = await self._direct.row(_STATUS_OF_JTI, {"jti": jti}) or (True,)
            return TokenStatus(jti_revoked)
        values = tuple(await self._direct.row(_STATUS, {"jti": jti, "grant_id": grant_id}) or ())
        grant, user = _take(Grant, _grants, values, 1), _take(User, _users, values, 1 + len(_grants.c))
        return TokenStatus(values[0], grant, user)

    async def find_refresh_token(self, digest: str) -> FoundRefreshToken | None:
        """Return the token, its grant and its person, in whatever state they are."""
        if self._direct is None:
            async with self._database.reading() as uow:
                return await uow.refresh_tokens.find(digest)
        row = await self._direct.row(_FIND, {"digest": digest})
        if row is None:
            return None
        values, first, second = tuple(row), len(_tokens.c), len(_tokens.c) + len(_grants.c)
        return FoundRefreshToken(
            _take(RefreshToken, _tokens, values, 0),
            _take(Grant, _grants, values, first),
            _take(User, _users, values, second),
        )

    async def rotate(
        self, old_digest: str, new: RefreshToken, now: float, grant_expires_at: float, used_from: str | None
    ) -> bool:
        """Spend the old token, add the new one, let the grant live on: all of it or nothing, and for good.
        Of many callers at once, one gets True."""
        if self._direct is None:
            async with self._database.unit_of_work() as uow:
                return await uow.refresh_tokens.rotate(old_digest, new, now, grant_expires_at, used_from)
        values = rotation_values(old_digest, new, now, grant_expires_at, used_from)
        row = await self._direct.row(_ROTATE, values)
        return row is not None and bool(row[0])


def _take(model: type[Base], table: Table, values: tuple[Any, ...], start: int) -> Any:
    """Return a row of a wider one as the model that it is of; None where an outer join found none. No session
    knows it."""
    own = values[start : start + len(table.c)]
    return None if own[0] is None else model(**dict(zip(_names(model, table), own, strict=True)))


@cache
def _names(model: type[Base], table: Table) -> tuple[str, ...]:
    """Return the attributes of a model in the order of its columns. To ask the mapper costs twice what it costs
    to make the model."""
    return tuple(model.__mapper__.get_property_by_column(column).key for column in table.c)
