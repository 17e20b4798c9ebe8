"""Refresh tokens. This is the hot path: statements are built once, and no ORM flush takes part."""

from dataclasses import dataclass

from sqlalchemy import Double, String, bindparam, case, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import Grant, RefreshToken, User
from idp.storage.repositories._rows import changed, dialect_of, table_of
from idp.storage.repositories.standing import grant_stands

_tokens, _grants, _users = table_of(RefreshToken), table_of(Grant), table_of(User)


@dataclass(frozen=True, slots=True)
class FoundRefreshToken:
    """A refresh token with the grant that it hangs from and its person, in whatever state they are."""

    token: RefreshToken
    grant: Grant
    user: User

    @property
    def stands(self) -> bool:
        """Whether its grant stands."""
        return self.grant.stands_with(self.user)


FIND = (
    select(*_tokens.c, *_grants.c, *_users.c)
    .select_from(
        _tokens.join(_grants, _grants.c.id == _tokens.c.grant_id).join(
            _users, _users.c.id == _grants.c.user_id
        )
    )
    .where(_tokens.c.digest == bindparam("digest"))
)
_FIND = (
    select(RefreshToken, Grant, User)
    .from_statement(FIND)
    .execution_options(populate_existing=True)  # `spend` and `rotate` write past the session
)

_old_digest = bindparam("old_digest", type_=String)
_now = bindparam("now", type_=Double)
_used_from = bindparam("used_from", type_=String)
_grant_expires_at = bindparam("grant_expires_at", type_=Double)
_new_values = {
    "digest": bindparam("new_digest", type_=String),
    "grant_id": bindparam("new_grant_id", type_=String),
    "parent_digest": bindparam("new_parent_digest", type_=String),
    "created_at": bindparam("new_created_at", type_=Double),
    "expires_at": bindparam("new_expires_at", type_=Double),
    "used_at": bindparam("new_used_at", type_=Double),
}
_later = case((_grants.c.expires_at < _grant_expires_at, _grant_expires_at), else_=_grants.c.expires_at)

_its_grant_stands = exists().where(_grants.c.id == _tokens.c.grant_id, grant_stands())
_SPEND = (
    update(_tokens)
    .where(_tokens.c.digest == _old_digest, _tokens.c.used_at.is_(None), _its_grant_stands)
    .values(used_at=_now, used_from=_used_from)
)
_INSERT = insert(_tokens).values(_new_values)
_INSERT_WHILE_IT_STANDS = insert(_tokens).from_select(
    list(_new_values),
    select(*_new_values.values())
    .select_from(_grants)
    .where(_grants.c.id == _new_values["grant_id"], grant_stands()),
)
_EXTEND = (
    update(_grants).where(_grants.c.id == bindparam("new_grant_id", type_=String)).values(expires_at=_later)
)

# PostgreSQL does it in one round trip: what follows the gate happens for the row that the gate lets through.
_gate = _SPEND.returning(_tokens.c.digest).cte("gate")
_inserted = insert(_tokens).from_select(list(_new_values), select(*_new_values.values()).select_from(_gate))
_extended = _EXTEND.where(select(_gate.c.digest).exists())
ROTATE = select(func.count()).select_from(_gate).add_cte(_inserted.cte("inserted"), _extended.cte("extended"))


class RefreshTokens:
    """Finds, spends and rotates refresh tokens."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, token: RefreshToken) -> bool:
        """Add a token to its grant; False, and nothing is added, when the grant has ended."""
        return await changed(self._session, _INSERT_WHILE_IT_STANDS, _values(token)) > 0

    async def find(self, digest: str) -> FoundRefreshToken | None:
        """Return the token, its grant and its person, in one query."""
        row = (await self._session.execute(_FIND, {"digest": digest})).one_or_none()
        return None if row is None else FoundRefreshToken(*row)

    async def spend(self, digest: str, now: float, used_from: str | None = None) -> bool:
        """Mark the token as used: of many callers at once, one gets True; none when its grant has ended."""
        return (
            await changed(self._session, _SPEND, {"old_digest": digest, "now": now, "used_from": used_from})
            > 0
        )

    async def rotate(
        self,
        old_digest: str,
        new: RefreshToken,
        now: float,
        grant_expires_at: float,
        used_from: str | None = None,
    ) -> bool:
        """Spend the old token, add the new one, let the grant live until `grant_expires_at` at least.

        Of many callers at once, one gets True; for the others, and when the grant has ended, nothing is added.
        """
        values = rotation_values(old_digest, new, now, grant_expires_at, used_from)
        if dialect_of(self._session) == "postgresql":
            return bool(await self._session.scalar(ROTATE, values))
        if not await self.spend(old_digest, now, used_from):
            return False
        await self._session.execute(_INSERT, _values(new))
        await self._session.execute(
            _EXTEND, {"new_grant_id": new.grant_id, "grant_expires_at": grant_expires_at}
        )
        return True


def rotation_values(
    old_digest: str, new: RefreshToken, now: float, grant_expires_at: float, used_from: str | None
) -> dict[str, object]:
    """Return the parameters of `ROTATE`."""
    return {
        "old_digest": old_digest,
        "now": now,
        "used_from": used_from,
        "grant_expires_at": grant_expires_at,
        **_values(new),
    }


def _values(token: RefreshToken) -> dict[str, object]:
    return {
        "new_digest": token.digest,
        "new_grant_id": token.grant_id,
        "new_parent_digest": token.parent_digest,
        "new_created_at": token.created_at,
        "new_expires_at": token.expires_at,
        "new_used_at": token.used_at,
    }
