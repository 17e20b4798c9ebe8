"""Accounts, as an administrator deals with them: each change is in the audit trail."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idp.clock import Clock
from idp.errors import NotFound
from idp.events.audit import record
from idp.events.catalogue import (
    PasswordChanged,
    RolesChanged,
    TierChanged,
    UserCreated,
    UserDisabled,
    UserEnabled,
    UserRemoved,
)
from idp.identity.addresses import email_key
from idp.identity.endings import AccountEvent, LeftOpen, end
from idp.identity.generation import ProvenAccount, look
from idp.identity.new_user import new_user
from idp.identity.passwords import PasswordHasher, check_acceptable
from idp.identity.usernames import assign_username
from idp.storage.database import Database, UnitOfWork
from idp.storage.models import DisabledBy, User

ADMIN = "admin"
"""The role of administrators."""


DEFAULT_TIER = "free"


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to make. Its values are checked, but for the address and the username."""

    email: str
    password_hash: str | None = None
    verified: bool = False
    profile: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    tier: str = DEFAULT_TIER
    username: str | None = None


class Accounts:
    """The accounts of people."""

    def __init__(self, database: Database, hasher: PasswordHasher, clock: Clock) -> None:
        self._database = database
        self._hasher = hasher
        self._clock = clock

    async def create(
        self,
        email: str,
        password: str | None,
        name: str | None = None,
        verified: bool = False,
        roles: Iterable[str] = (),
        *,
        username: str | None = None,
        claims: Mapping[str, str] | None = None,
        source: str | None = None,
        address: str = "",
    ) -> User:
        """Make an account; raise `InvalidValue` for a bad value and `Conflict` for an address or username in use.

        `claims` are further standard claims about the user (OIDC Core §5.1), checked by the caller."""
        profile = {**({"name": name} if name else {}), **(claims or {})}
        new = NewUser(email, await self._hash(password), verified, profile, tuple(roles), username=username)
        (user,) = await self.create_all([new], source=source, address=address)
        return user

    async def create_all(
        self, people: Sequence[NewUser], *, source: str | None = None, address: str = ""
    ) -> list[User]:
        """Make several accounts, or none of them if one is refused. Raises as `create` does."""
        now = self._clock.now()
        users = [
            new_user(
                new.email,
                now,
                verified=new.verified,
                password_hash=new.password_hash,
                profile=new.profile,
                roles=new.roles,
                tier=new.tier,
            )
            for new in people
        ]
        async with self._database.unit_of_work() as uow:
            for user, new in zip(users, people, strict=True):
                await uow.users.add(user)
                await record(uow, UserCreated(user_id=user.id, source=source, address=address), now)
                await assign_username(uow, user, new.username, now)
        return users

    async def get(self, user_id: str) -> User | None:
        """Return the account with this `sub`."""
        async with self._database.reading() as uow:
            return await uow.users.get(user_id)

    async def proven(self, account: ProvenAccount) -> User:
        """Return the account for which somebody has proven that they may act; raise `FlowError` when the proof has
        ended."""
        async with self._database.reading() as uow:
            return await look(uow, account)

    async def find(self, email: str) -> User | None:
        """Return the account with this address; raise `InvalidValue` when it is none."""
        key = email_key(email)
        async with self._database.reading() as uow:
            return await uow.users.by_email_key(key)

    async def set_password(
        self,
        user_id: str,
        password: str | None,
        *,
        keep_session: str | None = None,
        source: str | None = None,
        address: str = "",
    ) -> None:
        """Change the password, or remove it (None), and end the person's sessions except `keep_session`, and
        every grant: who had the old password may have tokens too."""
        hashed = await self._hash(password)
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await _locked(uow, user_id)
            user.password_hash = hashed
            await end(uow, user, AccountEvent.PASSWORD_SET, now, LeftOpen(keep_session))
            await uow.users.save(user)
            changed = PasswordChanged(
                user_id=user_id, removed=password is None, source=source, address=address
            )
            await record(uow, changed, now)

    async def change_username(self, user_id: str, username: str | None) -> None:
        """Give an account a username, reserved or not, or take it away; raise `Conflict` for one in use."""
        async with self._database.unit_of_work() as uow:
            await assign_username(uow, await _locked(uow, user_id), username, self._clock.now())

    async def disable(self, user_id: str, by: DisabledBy = DisabledBy.OPERATOR) -> None:
        """Switch an account off for a reason and end its sessions and grants. Done twice, it changes nothing."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await _locked(uow, user_id)
            if user.disable(by, now):
                await end(uow, user, AccountEvent.DISABLED, now)
                await uow.users.save(user)
                await record(uow, UserDisabled(user_id=user_id, by=by.value), now)

    async def enable(self, user_id: str, by: DisabledBy = DisabledBy.OPERATOR) -> None:
        """Lift a reason for which an account is switched off, and no other. The owner's is that they have deleted
        it."""
        async with self._database.unit_of_work() as uow:
            user = await _locked(uow, user_id)
            if user.enable(by):
                if by is DisabledBy.OWNER:
                    user.delete_at = None
                await uow.users.save(user)
                await record(uow, UserEnabled(user_id=user_id, by=by.value), self._clock.now())

    async def change_roles(self, user_id: str, add: Collection[str], remove: Collection[str]) -> None:
        """Give roles and take roles away; what is in both goes."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await _locked(uow, user_id)
            before = user.roles
            user.roles = [role for role in dict.fromkeys((*before, *add)) if role not in remove]
            if user.roles == before:
                return
            user.updated_at = now
            await uow.users.save(user)
            added = tuple(role for role in user.roles if role not in before)
            removed = tuple(role for role in before if role not in user.roles)
            await record(uow, RolesChanged(user_id=user_id, added=added, removed=removed), now)

    async def change_tier(self, user_id: str, tier: str) -> None:
        """Set what a person has subscribed to."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await _locked(uow, user_id)
            if user.tier == tier:
                return
            event = TierChanged(user_id=user_id, before=user.tier, after=tier)
            user.tier, user.updated_at = tier, now
            await uow.users.save(user)
            await record(uow, event, now)

    async def remove(self, user_id: str) -> None:
        """Delete an account with all that hangs from it, at once. Its audit trail stays."""
        async with self._database.unit_of_work() as uow:
            now = self._clock.now()
            user = await _locked(uow, user_id)
            await end(uow, user, AccountEvent.REMOVED, now)
            await uow.users.delete(user.id)
            await record(uow, UserRemoved(user_id=user_id), now)

    async def _hash(self, password: str | None) -> str | None:
        if password is None:
            return None
        check_acceptable(password)
        return await self._hasher.hash(password)


async def _locked(uow: UnitOfWork, user_id: str) -> User:
    user = await uow.users.locked(user_id)
    if user is None:
        raise NotFound("There is no such account.", detail=user_id)
    return user
