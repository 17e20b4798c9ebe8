"""Mail tickets and invitations: proofs that are sent to an address and used once."""

from collections.abc import Iterable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from idp.storage.models import Invitation, MailTicket
from idp.storage.repositories._rows import changed


class MailTickets:
    """Finds and uses mail tickets."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, ticket: MailTicket, *, alone: bool = True) -> None:
        """Add a ticket; with `alone`, the unused ones of the same user and purpose end, so only the last mail
        counts."""
        if alone:
            await self.end_since(ticket.user_id, ticket.purpose, 0.0, ticket.created_at)
        self._session.add(ticket)
        await self._session.flush()

    async def by_token(self, token_digest: str) -> MailTicket | None:
        """Return the ticket of a link, in whatever state it is."""
        return await self._session.scalar(select(MailTicket).where(MailTicket.token_digest == token_digest))

    async def latest(self, user_id: str, purpose: str) -> MailTicket | None:
        """Return the last ticket for this purpose, in whatever state it is."""
        return await self._session.scalar(
            select(MailTicket)
            .where(MailTicket.user_id == user_id, MailTicket.purpose == purpose)
            .order_by(MailTicket.created_at.desc(), MailTicket.id)
            .limit(1)
        )

    async def use(self, ticket_id: str, now: float) -> bool:
        """Use the ticket: of many callers at once, one gets True."""
        statement = (
            update(MailTicket)
            .where(MailTicket.id == ticket_id, MailTicket.used_at.is_(None), MailTicket.expires_at > now)
            .values(used_at=now)
        )
        return await changed(self._session, statement) > 0

    async def end_all_for_user(self, user_id: str, now: float, *, but: Iterable[str | None] = ()) -> None:
        """End every unused ticket of a user, but for those of some purposes."""
        kept = [purpose for purpose in but if purpose is not None]
        await self._session.execute(
            update(MailTicket)
            .where(
                MailTicket.user_id == user_id,
                MailTicket.used_at.is_(None),
                MailTicket.purpose.not_in(kept),
            )
            .values(used_at=now)
        )

    async def end_since(self, user_id: str, purpose: str, since: float, now: float) -> None:
        """End the unused tickets of a user and purpose that were issued at `since` or later."""
        await self._session.execute(
            update(MailTicket)
            .where(
                MailTicket.user_id == user_id,
                MailTicket.purpose == purpose,
                MailTicket.created_at >= since,
                MailTicket.used_at.is_(None),
            )
            .values(used_at=now)
        )

    async def count_wrong_code(self, ticket_id: str, most: int) -> bool:
        """Count a try at the code; False when there were `most` already. Counted before it is compared."""
        statement = (
            update(MailTicket)
            .where(MailTicket.id == ticket_id, MailTicket.wrong_codes < most)
            .values(wrong_codes=MailTicket.wrong_codes + 1)
        )
        return await changed(self._session, statement) > 0


class Invitations:
    """Finds and uses invitations."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, invitation: Invitation) -> None:
        """Add an invitation."""
        self._session.add(invitation)
        await self._session.flush()

    async def get(self, token_digest: str) -> Invitation | None:
        """Return the invitation, in whatever state it is."""
        return await self._session.get(Invitation, token_digest)

    async def end_all_for_address(self, key: str, now: float) -> None:
        """End every unused invitation to an address."""
        await self._session.execute(
            update(Invitation)
            .where(Invitation.email == key, Invitation.used_at.is_(None))
            .values(used_at=now)
        )

    async def use(self, token_digest: str, now: float) -> bool:
        """Use the invitation: of many callers at once, one gets True."""
        statement = (
            update(Invitation)
            .where(
                Invitation.token_digest == token_digest,
                Invitation.used_at.is_(None),
                Invitation.expires_at > now,
            )
            .values(used_at=now)
        )
        return await changed(self._session, statement) > 0
