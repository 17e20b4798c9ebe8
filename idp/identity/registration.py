"""Making an account, and showing that its address is one's own.

Whether an address has an account already is nobody's business: where verification comes before sign-in,
both cases answer the same, do the same work, and differ only in the mail that the owner gets.
"""

from dataclasses import dataclass

from idp.clock import Clock
from idp.config import Registration as RegistrationSettings
from idp.crypto import digest, random_token
from idp.errors import Conflict, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import EmailVerified, InvitationMade, UserCreated
from idp.identity.accounts import claim_name
from idp.identity.addresses import email_key
from idp.identity.mail import Mailer
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher
from idp.identity.tickets import VERIFY_EMAIL, MailThrottle, Tickets
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import Invitation, User, new_id


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person fills in."""

    email: str
    password: str
    name: str = ""
    locale: str | None = None
    invitation: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome, of which only `email` may be told to the person before they have verified it."""

    email: str
    user_id: str | None
    """None when the address had an account: its owner has got a mail that says so."""
    mark: str | None = None
    """`password_mark` of the account: who registers the address again before it is verified changes it."""


def password_mark(user: User) -> str | None:
    """Return what tells this password of an account from every other one that it had or will have."""
    return digest(user.password_hash) if user.password_hash is not None else None


class Registration:
    """Registers people and verifies their addresses."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        tickets: Tickets,
        throttle: MailThrottle,
        mailer: Mailer,
        settings: RegistrationSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._policy = policy
        self._tickets = tickets
        self._throttle = throttle
        self._mailer = mailer
        self._settings = settings
        self._clock = clock

    @property
    def is_open(self) -> bool:
        """Whether anybody may register without an invitation."""
        return self._settings.mode == "open"

    @property
    def verifies_before_sign_in(self) -> bool:
        """Whether an address must be verified before a sign-in goes on."""
        return self._settings.verify_email == "before_sign_in"

    async def register(self, new: NewAccount, *, address: str = "", link_query: str = "") -> Registered:
        """Make an account and send its verification mail, or send its owner a mail if there is one.

        `link_query` is appended to the link of the mail (the transaction to go on with). Raises
        `InvalidValue`, `Throttled`, and `Conflict` where verification does not come first and the
        address is taken.
        """
        key = email_key(new.email)
        self._check_allowed(key, new.invitation)
        name = claim_name(new.name)
        await self._policy.check(new.password, (new.email, new.name))
        await self._throttle.check(VERIFY_EMAIL, key)
        hashed = await self._hasher.hash(new.password)
        now = self._clock.now()
        try:
            async with self._database.unit_of_work() as uow:
                await self._use_invitation(uow, new.invitation, key, now)
                known = await uow.users.by_email_key(key)
                if known is None:
                    user = await self._create(uow, new, key, name, hashed, now, address)
                    await self._send_verification(uow, user, link_query)
                    return Registered(user.email, user.id, password_mark(user))
                return await self._meet_known(uow, known, new, name, hashed, now, link_query)
        except Conflict:  # somebody registered it at the same moment; that one's mail is on its way
            if not self.verifies_before_sign_in:
                raise
            return Registered(new.email.strip(), None)

    async def send_again(self, email: str, *, link_query: str = "") -> None:
        """Send the verification mail again, if the address has an account that needs one."""
        key = email_key(email)
        await self._throttle.check(VERIFY_EMAIL, key)
        async with self._database.unit_of_work() as uow:
            user = await uow.users.by_email_key(key)
            if user is not None and not user.email_verified and user.disabled_at is None:
                await self._send_verification(uow, user, link_query)

    async def verify_by_token(self, token: str) -> User | None:
        """Verify an address by the link of the mail; None when it is used up, expired or made up."""
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.redeem_token(uow, token, VERIFY_EMAIL)
            return await self._verified(uow, ticket.user_id, ticket.email) if ticket else None

    async def verify_by_code(self, user_id: str | None, code: str) -> User | None:
        """Verify an address by the code of the mail. `user_id` None is a person who does not exist."""
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.redeem_code(uow, user_id or "nobody", VERIFY_EMAIL, code)
            return await self._verified(uow, ticket.user_id, ticket.email) if ticket else None

    async def address_of(self, token: str) -> str | None:
        """Return the address that a link would verify, if it still does; nothing is used up."""
        async with self._database.reading() as uow:
            ticket = await self._tickets.look_up(uow, token, VERIFY_EMAIL)
        return ticket.email if ticket is not None else None

    async def find_verified_by(self, token: str) -> User | None:
        """Return the person of a link that was used before, if their address is verified now: a second
        click is harmless."""
        async with self._database.reading() as uow:
            ticket = await uow.tickets.by_token(digest(token))
            if ticket is None or ticket.purpose != VERIFY_EMAIL or ticket.used_at is None:
                return None
            user = await uow.users.get(ticket.user_id)
        return user if user is not None and user.email_verified and user.email == ticket.email else None

    async def invite(self, email: str) -> str:
        """Make an invitation for an address and mail it; return its token."""
        key = email_key(email)
        token, now = random_token(), self._clock.now()
        async with self._database.unit_of_work() as uow:
            invitation = Invitation(
                token_digest=digest(token),
                email=key,
                created_at=now,
                expires_at=now + self._settings.invitation_ttl,
                used_at=None,
            )
            await uow.invitations.add(invitation)
            await self._mailer.queue(uow, "invitation", email.strip(), path=f"/register?invitation={token}")
            await record(uow, InvitationMade(), now)
        return token

    def check_possible(self, invitation: str | None) -> None:
        """Raise `InvalidValue` when nobody can register so, whatever their address."""
        if self._settings.mode == "closed":
            raise InvalidValue("New accounts are not made here. Ask whoever runs this service.")
        if self._settings.mode == "invitation" and not invitation:
            raise InvalidValue("New accounts need an invitation. Open the link in yours.", field="invitation")

    def _check_allowed(self, key: str, invitation: str | None) -> None:
        self.check_possible(invitation)
        domains = {domain.casefold() for domain in self._settings.email_domains}
        if domains and key.rpartition("@")[2] not in domains:
            raise InvalidValue("Accounts are made only for addresses of certain domains.", field="email")

    async def _use_invitation(self, uow: UnitOfWork, token: str | None, key: str, now: float) -> None:
        if self._settings.mode != "invitation" or token is None:
            return
        invitation = await uow.invitations.get(digest(token))
        if (
            invitation is None
            or invitation.email != key
            or not await uow.invitations.use(invitation.token_digest, now)
        ):
            raise InvalidValue(
                "This invitation is for another address, was used, or has expired.", field="invitation"
            )

    async def _create(
        self, uow: UnitOfWork, new: NewAccount, key: str, name: str, hashed: str, now: float, address: str
    ) -> User:
        profile = {"name": name} if name else {}
        if new.locale:
            profile["locale"] = new.locale
        user = User(
            id=new_id(),
            email=new.email.strip(),
            email_key=key,
            email_verified=False,
            verification_due=True,
            password_hash=hashed,
            profile=profile,
            roles=[],
            created_at=now,
            updated_at=now,
            disabled_at=None,
            delete_at=None,
        )
        await uow.users.add(user)
        await record(uow, UserCreated(user_id=user.id, source="register", address=address), now)
        return user

    async def _meet_known(
        self,
        uow: UnitOfWork,
        known: User,
        new: NewAccount,
        name: str,
        hashed: str,
        now: float,
        link_query: str,
    ) -> Registered:
        """The address has an account. One that somebody made here and that was never verified has proved
        nothing: it starts anew with this password, and whoever made it before is out (pre-hijacking). An
        account that an administrator made is its owner's, verified or not."""
        if not self.verifies_before_sign_in:
            raise Conflict("There is an account with this address already. Sign in, or reset its password.")
        if known.verification_due and known.disabled_at is None:
            known.password_hash = hashed
            known.profile = {**known.profile, **({"name": name} if name else {})}
            known.updated_at = now
            await uow.users.save(known)
            await uow.sessions.end_all_for_user(known.id, now)
            await uow.grants.revoke_for_user(known.id, now)
            await uow.factors.delete_all(known.id)
            await uow.identities.delete_all(known.id)
            await self._send_verification(uow, known, link_query)
            return Registered(known.email, known.id, password_mark(known))
        await self._mailer.queue(uow, "already_registered", known.email, user=known, path="/recover")
        return Registered(new.email.strip(), None)

    async def _send_verification(self, uow: UnitOfWork, user: User, link_query: str) -> None:
        issued = await self._tickets.issue(uow, user.id, VERIFY_EMAIL, user.email)
        path = f"/verify-email/link?token={issued.token}{link_query}"
        await self._mailer.queue(uow, "verify_email", user.email, user=user, path=path, code=issued.code)

    async def _verified(self, uow: UnitOfWork, user_id: str, email: str) -> User | None:
        user = await uow.users.get(user_id)
        if user is None or user.disabled_at is not None or user.email != email:
            return None
        if not user.email_verified:
            now = self._clock.now()
            user.email_verified = True
            user.verification_due = False
            user.updated_at = now
            await uow.users.save(user)
            await record(uow, EmailVerified(user_id=user.id), now)
        return user
