"""A code by mail as a second factor: weak, because the mailbox also resets the password. The operator has
to allow it."""

from collections.abc import Mapping
from typing import Any, Self

from idp.clock import Clock
from idp.identity import page_paths
from idp.identity.acr import AMR_EMAIL
from idp.identity.factors.factor import ChallengeAnswer, Factor, FactorParts
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.tickets import Tickets
from idp.storage.database import Database
from idp.storage.models import User
from idp.text import Text

PURPOSE = "second_factor"


class EmailCode(Factor):
    """A code by mail."""

    kind = "email"
    weak = True
    amr = (AMR_EMAIL,)

    choose = Text("Get a code by mail")
    challenge = Text("Get a code by mail and enter it here.")
    wrong = Text("This code is not right, or it has expired.")
    challenge_template = "factors/email.html"

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

    @classmethod
    def of(cls, parts: FactorParts) -> Self:
        """Make the factor."""
        return cls(
            parts.database,
            parts.tickets,
            parts.mail_throttle,
            parts.mailer,
            parts.clock,
            allowed=parts.settings.second_factor.email_code,
        )

    async def is_available(self, user: User) -> bool:
        """Tell whether the operator allows it and the address is verified."""
        return self._allowed and user.email_verified

    async def challenge_context(self, user: User) -> Mapping[str, Any]:
        """Return whether a code was sent that may still be entered."""
        return {"mailed": await self.is_under_way(user)}

    async def send(self, user: User) -> bool:
        """Send a code; raise `Throttled`."""
        await self._throttle.check(PURPOSE, user.email_key)
        async with self._database.unit_of_work() as uow:
            issued = await self._tickets.issue(uow, user.id, PURPOSE, user.email)
            await self._mailer.queue(
                uow, "second_factor", user.email, user=user, path=page_paths.CHALLENGE, code=issued.code
            )
        return True

    async def is_under_way(self, user: User) -> bool:
        """Tell whether a code was sent that may still be entered."""
        async with self._database.reading() as uow:
            return await self._tickets.awaits_code(uow, user.id, PURPOSE)

    async def check(self, user: User, answer: ChallengeAnswer) -> tuple[str, ...] | None:
        """Use the code up."""
        if not await self.is_available(user):
            return None
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.redeem_code(uow, user.id, PURPOSE, answer.code)
            return self.amr if ticket is not None and ticket.email == user.email else None
