"""Password hashing: Argon2id in threads, and never more of it than the machine bears.

Random tokens have another hash (`idp.crypto.digest`); only what people choose comes here.
"""

import asyncio
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from idp.config import PasswordSettings
from idp.crypto import random_token
from idp.errors import InvalidValue, Unavailable
from idp.identity import bcrypt_hashes
from idp.text import Text

LONGEST = 1024
"""Characters that a password may have."""

SHORTEST = 8
"""Characters that a new password must have (NIST SP 800-63B)."""

RETRY_AFTER = 2.0
"""Seconds after which a full queue has probably drained."""

T = TypeVar("T")


def same_password(one: str, other: str) -> bool:
    """Tell whether two texts are one password."""
    return _normalised(one) == _normalised(other)


def check_acceptable(password: str) -> None:
    """Raise `InvalidValue` unless `password` may be chosen for an account."""
    if len(password) > LONGEST:
        raise InvalidValue(
            Text("A password can have at most %(number)d characters.", number=LONGEST), field="password"
        )
    if len(password) < SHORTEST:
        raise InvalidValue(
            Text("Choose a password of at least %(number)d characters.", number=SHORTEST), field="password"
        )


class Cost(NamedTuple):
    """What makes a hash slow."""

    time_cost: int
    memory_cost: int
    parallelism: int


class PasswordHasher:
    """Hashes and verifies passwords, each in a thread; one for each worker.

    At most `threads` run at once and `queue` wait; one more raises `Unavailable`. A hash that has begun
    cannot be stopped, so when its caller gives up it keeps its place until it is done.
    """

    def __init__(self, settings: PasswordSettings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.time_cost,
            memory_cost=settings.memory_kib,
            parallelism=settings.parallelism,
            type=argon2.Type.ID,
        )
        threads = settings.threads or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(threads, "password")
        self._room = threads + settings.queue
        self._pending = 0
        self._counting = Lock()
        self._dummy = self._argon2.hash(random_token())

    @property
    def pending(self) -> int:
        """How many hashes are waiting or under way."""
        return self._pending

    async def hash(self, password: str) -> str:
        """Return the hash of `password` in PHC form; raise `InvalidValue` when it is too long."""
        if len(password) > LONGEST:
            raise InvalidValue(
                Text("A password can have at most %(number)d characters.", number=LONGEST), field="password"
            )
        return await self._in_thread(lambda: self._argon2.hash(_normalised(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether `password` has this hash. Without a hash (None) it takes as long and says no."""
        if len(password) > LONGEST:  # no account has such a password, so this tells nothing about any
            return False
        return await self._in_thread(lambda: self._verify(hashed, password))

    async def imitate(self, hashes: Sequence[str]) -> None:
        """Let the work for an account that does not exist be that for most of these, which are stored: after the
        operator has changed the cost, the older hashes keep theirs until their users sign in."""
        parsed = [found for each in hashes if (found := _cost_of(each)) is not None]
        if not parsed:
            return
        usual = Counter(parsed).most_common(1)[0][0]
        if usual != _cost_of(self._dummy):
            made = await self._in_thread(lambda: _made_at(usual))
            self._dummy = made  # race: any of those made at once will do

    def needs_rehash(self, hashed: str) -> bool:
        """Tell whether a hash was made in another way, or with other parameters, than those of today."""
        return bcrypt_hashes.rounds_of(hashed) is not None or self._argon2.check_needs_rehash(hashed)

    def _verify(self, hashed: str | None, password: str) -> bool:
        compared, text = hashed or self._dummy, _normalised(password)
        if bcrypt_hashes.rounds_of(compared) is not None:
            typed = password.encode("utf-8", "surrogatepass")
            return bcrypt_hashes.fits(compared, text, typed) and bool(hashed)
        try:
            self._argon2.verify(compared, text)
        except InvalidHashError:  # a stored value that is no hash: as if there were none
            return self._verify(None, password)
        except VerificationError:
            return False
        return bool(hashed)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with self._counting:
            if self._pending >= self._room:
                raise Unavailable(
                    "Too many people are signing in at this moment; try again shortly.",
                    retry_after=RETRY_AFTER,
                    detail="the queue of password hashes is full",
                )
            self._pending += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _future: Future[T]) -> None:
        with self._counting:
            self._pending -= 1


def is_importable_hash(hashed: str) -> bool:
    """Tell whether an account may come with this hash: Argon2id in PHC form, or bcrypt."""
    return _cost_of(hashed) is not None and hashed.startswith(("$argon2id$", "$2"))


def _made_at(cost: Cost | int) -> str:
    if isinstance(cost, int):
        return bcrypt_hashes.make(random_token().encode(), cost)
    return argon2.PasswordHasher(**cost._asdict(), type=argon2.Type.ID).hash(random_token())


def _cost_of(hashed: str) -> Cost | int | None:
    """Return what makes a hash slow: of bcrypt the number of rounds; None for what is no hash."""
    rounds = bcrypt_hashes.rounds_of(hashed)
    if rounds is not None:
        return rounds
    try:
        found = argon2.extract_parameters(hashed)
    except InvalidHashError:
        return None
    return Cost(found.time_cost, found.memory_cost, found.parallelism)


def _normalised(password: str) -> bytes:
    # The same characters typed on another keyboard are the same password (NIST SP 800-63B §3.1.1.2).
    # JSON can carry half a surrogate pair, which plain UTF-8 refuses.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
