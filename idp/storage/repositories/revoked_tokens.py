"""Access tokens revoked before their time."""

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import RevokedToken
from idp.storage.repositories._rows import dialect_of, upsert_into


class RevokedTokens:
    """The small list of revoked `jti`s."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, jti: str, expires_at: float) -> None:
        """Put a token on the list until it would have expired; once is as good as twice."""
        statement = upsert_into(RevokedToken, dialect_of(self._session))
        await self._session.execute(statement.values(jti=jti, expires_at=expires_at).on_conflict_do_nothing())

    async def contains(self, jti: str) -> bool:
        """Tell whether the token is on the list."""
        return bool(await self._session.scalar(select(exists().where(RevokedToken.jti == jti))))
