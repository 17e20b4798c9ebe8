"""Accounts at other providers, and the providers that were added by command."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from idp.errors import Conflict
from idp.storage.models import FederatedIdentity, UpstreamProvider
from idp.storage.repositories._rows import changed

MOST = 200
"""Links that are read of a user at most."""


class FederatedIdentities:
    """Finds and keeps links to accounts elsewhere."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, identity: FederatedIdentity) -> None:
        """Add a link; raise `Conflict` when the account elsewhere is linked already."""
        try:
            async with self._session.begin_nested():
                self._session.add(identity)
                await self._session.flush()
        except IntegrityError as error:
            raise Conflict("This account is linked already.") from error

    async def find(self, provider: str, issuer: str, subject: str) -> FederatedIdentity | None:
        """Return the link of an account elsewhere: the only way to find one."""
        return await self._session.scalar(
            select(FederatedIdentity).where(
                FederatedIdentity.provider == provider,
                FederatedIdentity.issuer == issuer,
                FederatedIdentity.subject == subject,
            )
        )

    async def of_user(self, user_id: str) -> Sequence[FederatedIdentity]:
        """Return a user's links, the oldest first; never more than `MOST`."""
        statement = (
            select(FederatedIdentity)
            .where(FederatedIdentity.user_id == user_id)
            .order_by(FederatedIdentity.linked_at, FederatedIdentity.id)
            .limit(MOST)
        )
        return (await self._session.scalars(statement)).all()

    async def page_of_user(self, user_id: str, after: str | None, limit: int) -> Sequence[FederatedIdentity]:
        """Return up to `limit` of a user's links, from the one behind `after` (an id)."""
        statement = select(FederatedIdentity).where(FederatedIdentity.user_id == user_id)
        if after is not None:
            statement = statement.where(FederatedIdentity.id > after)
        return (await self._session.scalars(statement.order_by(FederatedIdentity.id).limit(limit))).all()

    async def count(self, user_id: str) -> int:
        """Return how many links a person has."""
        statement = select(func.count()).where(FederatedIdentity.user_id == user_id)
        return await self._session.scalar(statement) or 0

    async def count_at(self, provider: str) -> int:
        """Return how many links lead to a provider."""
        statement = select(func.count()).where(FederatedIdentity.provider == provider)
        return await self._session.scalar(statement) or 0

    async def note_use(
        self, identity_id: str, now: float, *, email: str | None, sealed_tokens: str | None
    ) -> bool:
        """Note a sign-in, with the address and tokens that came with it; tell whether the link is still there."""
        values: dict[str, object] = {"last_used_at": now, "email": email}
        if sealed_tokens is not None:
            values["sealed_tokens"] = sealed_tokens
        statement = update(FederatedIdentity).where(FederatedIdentity.id == identity_id).values(**values)
        return await changed(self._session, statement) > 0

    async def replace_tokens(self, identity_id: str, old: str | None, new: str) -> bool:
        """Store refreshed tokens unless others were stored in between."""
        statement = (
            update(FederatedIdentity)
            .where(FederatedIdentity.id == identity_id, FederatedIdentity.sealed_tokens == old)
            .values(sealed_tokens=new)
        )
        return await changed(self._session, statement) > 0

    async def delete(self, identity_id: str, user_id: str) -> bool:
        """Delete one link if it is this person's; tell whether it was."""
        statement = delete(FederatedIdentity).where(
            FederatedIdentity.id == identity_id, FederatedIdentity.user_id == user_id
        )
        return await changed(self._session, statement) > 0

    async def delete_all(self, user_id: str, *, since: float = 0.0) -> int:
        """Delete every link of a user that was made at `since` or later; return how many."""
        statement = delete(FederatedIdentity).where(
            FederatedIdentity.user_id == user_id, FederatedIdentity.linked_at >= since
        )
        return await changed(self._session, statement)


class UpstreamProviders:
    """Keeps the providers that were added by command."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> Sequence[UpstreamProvider]:
        """Return all of them, by name."""
        return (await self._session.scalars(select(UpstreamProvider).order_by(UpstreamProvider.name))).all()

    async def add(self, provider: UpstreamProvider) -> None:
        """Add a provider; raise `Conflict` when the name is taken."""
        try:
            async with self._session.begin_nested():
                self._session.add(provider)
                await self._session.flush()
        except IntegrityError as error:
            raise Conflict(
                f"There is a provider {provider.name} already; idp provider remove takes it away."
            ) from error

    async def delete(self, name: str) -> bool:
        """Delete a provider; tell whether it was there."""
        return await changed(self._session, delete(UpstreamProvider).where(UpstreamProvider.name == name)) > 0
