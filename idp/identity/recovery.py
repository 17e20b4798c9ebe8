"""A forgotten password: a mail to the address, and a new password by its link."""

from idp.clock import Clock
from idp.errors import InvalidValue
from idp.events.audit import record
from idp.events.catalogue import EmailVerified, PasswordChanged
from idp.identity import page_paths
from idp.identity.addresses import email_key
from idp.identity.endings import AccountEvent, end
from idp.identity.even import evenly
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher
from idp.identity.tickets import RESET_PASSWORD, Tickets
from idp.identity.way_back import WayBack
from idp.storage.database import Database
from idp.storage.models import User
from idp.text import Text

LINK_DEAD = Text("This link has been used or has expired. Ask for a new one.")


class Recovery:
    """Resets passwords. It proves an address and nothing else: a second factor that is due stays due."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        tickets: Tickets,
        throttle: MailThrottle,
        mailer: Mailer,
        way_back: WayBack,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._policy = policy
        self._tickets = tickets
        self._throttle = throttle
        self._mailer = mailer
        self._way_back = way_back
        self._clock = clock

    async def ask(self, email: str, *, link_query: str = "", address: str = "") -> None:
        """Send the mail if the address has an account; the same answer if not. Where it has got many, the latest
        stands for this one.

        Raises `InvalidValue` for what is no address, and `Throttled` for a network that asks for too many.
        """
        key = email_key(email)
        may_mail = await self._throttle.admit(RESET_PASSWORD, key, address)
        async with evenly(), self._database.unit_of_work() as uow:
            user = await uow.users.by_email_key(key)
            if user is not None and self._way_back.is_open(user):
                await self._way_back.send(uow, user, may_mail=may_mail)
                return
            if user is None or user.disabled_at is not None:
                return
            if not may_mail and await self._tickets.is_open_for(uow, user.id, RESET_PASSWORD):
                return  # the mail that the owner has got still works
            issued = await self._tickets.issue(uow, user.id, RESET_PASSWORD, user.email)
            path = f"{page_paths.RESET_PASSWORD}?token={issued.token}{link_query}"
            await self._mailer.queue(uow, "reset_password", user.email, user=user, path=path)

    async def owner(self, token: str) -> User | None:
        """Return whose password a link resets, if it still does."""
        async with self._database.reading() as uow:
            ticket = await self._tickets.look_up(uow, token, RESET_PASSWORD)
            return await uow.users.get(ticket.user_id) if ticket else None

    async def reset(self, token: str, password: str, *, address: str = "") -> User:
        """Set a new password and end every session and grant; raise `InvalidValue` when the link is dead
        or the password refused (the link then stays good)."""
        owner = await self.owner(token)
        if owner is None:
            raise InvalidValue(LINK_DEAD, field="token")
        await self._policy.check(password, (owner.email, str(owner.profile.get("name", ""))))
        hashed = await self._hasher.hash(password)
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await uow.users.locked(owner.id)
            ticket = await self._tickets.redeem_token(uow, token, RESET_PASSWORD)
            if ticket is None or user is None or user.disabled_at is not None or user.email != ticket.email:
                raise InvalidValue(LINK_DEAD, field="token")
            # The account may have been made by somebody else (pre-hijacking).
            await end(
                uow, user, AccountEvent.EMPTIED if user.verification_due else AccountEvent.PASSWORD_RESET, now
            )
            user.password_hash = hashed
            if not user.email_verified:  # the link was read there
                user.email_verified = True
                user.verification_due = False
                user.updated_at = now
                await record(uow, EmailVerified(user_id=user.id, address=address), now)
            await uow.users.save(user)
            await record(uow, PasswordChanged(user_id=user.id, address=address), now)
            await self._mailer.queue(uow, "password_changed", user.email, user=user, path=page_paths.RECOVER)
        return user
