"""Signing keys, as they are stored. Which of them signs is decided in `idp.keys`."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import SigningKeyRecord
from idp.storage.repositories._rows import changed


class SigningKeys:
    """Finds and keeps signing keys."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Sequence[SigningKeyRecord]:
        """Return every key, by algorithm and generation."""
        order = (SigningKeyRecord.alg, SigningKeyRecord.generation)
        return (await self._session.scalars(select(SigningKeyRecord).order_by(*order))).all()

    async def add(self, key: SigningKeyRecord) -> bool:
        """Add a key; False when another worker made this generation, or added this key, first.

        The unit of work stays usable.
        """
        try:
            async with self._session.begin_nested():
                self._session.add(key)
                await self._session.flush()
        except IntegrityError:
            return False
        return True

    async def set_expiry(self, kid: str, expires_at: float | None) -> bool:
        """Set when the key is no longer published; tell whether it is there."""
        statement = update(SigningKeyRecord).where(SigningKeyRecord.kid == kid).values(expires_at=expires_at)
        return await changed(self._session, statement) > 0

    async def delete(self, kid: str) -> bool:
        """Delete the key; tell whether it was there."""
        statement = delete(SigningKeyRecord).where(SigningKeyRecord.kid == kid)
        return await changed(self._session, statement) > 0
