"""Another address for an account: asked for, confirmed by its reader, and taken back by the reader of the old one.

Whoever reads the mail of the new address need not be who asked for it. So a change is confirmed only by a user who
is signed in to the account, with the link or the code of the mail: a stranger who presses the link has given the
address to nobody. And the owner of an account that a thief has moved away takes the change back, for some days, by
the link in the mail to the old address.
"""

from dataclasses import dataclass

from idp.clock import Clock
from idp.config import AccountSettings
from idp.errors import Conflict, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import EmailChanged, EmailChangeUndone
from idp.identity import page_paths
from idp.identity.addresses import email_key, masked
from idp.identity.endings import AccountEvent, end
from idp.identity.even import evenly
from idp.identity.factors.registry import delete_factors
from idp.identity.generation import ProvenAccount, still
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.tickets import CHANGE_EMAIL, UNDO_EMAIL_CHANGE, Tickets
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import User
from idp.text import Text

LINK_DEAD = Text("This link is wrong, has been used or has expired.")
CODE_DEAD = Text("This code is wrong, has been used or has expired.")


@dataclass(frozen=True, slots=True)
class AskedChange:
    """What the link of a mail would do."""

    user_id: str
    account: str
    """The address that the account has now, masked: the reader of the mail may be a stranger."""
    email: str
    """The address that the account would get."""


class EmailChanges:
    """Changes addresses."""

    def __init__(
        self,
        database: Database,
        tickets: Tickets,
        throttle: MailThrottle,
        mailer: Mailer,
        settings: AccountSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._throttle = throttle
        self._mailer = mailer
        self._settings = settings
        self._clock = clock

    async def ask(self, account: ProvenAccount, email: str) -> None:
        """Send a link and a code to the new address. The same answer when the address is taken: its owner
        is told instead."""
        key = email_key(email)
        await self._throttle.check(CHANGE_EMAIL, account.id)
        await self._throttle.check(CHANGE_EMAIL, key)
        async with evenly(), self._database.unit_of_work() as uow:
            user = await still(uow, account)
            if key == user.email_key:
                raise InvalidValue("This is your address already.", field="email")
            taken = await uow.users.by_email_key(key)
            if taken is not None:
                await self._mailer.queue(
                    uow, "already_registered", taken.email, user=taken, path=page_paths.RECOVER
                )
                return
            issued = await self._tickets.issue(uow, user.id, CHANGE_EMAIL, email.strip())
            path = f"{page_paths.CONFIRM_EMAIL_CHANGE}?token={issued.token}"
            await self._mailer.queue(
                uow,
                "change_email",
                email.strip(),
                user=user,
                path=path,
                code=issued.code,
                account=masked(user.email),
            )

    async def asked(self, token: str) -> AskedChange | None:
        """Return what a link would do, if it still does; nothing is used up."""
        async with self._database.reading() as uow:
            ticket = await self._tickets.look_up(uow, token, CHANGE_EMAIL)
            user = await uow.users.get(ticket.user_id) if ticket is not None else None
        if ticket is None or user is None or user.disabled_at is not None:
            return None
        return AskedChange(user.id, masked(user.email), ticket.email)

    async def confirm(
        self,
        account: ProvenAccount,
        *,
        token: str | None = None,
        code: str | None = None,
        address: str = "",
    ) -> User:
        """Change the address of a user who is signed in, by the link or the code of the mail; raise
        `InvalidValue`, and `Throttled` for guesses at the code."""
        guesses = self._throttle.codes
        if token is None:
            await guesses.check(CHANGE_EMAIL, account.id, address)
        async with self._database.unit_of_work() as uow:
            # The account is locked before the ticket is used: what ends tickets locks it too.
            user = await still(uow, account, to_change=True)
            if token is None:
                ticket = await self._tickets.redeem_code(uow, user.id, CHANGE_EMAIL, code or "")
            else:
                found = await self._tickets.look_up(uow, token, CHANGE_EMAIL)
                own = found is not None and found.user_id == user.id
                ticket = await self._tickets.redeem_token(uow, token, CHANGE_EMAIL) if own else None
            if ticket is not None:
                await self._change(uow, user, ticket.email)
        # Raised only here: a wrong code has been counted and must stay so.
        if ticket is None:
            raise InvalidValue(CODE_DEAD if token is None else LINK_DEAD, field="code")
        if token is None:
            await guesses.succeeded(CHANGE_EMAIL, account.id, address)
        return user

    async def _change(self, uow: UnitOfWork, user: User, email: str) -> None:
        old, now = user.email, self._clock.now()
        await self._move(uow, user, email, AccountEvent.EMAIL_CHANGED)
        await record(uow, EmailChanged(user_id=user.id), now)
        path, undo_until = page_paths.ACCOUNT, now + self._settings.email_undo
        if self._settings.email_undo:
            issued = await self._tickets.issue(
                uow, user.id, UNDO_EMAIL_CHANGE, old, ttl=self._settings.email_undo, alone=False
            )
            path = f"{page_paths.UNDO_EMAIL_CHANGE}?token={issued.token}"
        await self._mailer.queue(
            uow, "email_changed", old, user=user, path=path, new_email=email, undo_until=undo_until
        )

    async def former(self, token: str) -> str | None:
        """Return the address that a link would bring back, if it still does; nothing is used up."""
        async with self._database.reading() as uow:
            ticket = await self._tickets.look_up(uow, token, UNDO_EMAIL_CHANGE)
        return ticket.email if ticket is not None else None

    async def undo(self, token: str, *, address: str = "") -> None:
        """Give the account its former address back, by the link of the mail there; raise `InvalidValue`.

        Password, sessions and apps end, and so does what was set up after the change: links to providers and
        second factors. The owner of the address chooses a new password by mail.
        """
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.look_up(uow, token, UNDO_EMAIL_CHANGE)
            user = await uow.users.locked(ticket.user_id) if ticket is not None else None
            ticket = await self._tickets.redeem_token(uow, token, UNDO_EMAIL_CHANGE)
            if ticket is None or user is None or user.disabled_at is not None:
                raise InvalidValue(LINK_DEAD)
            now, since = self._clock.now(), ticket.created_at
            # A later change of address led further away: its link must not bring the account there again.
            await uow.tickets.end_since(user.id, UNDO_EMAIL_CHANGE, since, now)
            await delete_factors(uow, user.id, since=since)
            await uow.identities.delete_all(user.id, since=since)
            await self._move(uow, user, ticket.email, AccountEvent.EMAIL_CHANGE_UNDONE)
            await record(uow, EmailChangeUndone(user_id=user.id, address=address), now)

    async def _move(self, uow: UnitOfWork, user: User, email: str, event: AccountEvent) -> None:
        now = self._clock.now()
        user.email, user.email_key = email, email_key(email)
        user.email_verified = True
        user.verification_due = False
        user.updated_at = now
        await end(uow, user, event, now)
        try:
            await uow.users.save(user)
        except Conflict as error:
            raise InvalidValue("This address cannot be used.", field="email") from error
