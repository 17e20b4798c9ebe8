"""Signing in with an e-mail address and a password."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from idp.authentication import Authentication
from idp.clock import Clock
from idp.config import HOUR
from idp.errors import InvalidValue, Unavailable
from idp.events.audit import record
from idp.events.catalogue import SignInFailed
from idp.identity.acr import ACR_SINGLE, AMR_PASSWORD
from idp.identity.addresses import email_key
from idp.identity.passwords import PasswordHasher
from idp.identity.throttle import SignInThrottle
from idp.identity.usernames import username_key, username_of
from idp.identity.way_back import DELETED, WayBack
from idp.storage.database import Database
from idp.storage.models import User

IMITATE_EVERY = HOUR
"""Seconds between two looks at what stored hashes cost, by each worker."""

SAMPLE = 200
"""Hashes that are looked at."""


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """A user who has just signed in, and how."""

    user: User
    authentication: Authentication


def by_password(now: float, generation: int) -> Authentication:
    """Return the authentication of a user who has given, or chosen, the password of the account. `generation` was
    read with the hash of that password."""
    return Authentication(now, ACR_SINGLE, (AMR_PASSWORD,), generation)


class DeletedAccountError(InvalidValue):
    """The password is right, and the owner has deleted the account."""

    status = 401


class PasswordLogin:
    """Tells whether a password is that of an account, with the same work whatever the answer."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        throttle: SignInThrottle,
        way_back: WayBack,
        clock: Clock,
        *,
        by_username: bool = False,
    ) -> None:
        """`by_username`: whether a username may be given in place of the address."""
        self._database = database
        self._hasher = hasher
        self._throttle = throttle
        self._way_back = way_back
        self._clock = clock
        self._by_username = by_username
        self._imitates_until = float("-inf")

    async def authenticate(
        self, email: str, password: str, address: str, client_id: str | None = None
    ) -> AuthenticatedUser | None:
        """Return the user, or None: the address, the password or the account may be at fault.

        Raise `Throttled` when tries come too fast, `Unavailable` when too many people sign in at once, and
        `DeletedAccountError` for the right password of an account that its owner can still bring back: a mail says how.
        Every place that takes a password comes here, the password grant too.
        """
        key = await self._key_of(email)
        await self._throttle.check(key, address)
        await self._imitate_stored_hashes()
        async with self._database.reading() as uow:
            user = await uow.users.by_email_key(key)
        deleted = user is not None and self._way_back.is_open(user)
        in_use = user is not None and (user.disabled_at is None or deleted)
        hashed = user.password_hash if user is not None and in_use else None
        correct = await self._hasher.verify(hashed, password)
        if user is None or hashed is None or not correct:
            await self._note_failure(user, address, client_id)
            return None
        await self._throttle.succeeded(key, address)
        if deleted:  # only its owner knows the password, and is told
            await self._note_failure(user, address, client_id)
            await self._way_back.offer(user, address=address)
            raise DeletedAccountError(DELETED)
        if self._hasher.needs_rehash(hashed):
            with suppress(Unavailable):  # the next sign-in will do
                await self._rehash(user, hashed, password)
        return AuthenticatedUser(user, by_password(self._clock.now(), user.generation))

    async def _key_of(self, typed: str) -> str:
        """Return the unique form of the address, for a username that of its account: under either, tries count
        together."""
        if not self._by_username or "@" in typed:
            return _key_of(typed)
        try:
            username = username_of(typed)
        except InvalidValue:
            return _key_of(typed)
        async with self._database.reading() as uow:
            return await uow.usernames.email_key_of(username_key(username)) or _key_of(username)

    async def _imitate_stored_hashes(self) -> None:
        """Now and then, for known and unknown accounts alike, look at what the hashes of accounts cost."""
        now = self._clock.now()
        if now < self._imitates_until:
            return
        self._imitates_until = now + IMITATE_EVERY
        async with self._database.reading() as uow:
            hashes = await uow.users.some_password_hashes(SAMPLE)
        with suppress(Unavailable):  # the next time will do
            await self._hasher.imitate(hashes)

    async def _note_failure(self, user: User | None, address: str, client_id: str | None) -> None:
        async with self._database.unit_of_work() as uow:
            failed = SignInFailed(
                user_id=user.id if user else None,
                client_id=client_id,
                address=address,
                reason=_reason(user),
            )
            await record(uow, failed, self._clock.now())

    async def _rehash(self, user: User, hashed: str, password: str) -> None:
        """Store the password under the parameters of today, unless it was changed meanwhile."""
        renewed = await self._hasher.hash(password)
        async with self._database.unit_of_work() as uow:
            if await uow.users.replace_password_hash(user.id, hashed, renewed):
                user.password_hash = renewed  # the row that is handed out is as it is stored


def _key_of(email: str) -> str:
    """Return the unique form of an address, or for what is none a key that no account has."""
    try:
        return email_key(email)
    except InvalidValue:
        # No account has it, but it is looked up, hashed and throttled like any other. Hashed, since it may
        # hold what a database refuses.
        return hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()


def _reason(user: User | None) -> str:
    if user is None:
        return "unknown account"
    if user.disabled_at is not None:
        return "account disabled"
    return "no password" if user.password_hash is None else "wrong password"
