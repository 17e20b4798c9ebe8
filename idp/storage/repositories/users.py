"""People's accounts."""

from collections.abc import Sequence

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.errors import Conflict
from idp.storage.models import BrowserSession, Grant, User
from idp.storage.repositories._rows import changed
from idp.storage.repositories.standing import account_stands


class Users:
    """Finds and keeps accounts."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked: set[str] = set()

    async def add(self, user: User) -> None:
        """Add an account; raise `Conflict` when its address is taken. The unit of work stays usable."""
        try:
            async with self._session.begin_nested():
                self._session.add(user)
                await self._session.flush()
        except IntegrityError as error:
            raise _address_taken(error) from error

    async def get(self, user_id: str) -> User | None:
        """Return the account with this `sub`."""
        return await self._session.get(User, user_id)

    async def last_login(self, user_id: str) -> float | None:
        """Return when the person last proved who they are, as far as sessions and grants still tell."""
        times = (
            select(func.max(model.auth_time)).where(model.user_id == user_id).scalar_subquery()
            for model in (BrowserSession, Grant)
        )
        row = (await self._session.execute(select(*times))).one()
        return max((at for at in row if at is not None), default=None)

    async def by_email_key(self, key: str) -> User | None:
        """Return the account with this address, given in its unique form."""
        return await self._session.scalar(select(User).where(User.email_key == key))

    async def locked(self, user_id: str) -> User | None:
        """Return the account as it is now, and let nobody else change it until the unit of work ends."""
        statement = select(User).where(User.id == user_id).with_for_update()
        self._locked.add(user_id)
        return await self._session.scalar(statement.execution_options(populate_existing=True))

    def require_lock(self, user: User) -> None:
        """Raise `RuntimeError` unless `locked` returned this account: a mistake of ours, found in any test."""
        if user.id not in self._locked:
            raise RuntimeError("The account was not locked in this unit of work.")

    async def standing(self, user_id: str, generation: int, *, to_change: bool = False) -> User | None:
        """Return the account if it is in use and in this generation, and let nobody end it until the unit of
        work does. `to_change`: as `locked`, so that the account itself may be changed."""
        statement = (
            select(User)
            .where(account_stands(literal(user_id), literal(generation)))
            .with_for_update(read=not to_change)
            .execution_options(populate_existing=True)
        )
        found = await self._session.scalar(statement)
        if found is not None and to_change:
            self._locked.add(user_id)
        return found

    async def replace_password_hash(self, user_id: str, old: str, new: str) -> bool:
        """Store a new hash of the same password, unless another password was stored in between."""
        statement = update(User).where(User.id == user_id, User.password_hash == old)
        return await changed(self._session, statement.values(password_hash=new)) > 0

    async def some_password_hashes(self, limit: int) -> Sequence[str]:
        """Return up to `limit` password hashes of accounts, by the order of their random ids."""
        statement = select(User.password_hash).where(User.password_hash.is_not(None)).order_by(User.id)
        return [each for each in (await self._session.scalars(statement.limit(limit))).all() if each]

    async def page(self, after: str | None, limit: int) -> Sequence[User]:
        """Return up to `limit` accounts in the order of their id, from the one behind `after`."""
        statement = select(User).order_by(User.id).limit(limit)
        if after is not None:
            statement = statement.where(User.id > after)
        return (await self._session.scalars(statement)).all()

    async def save(self, user: User) -> None:
        """Write what was changed on `user`; raise `Conflict` when its new address is taken.

        After a conflict `user` is again as it is stored, and the unit of work stays usable. A JSON value is
        seen as changed when it is replaced, not when it is altered in place.
        """
        if user in self._session:
            self._session.expunge(user)  # or the change would be flushed before the savepoint is set
        try:
            async with self._session.begin_nested():
                self._session.add(user)
                await self._session.flush()
        except IntegrityError as error:
            await self._session.refresh(user)
            raise _address_taken(error) from error

    async def delete(self, user_id: str) -> bool:
        """Delete the account and all that hangs from it; tell whether it was there."""
        return await changed(self._session, delete(User).where(User.id == user_id)) > 0


def _address_taken(error: IntegrityError) -> Conflict:
    return Conflict("An account with this e-mail address exists already.", detail=repr(error.orig))
