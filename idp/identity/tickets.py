"""Mail tickets: a link and a six-digit code in one mail, either of which proves that its reader got it.

A ticket is for one purpose and one person, is used once, and the last mail of a kind makes the earlier
ones worthless. The code can be tried a few times only, by all together.
"""

from dataclasses import dataclass

from idp.clock import Clock
from idp.config import AccountSettings
from idp.crypto import digest, random_token
from idp.identity.mail_codes import MOST_WRONG_CODES, MailCodes
from idp.storage.database import UnitOfWork
from idp.storage.models import MailTicket, new_id

VERIFY_EMAIL = "verify_email"
CHANGE_EMAIL = "change_email"
UNDO_EMAIL_CHANGE = "undo_email_change"
RESET_PASSWORD = "reset_password"
RESTORE_ACCOUNT = "restore_account"


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """What goes into the mail, and is kept nowhere else."""

    token: str
    code: str


class Tickets:
    """Issues and redeems mail tickets."""

    def __init__(self, key: bytes, settings: AccountSettings, clock: Clock) -> None:
        """Take a key of 32 bytes that serves nothing else, for the digests of the codes."""
        self._codes = MailCodes(key)
        self._settings = settings
        self._clock = clock

    async def issue(
        self,
        uow: UnitOfWork,
        user_id: str,
        purpose: str,
        email: str,
        *,
        ttl: float | None = None,
        alone: bool = True,
    ) -> IssuedTicket:
        """Make a ticket; with `alone`, earlier ones of this user and purpose end."""
        now = self._clock.now()
        ticket_id, token = new_id(), random_token()
        code = self._codes.new()
        ticket = MailTicket(
            id=ticket_id,
            purpose=purpose,
            user_id=user_id,
            email=email,
            token_digest=digest(token),
            code_digest=self._codes.digest(code, ticket_id),
            wrong_codes=0,
            created_at=now,
            expires_at=now + (self._settings.mail_ticket_ttl if ttl is None else ttl),
            used_at=None,
        )
        await uow.tickets.add(ticket, alone=alone)
        return IssuedTicket(token, code)

    async def look_up(self, uow: UnitOfWork, token: str, purpose: str) -> MailTicket | None:
        """Return the ticket of a link that may still be used, without using it."""
        ticket = await uow.tickets.by_token(digest(token))
        if ticket is None or ticket.purpose != purpose or not self._is_open(ticket):
            return None
        return ticket

    async def redeem_token(self, uow: UnitOfWork, token: str, purpose: str) -> MailTicket | None:
        """Use the ticket of a link; of several at once one gets it."""
        ticket = await self.look_up(uow, token, purpose)
        return ticket if ticket and await uow.tickets.use(ticket.id, self._clock.now()) else None

    async def awaits_code(self, uow: UnitOfWork, user_id: str, purpose: str) -> bool:
        """Tell whether a person's last ticket may still be redeemed by its code."""
        ticket = await uow.tickets.latest(user_id, purpose)
        return ticket is not None and self._is_open(ticket) and ticket.wrong_codes < MOST_WRONG_CODES

    async def is_open_for(self, uow: UnitOfWork, user_id: str, purpose: str) -> bool:
        """Tell whether the link of a person's last mail may still be used."""
        ticket = await uow.tickets.latest(user_id, purpose)
        return ticket is not None and self._is_open(ticket)

    async def redeem_code(self, uow: UnitOfWork, user_id: str, purpose: str, code: str) -> MailTicket | None:
        """Use a person's last ticket by its code; a wrong one counts. Commit also when this is None."""
        ticket = await uow.tickets.latest(user_id, purpose)
        if ticket is None or not self._is_open(ticket):
            return None
        if not await uow.tickets.count_wrong_code(ticket.id, MOST_WRONG_CODES):
            return None
        if not self._codes.is_right(code, ticket.code_digest, ticket.id):
            return None
        return ticket if await uow.tickets.use(ticket.id, self._clock.now()) else None

    def _is_open(self, ticket: MailTicket) -> bool:
        return ticket.used_at is None and ticket.expires_at > self._clock.now()
