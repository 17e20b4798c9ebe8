"""Usernames."""

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import User, Username
from idp.storage.repositories._rows import changed

REFUSED = "refused_preferred_username"
"""The member of a profile that keeps a name which was taken away; no client is told it."""


class Usernames:
    """Holds and releases usernames."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold(self, key: str, username: str, user_id: str) -> bool:
        """Hold a name for an account, which may have had it before; tell whether that was possible. Of many
        callers at once, one gets True. The unit of work stays usable."""
        known = (
            update(Username)
            .where(Username.key == key, Username.user_id == user_id)
            .values(username=username, released_at=None)
        )
        if await changed(self._session, known) > 0:
            return True
        try:
            async with self._session.begin_nested():
                self._session.add(Username(key=key, username=username, user_id=user_id, released_at=None))
                await self._session.flush()
        except IntegrityError:
            return False
        return True

    async def email_key_of(self, key: str) -> str | None:
        """Return the address (`email_key`) of the account that has a name now."""
        statement = (
            select(User.email_key)
            .join(Username, Username.user_id == User.id)
            .where(Username.key == key, Username.released_at.is_(None))
        )
        return await self._session.scalar(statement)

    async def release(self, user_id: str, now: float, *, keep: str | None) -> None:
        """Give up every name of an account but the one under the key `keep`."""
        statement = update(Username).where(Username.user_id == user_id, Username.released_at.is_(None))
        if keep is not None:
            statement = statement.where(Username.key != keep)
        await self._session.execute(statement.values(released_at=now))

    async def count_refused(self) -> int:
        """Count the accounts that lost a username when names became unique."""
        lost = User.profile[REFUSED].as_string().is_not(None)
        return await self._session.scalar(select(func.count()).select_from(User).where(lost)) or 0

    async def release_orphans(self, now: float) -> int:
        """Give up the names of accounts that are gone."""
        orphans = update(Username).where(Username.user_id.is_(None), Username.released_at.is_(None))
        return await changed(self._session, orphans.values(released_at=now))
