"""A user deletes their account, and may think better of it for a while."""

from idp.clock import Clock
from idp.config import AccountSettings
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import AccountDeleted, AccountRestored
from idp.identity import page_paths
from idp.identity.endings import AccountEvent, end
from idp.identity.generation import ProvenAccount, still
from idp.identity.mail import Mailer
from idp.identity.tickets import RESTORE_ACCOUNT, Tickets
from idp.storage.database import Database
from idp.storage.models import DisabledBy, User
from idp.text import Text

LINK_DEAD = Text(
    "This link has been used or has expired, or a later mail has replaced it. Sign in as before: if your account is "
    "still deleted, you get a mail with a new link."
)


class Deletion:
    """Deletes accounts and brings them back."""

    def __init__(
        self, database: Database, tickets: Tickets, mailer: Mailer, settings: AccountSettings, clock: Clock
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._mailer = mailer
        self._settings = settings
        self._clock = clock

    async def delete(self, account: ProvenAccount, *, address: str = "") -> float:
        """Disable the account, end its sessions and grants, and return when it goes for good."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await still(uow, account, to_change=True)
            user.disable(DisabledBy.OWNER, now)
            user.delete_at = now + self._settings.deletion_grace
            await end(uow, user, AccountEvent.DELETED, now)
            await uow.users.save(user)
            await record(uow, AccountDeleted(user_id=user.id, address=address), now)
            if self._settings.deletion_grace:
                issued = await self._tickets.issue(
                    uow, user.id, RESTORE_ACCOUNT, user.email, ttl=self._settings.deletion_grace
                )
                path = f"{page_paths.RESTORE_ACCOUNT}?token={issued.token}"
            else:
                path = "/"
            await self._mailer.queue(
                uow, "account_deleted", user.email, user=user, path=path, delete_at=user.delete_at
            )
            return user.delete_at

    async def can_restore(self, token: str) -> bool:
        """Tell whether a link still brings an account back; nothing is used up."""
        async with self._database.reading() as uow:
            ticket = await self._tickets.look_up(uow, token, RESTORE_ACCOUNT)
            user = await uow.users.get(ticket.user_id) if ticket is not None else None
        return user is not None and user.delete_at is not None and user.delete_at > self._clock.now()

    async def restore(self, token: str) -> User:
        """Bring a deleted account back by the link of the mail, within the grace period."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            found = await self._tickets.look_up(uow, token, RESTORE_ACCOUNT)
            user = await uow.users.locked(found.user_id) if found else None
            ticket = await self._tickets.redeem_token(uow, token, RESTORE_ACCOUNT)
            if ticket is None or user is None or user.delete_at is None or user.delete_at <= now:
                raise InvalidValue(LINK_DEAD, field="token")
            user.enable(DisabledBy.OWNER)
            user.delete_at = None
            await uow.users.save(user)
            await record(uow, AccountRestored(user_id=user.id), now)
            return user
