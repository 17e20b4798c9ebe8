"""The way back to an account that its owner has deleted, as long as it is not gone for good.

It is offered by mail, to the address of the account, wherever the owner would look for it: when they register
again, recover, sign in with their password or with a linked account elsewhere. Nobody else is told.
"""

from idp.clock import Clock
from idp.identity import page_paths
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.tickets import RESTORE_ACCOUNT, Tickets
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User
from idp.storage.models.users import DisabledBy
from idp.text import Text

DELETED = Text(
    "This account was deleted by its owner. A mail to its address has the link that brings it back."
)


class WayBack:
    """Sends the link that brings a deleted account back."""

    def __init__(
        self, database: Database, tickets: Tickets, mailer: Mailer, throttle: MailThrottle, clock: Clock
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._mailer = mailer
        self._throttle = throttle
        self._clock = clock

    def is_open(self, user: User) -> bool:
        """Tell whether the owner has deleted the account, can still bring it back, and nothing else keeps it
        out of use."""
        return (
            user.delete_at is not None
            and user.delete_at > self._clock.now()
            and user.disabled_by == [DisabledBy.OWNER.value]
        )

    async def offer(self, user: User, *, address: str = "") -> None:
        """Send the link to a person at a network address who has shown that they are the owner."""
        may_mail = await self._throttle.admit(RESTORE_ACCOUNT, user.email_key, address)
        async with self._database.unit_of_work() as uow:
            owner = await uow.users.locked(user.id)
            if owner is not None and self.is_open(owner):
                await self.send(uow, owner, may_mail=may_mail)

    async def send(self, uow: UnitOfWork, user: User, *, may_mail: bool) -> None:
        """Send the link unless `may_mail` is false and the one that was sent before still works."""
        if user.delete_at is None:
            return
        if not may_mail and await self._tickets.is_open_for(uow, user.id, RESTORE_ACCOUNT):
            return
        ttl = user.delete_at - self._clock.now()
        issued = await self._tickets.issue(uow, user.id, RESTORE_ACCOUNT, user.email, ttl=ttl)
        path = f"{page_paths.RESTORE_ACCOUNT}?token={issued.token}"
        await self._mailer.queue(
            uow, "restore_account", user.email, user=user, path=path, delete_at=user.delete_at
        )
