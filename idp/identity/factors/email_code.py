"""A code by mail as a second factor: weak, because the mailbox also resets the password. The operator has
to allow it."""

from idp.clock import Clock
from idp.identity.acr import AMR_EMAIL
from idp.identity.factors.factor import Answer
from idp.identity.mail import Mailer
from idp.identity.tickets import MailThrottle, Tickets
from idp.storage.database import Database
from idp.storage.models import User

PURPOSE = "second_factor"


class EmailCode:
    """A code by mail."""

    kind = "email"
    weak = True
    amr = (AMR_EMAIL,)

    def __init__(
        self,
        database: Database,
        tickets: Tickets,
        throttle: MailThrottle,
        mailer: Mailer,
        clock: Clock,
        *,
        allowed: bool,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._throttle = throttle
        self._mailer = mailer
        self._clock = clock
        self._allowed = allowed

    async def is_available(self, user: User) -> bool:
        """Tell whether the operator allows it and the address is verified."""
        return self._allowed and user.email_verified

    async def send(self, user: User) -> None:
        """Send a code; raise `Throttled`."""
        await self._throttle.check(PURPOSE, user.email_key)
        async with self._database.unit_of_work() as uow:
            issued = await self._tickets.issue(uow, user.id, PURPOSE, user.email)
            await self._mailer.queue(
                uow, "second_factor", user.email, user=user, path="/mfa", code=issued.code
            )

    async def is_under_way(self, user: User) -> bool:
        """Tell whether a code was sent that may still be entered."""
        async with self._database.reading() as uow:
            return await self._tickets.awaits_code(uow, user.id, PURPOSE)

    async def check(self, user: User, answer: Answer) -> tuple[str, ...] | None:
        """Use the code up."""
        if not await self.is_available(user):
            return None
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.redeem_code(uow, user.id, PURPOSE, answer.code)
            return self.amr if ticket is not None and ticket.email == user.email else None
