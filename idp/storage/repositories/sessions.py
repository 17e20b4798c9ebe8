"""Browser sessions. Whether one still counts (ended, idle, expired) is judged upstairs."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import BrowserSession, User
from idp.storage.repositories._rows import changed

MOST_LISTED = 1000
"""No list of a user's sessions is longer, as `IDP_SESSIONS__MOST_PER_USER` can be no greater."""


class BrowserSessions:
    """Finds and keeps browser sessions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, browser_session: BrowserSession) -> None:
        """Add a session; grants may refer to it from here on."""
        self._session.add(browser_session)
        await self._session.flush()

    async def get(self, session_id: str) -> BrowserSession | None:
        """Return the session with this `sid`."""
        return await self._session.get(BrowserSession, session_id)

    async def by_token_digest(self, digest: str) -> BrowserSession | None:
        """Return the session of a cookie, whatever its state."""
        return await self._session.scalar(select(BrowserSession).where(BrowserSession.token_digest == digest))

    async def with_user(self, token_digest: str) -> tuple[BrowserSession, User] | None:
        """Return the session of a cookie and its person, whatever their state, in one query."""
        row = (
            await self._session.execute(
                select(BrowserSession, User)
                .join(User, User.id == BrowserSession.user_id)
                .where(BrowserSession.token_digest == token_digest)
            )
        ).one_or_none()
        return None if row is None else (row[0], row[1])

    async def touch(self, session_id: str, now: float) -> None:
        """Note that the session was used."""
        await self._session.execute(
            update(BrowserSession).where(BrowserSession.id == session_id).values(last_seen_at=now)
        )

    async def end(self, session_id: str, now: float) -> bool:
        """End the session; tell whether it was this call that did."""
        statement = update(BrowserSession).where(
            BrowserSession.id == session_id, BrowserSession.ended_at.is_(None)
        )
        return await changed(self._session, statement.values(ended_at=now)) > 0

    async def end_all_for_user(self, user_id: str, now: float, except_id: str | None = None) -> int:
        """End a person's sessions, but for `except_id`; return how many."""
        statement = update(BrowserSession).where(
            BrowserSession.user_id == user_id, BrowserSession.ended_at.is_(None)
        )
        if except_id is not None:
            statement = statement.where(BrowserSession.id != except_id)
        return await changed(self._session, statement.values(ended_at=now))

    async def carry_over(self, user_id: str, generation: int) -> None:
        """Let what has not ended go on in this generation of the account, which follows the one before."""
        await self._session.execute(
            update(BrowserSession)
            .where(
                BrowserSession.user_id == user_id,
                BrowserSession.ended_at.is_(None),
                BrowserSession.generation == generation - 1,
            )
            .values(generation=generation)
        )

    async def page_of_user(self, user_id: str, after: str | None, limit: int) -> Sequence[BrowserSession]:
        """Return up to `limit` of all sessions of a user that are still kept, from the one behind `after` (an id)."""
        statement = select(BrowserSession).where(BrowserSession.user_id == user_id)
        if after is not None:
            statement = statement.where(BrowserSession.id > after)
        return (await self._session.scalars(statement.order_by(BrowserSession.id).limit(limit))).all()

    async def end_surplus(self, user_id: str, most: int, now: float, *, kept_id: str) -> int:
        """End the sessions of a user that were unused for the longest, but for `most`, `kept_id` among them; return
        how many those were."""
        surplus = (
            select(BrowserSession.id)
            .where(
                BrowserSession.user_id == user_id,
                BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > now,
                BrowserSession.id != kept_id,
            )
            .order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id)
            .offset(most - 1)
        )
        statement = update(BrowserSession).where(BrowserSession.id.in_(surplus)).values(ended_at=now)
        return await changed(self._session, statement)

    async def live_for_user(
        self, user_id: str, now: float, idle_ttl: float, limit: int = MOST_LISTED
    ) -> Sequence[BrowserSession]:
        """Return up to `limit` sessions of a user that have neither ended nor expired, last used first."""
        statement = (
            select(BrowserSession)
            .where(
                BrowserSession.user_id == user_id,
                BrowserSession.ended_at.is_(None),
                BrowserSession.expires_at > now,
                BrowserSession.last_seen_at > now - idle_ttl,
            )
            .order_by(BrowserSession.last_seen_at.desc(), BrowserSession.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()
