"""State that is allowed to be lost: transactions, authorization codes, counters.

One small protocol, two implementations (a table of the database, Redis) and a third that falls back
from Redis to the table. Losing an entry may make a user start a sign-in again; it must never make
something usable twice, so what may be used once is marked in the database (`idp.storage.single_use`).
"""

from typing import Protocol


class EphemeralStore(Protocol):
    """A key-value store whose entries expire. Keys are up to 200 characters; a `ttl` is in seconds."""

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set `key`, replacing what was there."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it is absent or expired."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Return the value and delete it, atomically: of many callers at once, one gets it."""
        ...

    async def delete(self, key: str) -> None:
        """Delete `key` if it is there."""
        ...

    async def increment(self, key: str, ttl: float) -> int:
        """Add one to a counter and return it, atomically; `ttl` starts at the first increment."""
        ...
