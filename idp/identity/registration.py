"""Making an account, and showing that its address is one's own.

Whether an address has an account already is nobody's business: where verification comes before sign-in,
both cases answer the same, in the same time, and differ only in the mail that the owner gets.

Whoever registers an address need not be who reads its mail (pre-hijacking). Registered a second time before it
is verified, an account is contested: it has no password until a browser in which one was chosen also shows
what only the owner reads, the code or the link of the mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from idp.clock import Clock
from idp.config import Policies, PolicyContext, RegistrationSettings
from idp.crypto import digest, random_token
from idp.errors import Conflict, InvalidValue
from idp.events.audit import record
from idp.events.catalogue import EmailVerified, InvitationMade, RegistrationContested, UserCreated
from idp.identity import page_paths
from idp.identity.addresses import email_key
from idp.identity.endings import NOTHING, AccountEvent, LeftOpen, end
from idp.identity.even import evenly
from idp.identity.factors.registry import signs_in_alone
from idp.identity.invitations import use_invitation
from idp.identity.mail import Mailer
from idp.identity.mail_throttle import MailThrottle
from idp.identity.names import claim_name
from idp.identity.new_user import new_user
from idp.identity.own_claims import clean_claim
from idp.identity.password_policy import PasswordPolicy
from idp.identity.passwords import PasswordHasher
from idp.identity.tickets import VERIFY_EMAIL, Tickets
from idp.identity.way_back import WayBack
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import Invitation, MailTicket, User

NOBODY = "nobody"
"""Stands for the id of a person who does not exist."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person fills in."""

    email: str
    password: str
    name: str = ""
    locale: str | None = None
    """None takes the language that the request is answered in."""
    invitation: str | None = None
    client_id: str | None = None
    """The client that the person is on the way to."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """Further standard claims about the person; an empty one is none."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What somebody chose, kept where they did, of which only `email` may be told to them before they have
    verified it."""

    email: str
    """As it was typed: how an account spells it is nobody's business."""
    user_id: str | None = None
    """None when the address had an account: its owner has got a mail that says so."""
    password_hash: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    """That of the account when it was registered."""

    def is_of(self, user: User) -> bool:
        """Whether the account has the password that was chosen here."""
        return (
            self.user_id == user.id
            and self.password_hash is not None
            and self.password_hash == user.password_hash
        )


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
        way_back: WayBack,
        policies: Policies,
        clock: Clock,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._policy = policy
        self._tickets = tickets
        self._throttle = throttle
        self._mailer = mailer
        self._way_back = way_back
        self._policies = policies
        self._clock = clock

    async def register(self, new: NewAccount, *, address: str = "", link_query: str = "") -> Registered:
        """Make an account and send its verification mail, or send its owner a mail if there is one.

        `link_query` is appended to the link of the mail (the transaction to go on with). Where the address has
        got many mails, the latest stands for this one. Raises `InvalidValue`, `Throttled`, and `Conflict` where
        verification does not come first and the address is taken.
        """
        key, profile = email_key(new.email), _profile(new, self._mailer.language)
        rules = (await self._policies.of(PolicyContext(new.client_id))).registration
        _check_allowed(rules, key, new.invitation)
        await self._policy.check(new.password, (new.email, new.name))
        may_mail = await self._throttle.admit(VERIFY_EMAIL, key, address)
        hashed = await self._hasher.hash(new.password)
        chosen = Registered(new.email.strip(), password_hash=hashed, profile=profile)
        async with evenly(), self._database.unit_of_work() as uow:
            if rules.mode == "invitation" and new.invitation is not None:
                await use_invitation(uow, new.invitation, key, self._clock.now())
            user = await self._create(uow, chosen, key, address)
            if user is None and rules.verify_email != "before_sign_in":
                raise Conflict(
                    "There is an account with this address already. Sign in, or reset its password."
                )
            user = user or await self._meet_known(uow, key, address, may_mail=may_mail)
            if user is None:
                return chosen
            await self._send_verification(uow, user, link_query, may_mail=may_mail)
        return replace(chosen, user_id=user.id, generation=user.generation)

    async def send_again(self, email: str, *, link_query: str = "", address: str = "") -> None:
        """Send the verification mail again, if the address has an account that needs one. Where it has got many,
        the latest stands for this one. Raises `Throttled`."""
        key = email_key(email)
        may_mail = await self._throttle.admit(VERIFY_EMAIL, key, address)
        async with evenly(), self._database.unit_of_work() as uow:
            user = await uow.users.by_email_key(key)
            if user is not None and not user.email_verified and user.disabled_at is None:
                await self._send_verification(uow, user, link_query, may_mail=may_mail)

    async def verify_by_token(self, token: str, chosen: Registered | None = None) -> User | None:
        """Verify an address by the link of the mail; None when it is used up, expired or made up.

        `chosen` is what was chosen in the very browser that opened the link: a contested account gets it.
        """
        async with self._database.unit_of_work() as uow:
            ticket = await self._tickets.look_up(uow, token, VERIFY_EMAIL)
            user = await uow.users.locked(ticket.user_id) if ticket else None
            ticket = await self._tickets.redeem_token(uow, token, VERIFY_EMAIL)
            return await self._verified(uow, user, ticket, chosen)

    async def verify_by_code(
        self,
        email: str,
        user_id: str | None,
        code: str,
        chosen: Registered | None = None,
        *,
        address: str = "",
    ) -> User | None:
        """Verify an address by the code of the mail; None when it is wrong. `user_id` None is a person who does
        not exist.

        `chosen` is what was chosen in the very browser in which the code was typed. Raises `Throttled`.
        """
        key, guesses = email_key(email), self._throttle.codes
        await guesses.check(VERIFY_EMAIL, key, address)
        async with evenly(), self._database.unit_of_work() as uow:
            user = await uow.users.locked(user_id or NOBODY)
            ticket = await self._tickets.redeem_code(uow, user_id or NOBODY, VERIFY_EMAIL, code)
            verified = await self._verified(uow, user, ticket, chosen)
        if verified is not None:
            await guesses.succeeded(VERIFY_EMAIL, key, address)
        return verified

    async def lacks_way_in(self, user: User) -> bool:
        """Whether there is nothing to sign in with yet: contested, and verified where nothing was chosen."""
        if user.password_hash is not None:
            return False
        async with self._database.reading() as uow:
            alone = await signs_in_alone(uow, user.id)
            return not alone and not await uow.identities.of_user(user.id)

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

    async def find_verified(self, user_id: str) -> User | None:
        """Return the user if the account is in use and its address is verified."""
        async with self._database.reading() as uow:
            user = await uow.users.get(user_id)
        return user if user is not None and user.email_verified and user.disabled_at is None else None

    async def invite(self, email: str) -> str:
        """Make an invitation for an address and mail it; return its token."""
        key = email_key(email)
        rules = (await self._policies.of()).registration
        token, now = random_token(), self._clock.now()
        async with self._database.unit_of_work() as uow:
            invitation = Invitation(
                token_digest=digest(token),
                email=key,
                created_at=now,
                expires_at=now + rules.invitation_ttl,
                used_at=None,
            )
            await uow.invitations.add(invitation)
            await self._mailer.queue(
                uow, "invitation", email.strip(), path=f"{page_paths.REGISTER}?invitation={token}"
            )
            await record(uow, InvitationMade(), now)
        return token

    async def _create(self, uow: UnitOfWork, chosen: Registered, key: str, address: str) -> User | None:
        """Make the account; None when the address has one."""
        now = self._clock.now()
        if await uow.users.by_email_key(key) is not None:
            return None
        user = new_user(
            chosen.email,
            now,
            verified=False,
            verification_due=True,
            password_hash=chosen.password_hash,
            profile=chosen.profile,
        )
        try:
            await uow.users.add(user)
        except Conflict:  # somebody registered it at the same moment
            return None
        await record(uow, UserCreated(user_id=user.id, source="register", address=address), now)
        return user

    async def _meet_known(self, uow: UnitOfWork, key: str, address: str, *, may_mail: bool) -> User | None:
        """The address has an account. One that somebody made here and that was never verified becomes
        contested, and is returned. Any other is its owner's, who is told; so is one that an administrator
        made, verified or not."""
        known = await uow.users.by_email_key(key)
        known = known and await uow.users.locked(known.id)  # it may be verified at this very moment
        if known is None:
            return None
        if known.verification_due and known.disabled_at is None:
            await self._contest(uow, known, address, may_mail=may_mail)
            return known
        if self._way_back.is_open(known):
            await self._way_back.send(uow, known, may_mail=may_mail)
        elif may_mail:
            await self._mailer.queue(
                uow, "already_registered", known.email, user=known, path=page_paths.RECOVER
            )
        return None

    async def _contest(self, uow: UnitOfWork, user: User, address: str, *, may_mail: bool) -> None:
        """Take away all that was chosen and done without a proof. A mail that the owner has got stays good where
        no other may be sent: it shows that somebody reads the mailbox, and nothing else."""
        now = self._clock.now()
        kept = NOTHING if may_mail else LeftOpen(ticket_purpose=VERIFY_EMAIL)
        await end(uow, user, AccountEvent.EMPTIED, now, kept)
        user.updated_at = now
        await uow.users.save(user)
        await record(uow, RegistrationContested(user_id=user.id, address=address), now)

    async def _send_verification(
        self, uow: UnitOfWork, user: User, link_query: str, *, may_mail: bool
    ) -> None:
        if not may_mail and await self._tickets.is_open_for(uow, user.id, VERIFY_EMAIL):
            return  # the mail that the owner has got still works
        issued = await self._tickets.issue(uow, user.id, VERIFY_EMAIL, user.email)
        await self._mailer.queue(
            uow,
            "verify_email",
            user.email,
            user=user,
            path=f"{page_paths.VERIFY_EMAIL_LINK}?token={issued.token}{link_query}",
            code=issued.code,
            contested=user.verification_due and user.password_hash is None,
        )

    async def _verified(
        self, uow: UnitOfWork, user: User | None, ticket: MailTicket | None, chosen: Registered | None
    ) -> User | None:
        if ticket is None or user is None or user.disabled_at is not None or user.email != ticket.email:
            return None
        if not user.email_verified:
            now = self._clock.now()
            if user.password_hash is None and chosen is not None and chosen.user_id == user.id:
                user.password_hash = chosen.password_hash
                user.profile = dict(chosen.profile)
            user.email_verified = True
            user.verification_due = False
            user.updated_at = now
            await uow.users.save(user)
            await record(uow, EmailVerified(user_id=user.id), now)
        return user


def _profile(new: NewAccount, language: str) -> dict[str, Any]:
    """Return the claims that somebody registers with; raise `InvalidValue` for a name that could deceive."""
    claims = {claim: clean_claim(claim, text) for claim, text in new.claims.items() if text}
    given = " ".join(str(claims[part]) for part in ("given_name", "family_name") if part in claims)
    name = claim_name(new.name or given)
    if "phone_number" in claims:
        claims["phone_number_verified"] = False
    return {**({"name": name} if name else {}), **claims, "locale": new.locale or language}


def check_possible(rules: RegistrationSettings, invitation: str | None) -> None:
    """Raise `InvalidValue` when nobody can register so, whatever their address."""
    if rules.mode == "closed":
        raise InvalidValue("New accounts are not made here. Ask whoever runs this service.")
    if rules.mode == "invitation" and not invitation:
        raise InvalidValue("New accounts need an invitation. Open the link in yours.", field="invitation")


def _check_allowed(rules: RegistrationSettings, key: str, invitation: str | None) -> None:
    check_possible(rules, invitation)
    domains = {domain.casefold() for domain in rules.email_domains}
    if domains and key.rpartition("@")[2] not in domains:
        raise InvalidValue("Only addresses of certain domains can have an account here.", field="email")
