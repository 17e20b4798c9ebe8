"""Where a sign-in without pages goes on after the password: a grant or the API, and a second factor.

A continuation says that a user has given a password to a client a moment ago. It is good for a few
minutes, for that client, and for one right answer; wrong ones are throttled like everywhere else. It ends
with the generation of the account (`idp.identity.generation`).
"""

from dataclasses import dataclass

from idp.authentication import Authentication
from idp.crypto import random_token
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.kept import Kept, Kind

TTL = 300
"""Seconds in which the second factor must follow."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A sign-in that waits for its second factor."""

    user_id: str
    client_id: str
    authentication: Authentication


CONTINUATION = Kind("continuation", Continuation, TTL)


class Continuations:
    """Keeps them, in the ephemeral store."""

    def __init__(self, store: EphemeralStore) -> None:
        self._kept = Kept(store, CONTINUATION)

    async def begin(self, continuation: Continuation) -> str:
        """Store it and return the token that names it."""
        token = random_token()
        await self._kept.put(token, continuation)
        return token

    async def find(self, token: str, client_id: str) -> Continuation | None:
        """Return it if it is this client's; a wrong answer leaves it for the next."""
        continuation = await self._kept.get(token)
        return continuation if continuation is not None and continuation.client_id == client_id else None

    async def finish(self, token: str) -> bool:
        """Take it away: of several right answers at once, one gets True."""
        return await self._kept.take(token) is not None
