"""Accounts elsewhere that people sign in with, as the account here sees them.

An account elsewhere is (provider, issuer, subject). Its e-mail address finds nothing: `idp.flow.federated`
decides what an address means, and every effect of that decision is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idp.clock import Clock
from idp.crypto import MasterKey
from idp.errors import Conflict, InvalidValue, NotFound
from idp.events.audit import record
from idp.events.catalogue import (
    AccountReclaimed,
    EmailVerified,
    IdentityLinked,
    IdentityUnlinked,
    UserCreated,
)
from idp.identity import page_paths
from idp.identity.addresses import email_key, same_mailbox
from idp.identity.endings import AccountEvent, end
from idp.identity.factors.registry import has_factor
from idp.identity.generation import ProvenAccount, still
from idp.identity.invitations import use_invitation
from idp.identity.mail import Mailer
from idp.identity.names import claim_name
from idp.identity.new_user import new_user
from idp.identity.usernames import CLAIM as USERNAME
from idp.identity.ways_in import LookUp, check_way_in_remains
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import FederatedIdentity, User, new_id


@dataclass(frozen=True, slots=True)
class UpstreamAccount:
    """An account at another provider."""

    provider: str
    label: str
    """What people call the provider."""
    issuer: str
    subject: str
    email: str | None = None
    name: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    tokens: bytes | None = None
    """The provider's tokens, where they are to be kept."""


class Connections:
    """Links people's accounts to accounts elsewhere, and makes accounts for who has none."""

    def __init__(
        self, database: Database, mailer: Mailer, master_key: MasterKey, look_up: LookUp, clock: Clock
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._master_key = master_key
        self._look_up = look_up
        self._clock = clock

    async def find(self, provider: str, issuer: str, subject: str) -> User | None:
        """Return whose account an account elsewhere is linked to."""
        async with self._database.reading() as uow:
            link = await uow.identities.find(provider, issuer, subject)
            return await uow.users.get(link.user_id) if link is not None else None

    async def account_of(self, email: str) -> User | None:
        """Return the account with an address; raise `InvalidValue` for what is none."""
        key = email_key(email)
        async with self._database.reading() as uow:
            return await uow.users.by_email_key(key)

    async def has_factor(self, user_id: str) -> bool:
        """Tell whether an account has a second factor."""
        async with self._database.reading() as uow:
            return await has_factor(uow, user_id)

    async def of_user(self, user_id: str) -> list[FederatedIdentity]:
        """Return a person's links."""
        async with self._database.reading() as uow:
            return list(await uow.identities.of_user(user_id))

    async def sign_in(self, user_id: str, elsewhere: UpstreamAccount) -> User:
        """Return the user whose account is linked, note the sign-in and keep what came with it. Raise `Conflict`
        when the link has gone, or is another user's, by now."""
        async with self._database.unit_of_work() as uow:
            link = await uow.identities.find(elsewhere.provider, elsewhere.issuer, elsewhere.subject)
            # Read before the link is noted, which fails when the link was ended in between.
            user = await uow.users.get(link.user_id) if link is not None else None
            if link is None or user is None or user.id != user_id:
                raise Conflict("This account is not linked any more.")
            if not await self._note_use(uow, link, elsewhere):
                raise Conflict("This account is not linked any more.")
            return user

    async def _note_use(self, uow: UnitOfWork, link: FederatedIdentity, elsewhere: UpstreamAccount) -> bool:
        sealed = self._seal(link.id, elsewhere.tokens)
        return await uow.identities.note_use(
            link.id, self._clock.now(), email=elsewhere.email, sealed_tokens=sealed
        )

    async def create(
        self, elsewhere: UpstreamAccount, email: str, *, invitation: str | None = None, address: str = ""
    ) -> User:
        """Make an account with an address that is known to be theirs, by an invitation where one is needed;
        raise `Conflict` when the address is taken and `InvalidValue` when the invitation is not good."""
        key, now = email_key(email), self._clock.now()
        user = new_user(email, now, verified=True, profile=_profile(elsewhere))
        async with self._database.unit_of_work() as uow:
            if invitation is not None:
                await use_invitation(uow, invitation, key, now)
            await uow.users.add(user)
            created = UserCreated(user_id=user.id, source=elsewhere.provider, address=address)
            await record(uow, created, now)
            await self._add(uow, user, elsewhere, "created", address, tell=False)
        return user

    async def link(
        self, account: ProvenAccount, elsewhere: UpstreamAccount, how: str, *, address: str = ""
    ) -> User:
        """Link the two and tell the owner by mail; raise `Conflict` when it is linked to another account.

        The caller has made sure that the owner of `account` wants it. Linked to them already, nothing changes.
        """
        async with self._database.unit_of_work() as uow:
            return await self._link(uow, await still(uow, account), elsewhere, how, address)

    async def link_automatically(
        self, user_id: str, elsewhere: UpstreamAccount, *, address: str = ""
    ) -> User:
        """Link an account elsewhere whose address is proven to the account that has this address; raise `Conflict`
        when it has another by now, or `elsewhere` is linked to another account."""
        async with self._database.unit_of_work() as uow:
            user = _in_use(await uow.users.locked(user_id))
            if not user.email_verified or not same_mailbox(user.email, elsewhere.email or ""):
                raise Conflict("This address has been verified or changed meanwhile.")
            return await self._link(uow, user, elsewhere, "automatic", address)

    async def _link(
        self, uow: UnitOfWork, user: User, elsewhere: UpstreamAccount, how: str, address: str
    ) -> User:
        link = await uow.identities.find(elsewhere.provider, elsewhere.issuer, elsewhere.subject)
        if link is None:
            await self._add(uow, user, elsewhere, how, address, tell=True)
        elif link.user_id != user.id:
            raise Conflict("That account is linked to another account here.")
        return user

    async def take_over(self, user_id: str, elsewhere: UpstreamAccount, *, address: str = "") -> User:
        """Give an account that never verified its address to the address's owner: password, sessions, tokens,
        factors, links and what was filled in go (pre-hijacking). `elsewhere` has the address that is proven.
        Raise `Conflict` if the account is verified by now, its address another, or if it has a second factor."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = _in_use(await uow.users.locked(user_id))
            if user.email_verified or not same_mailbox(user.email, elsewhere.email or ""):
                raise Conflict("This address has been verified or changed meanwhile.")
            if not user.verification_due or user.roles or await has_factor(uow, user.id):
                raise Conflict("This account is not a stranger's: its owner has to sign in to it first.")
            await end(uow, user, AccountEvent.EMPTIED, now)
            user.email_verified = True
            user.verification_due = False
            user.profile = _profile(elsewhere)
            user.updated_at = now
            await uow.users.save(user)
            reclaimed = AccountReclaimed(user_id=user.id, provider=elsewhere.provider, address=address)
            await record(uow, reclaimed, now)
            await record(uow, EmailVerified(user_id=user.id, address=address), now)
            await self._add(uow, user, elsewhere, "taken_over", address, tell=False)
            await self._mailer.queue(
                uow,
                "account_reclaimed",
                user.email,
                user=user,
                path=page_paths.ACCOUNT,
                provider=elsewhere.label,
            )
            return user

    async def unlink(self, user_id: str, identity_id: str, label: str, *, address: str = "") -> None:
        """Take a link away, with the tokens that hang from it; raise `InvalidValue` if it is the last way in
        that works."""
        ways_in = await self._look_up()
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            await check_way_in_remains(uow, user_id, ways_in, without=identity_id)
            user = await _existing(uow, user_id)
            found = {link.id: link for link in await uow.identities.of_user(user_id)}
            link = found.get(identity_id)
            if link is None:
                raise NotFound("There is no such connection.")
            await uow.identities.delete(identity_id, user_id)
            await record(uow, IdentityUnlinked(user_id=user_id, provider=link.provider, address=address), now)
            await self._mailer.queue(
                uow, "identity_unlinked", user.email, user=user, path=page_paths.CONNECTIONS, provider=label
            )

    async def tokens(self, user_id: str, provider: str) -> tuple[FederatedIdentity, bytes] | None:
        """Return a person's link to a provider and the tokens kept with it, if there are any."""
        async with self._database.reading() as uow:
            links = [link for link in await uow.identities.of_user(user_id) if link.provider == provider]
        for link in links:
            if link.sealed_tokens is not None:
                return link, self._master_key.open(link.sealed_tokens, context=f"upstream:{link.id}")
        return None

    async def replace_tokens(self, link: FederatedIdentity, tokens: bytes) -> None:
        """Keep refreshed tokens."""
        sealed = self._seal(link.id, tokens)
        async with self._database.unit_of_work() as uow:
            await uow.identities.replace_tokens(link.id, link.sealed_tokens, sealed or "")

    async def _add(
        self, uow: UnitOfWork, user: User, elsewhere: UpstreamAccount, how: str, address: str, *, tell: bool
    ) -> None:
        now, identity_id = self._clock.now(), new_id()
        await uow.identities.add(
            FederatedIdentity(
                id=identity_id,
                user_id=user.id,
                provider=elsewhere.provider,
                issuer=elsewhere.issuer,
                subject=elsewhere.subject,
                email=elsewhere.email,
                sealed_tokens=self._seal(identity_id, elsewhere.tokens),
                linked_at=now,
                last_used_at=now,
            )
        )
        linked = IdentityLinked(user_id=user.id, provider=elsewhere.provider, how=how, address=address)
        await record(uow, linked, now)
        if tell:
            await self._mailer.queue(
                uow,
                "identity_linked",
                user.email,
                user=user,
                path=page_paths.CONNECTIONS,
                provider=elsewhere.label,
                other=elsewhere.email or "",
            )

    def _seal(self, identity_id: str, tokens: bytes | None) -> str | None:
        return self._master_key.seal(tokens, context=f"upstream:{identity_id}") if tokens else None


async def _existing(uow: UnitOfWork, user_id: str) -> User:
    return _in_use(await uow.users.get(user_id))


def _in_use(user: User | None) -> User:
    if user is None or user.disabled_at is not None:
        raise NotFound("This account is not in use.")
    return user


def _profile(elsewhere: UpstreamAccount) -> dict[str, Any]:
    """Return what the other provider suggests about a person, as far as it is fit to be shown."""
    profile: dict[str, Any] = {}
    for claim, value in {"name": elsewhere.name or "", **elsewhere.claims}.items():
        if claim == USERNAME:  # unique here, so it is not for another provider to give
            continue
        try:
            cleaned = claim_name(value)
        except InvalidValue:
            continue
        if cleaned:
            profile[claim] = cleaned
    return profile
