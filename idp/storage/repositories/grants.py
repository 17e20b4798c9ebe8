"""Grants: what a person authorised a client for. Codes, tokens and revocation meet here."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, case, exists, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import BrowserSession, Grant, RefreshToken, RevokedToken, User
from idp.storage.repositories._rows import changed, table_of
from idp.storage.repositories.standing import (
    account_stands,
    grant_stands,
    session_of_grant_stands,
    session_stands,
)

OFFLINE_SCOPE = "offline_access"
"""A grant with this scope outlives its browser session (OIDC Core §11)."""


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """Whether an access token still stands, and what it stands on."""

    jti_revoked: bool
    grant: Grant | None = None
    user: User | None = None

    @property
    def grant_active(self) -> bool:
        """Whether the grant exists and stands (`Grant.stands_with`). False without a grant."""
        return self.grant is not None and self.user is not None and self.grant.stands_with(self.user)


def later(instant: float) -> ColumnElement[float]:
    """A grant's `expires_at`, or `instant` when that is later."""
    return case((Grant.expires_at < instant, instant), else_=Grant.expires_at)


_grants, _users, _sessions = table_of(Grant), table_of(User), table_of(BrowserSession)

JTI_REVOKED = exists().where(table_of(RevokedToken).c.jti == bindparam("jti"))
STATUS_OF_JTI = select(JTI_REVOKED)
_this_token = select(JTI_REVOKED.label("jti_revoked")).subquery("this_token")
# Outer joins: a grant that is gone must not hide that the jti is revoked.
STATUS = select(_this_token.c.jti_revoked, *_grants.c, *_users.c).select_from(
    _this_token.outerjoin(_grants, _grants.c.id == bindparam("grant_id")).outerjoin(
        _users, _users.c.id == _grants.c.user_id
    )
)
_STATUS = select(_this_token.c.jti_revoked, Grant, User).from_statement(STATUS)

_new = {column.key: bindparam(f"new_{column.key}", type_=column.type) for column in _grants.c}
_while_it_stands = (
    select(*_new.values())
    .select_from(_users)
    .where(account_stands(_new["user_id"], _new["generation"]))
    .with_for_update(read=True)
)
_ADD = insert(_grants).from_select(list(_new), _while_it_stands)
_ADD_IN_SESSION = insert(_grants).from_select(
    list(_new),
    _while_it_stands.join(_sessions, session_stands(_new["session_id"], _new["generation"])),
)


MOST_SIGN_INS = 200
"""Sign-ins without a browser that are listed at most."""


class Grants:
    """Finds, redeems and revokes grants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, grant: Grant) -> bool:
        """Add a grant; tokens may hang from it from here on. False, and nothing is added, when its user's
        authentication or its session has ended in the meantime."""
        statement = _ADD if grant.session_id is None else _ADD_IN_SESSION
        values = {f"new_{column.key}": getattr(grant, column.key) for column in _grants.c}
        return await changed(self._session, statement, values) > 0

    async def get(self, grant_id: str) -> Grant | None:
        """Return the grant, whatever its state."""
        return await self._session.get(Grant, grant_id)

    async def redeem_code(self, grant_id: str, now: float, expires_at: float) -> Grant | None:
        """Spend the grant's authorization code and return the grant: of many callers at once, one gets it.

        None when the code was spent before, or the grant, the user's authentication or the session has ended.
        The grant then lives until `expires_at` at least.
        """
        grants = await self._session.scalars(
            update(Grant)
            .where(
                Grant.id == grant_id,
                Grant.code_redeemed_at.is_(None),
                grant_stands(),
                session_of_grant_stands(),
            )
            .values(code_redeemed_at=now, expires_at=later(expires_at))
            .returning(Grant)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        return grants.one_or_none()

    async def extend(self, grant_id: str, expires_at: float) -> None:
        """Let the grant live until `expires_at` at least."""
        await self._session.execute(
            update(Grant)
            .where(Grant.id == grant_id, Grant.expires_at < expires_at)
            .values(expires_at=expires_at)
        )

    async def revoke(self, grant_id: str, now: float) -> bool:
        """Revoke the grant and with it every token; tell whether it was this call that did."""
        return await self._revoke(now, Grant.id == grant_id) > 0

    async def revoke_for_session(self, session_id: str, now: float, *, keep_offline: bool) -> int:
        """Revoke what was granted in a browser session; `keep_offline` spares grants for offline access."""
        offline = (" " + Grant.scope + " ").contains(f" {OFFLINE_SCOPE} ", autoescape=True)
        kept = ~offline if keep_offline else true()
        return await self._revoke(now, Grant.session_id == session_id, kept)

    async def revoke_for_user(self, user_id: str, now: float, except_id: str | None = None) -> int:
        """Revoke all that a person has granted, but for `except_id`; return how many."""
        others = true() if except_id is None else Grant.id != except_id
        return await self._revoke(now, Grant.user_id == user_id, others)

    async def revoke_for_client_and_user(self, client_id: str, user_id: str, now: float) -> int:
        """Revoke all that a person has granted to a client; return how many."""
        return await self._revoke(now, Grant.user_id == user_id, Grant.client_id == client_id)

    async def carry_over(self, user_id: str, generation: int) -> None:
        """Let what is not revoked go on in this generation of the account, which follows the one before."""
        await self._session.execute(
            update(Grant)
            .where(Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.generation == generation - 1)
            .values(generation=generation)
        )

    async def summary_for_user(self, user_id: str, now: float) -> list[tuple[str, float, list[str]]]:
        """Return client, first grant and scopes of a user's grants that are neither revoked nor expired: a line for
        each client and scope string, however many grants there are."""
        statement = (
            select(Grant.client_id, func.min(Grant.created_at), Grant.scope)
            .where(Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.expires_at > now)
            .group_by(Grant.client_id, Grant.scope)
        )
        return [
            (client_id, first, scope.split())
            for client_id, first, scope in await self._session.execute(statement)
        ]

    async def sign_ins_of_user(self, user_id: str, now: float) -> Sequence[tuple[Grant, float]]:
        """Return a user's sign-ins without a browser that stand, the latest ones first, each with the time at which
        its last token was issued."""
        refreshed = select(func.max(RefreshToken.created_at)).where(RefreshToken.grant_id == Grant.id)
        statement = (
            select(Grant, func.coalesce(refreshed.scalar_subquery(), Grant.created_at))
            .where(
                Grant.user_id == user_id,
                Grant.address.is_not(None),
                Grant.revoked_at.is_(None),
                Grant.expires_at > now,
            )
            .order_by(Grant.created_at.desc(), Grant.id)
            .limit(MOST_SIGN_INS)
        )
        return [(grant, last) for grant, last in (await self._session.execute(statement)).all()]

    async def active_in_session(
        self, session_id: str, now: float, after: str = "", limit: int = 200
    ) -> Sequence[Grant]:
        """Return up to `limit` grants of a browser session that still stand, from the one behind `after` (an id)."""
        statement = (
            select(Grant)
            .where(
                Grant.session_id == session_id,
                Grant.revoked_at.is_(None),
                Grant.expires_at > now,
                *([Grant.id > after] if after else []),
            )
            .order_by(Grant.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def token_status(self, grant_id: str | None, jti: str) -> TokenStatus:
        """Tell whether an access token still stands, in one query. Without a grant, only the `jti` can be."""
        if grant_id is None:
            revoked = await self._session.scalar(STATUS_OF_JTI, {"jti": jti})
            return TokenStatus(bool(revoked))
        row = (await self._session.execute(_STATUS, {"jti": jti, "grant_id": grant_id})).one()
        return TokenStatus(*row)

    async def _revoke(self, now: float, *which: ColumnElement[bool]) -> int:
        statement = update(Grant).where(*which, Grant.revoked_at.is_(None)).values(revoked_at=now)
        return await changed(self._session, statement)
