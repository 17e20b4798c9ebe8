"""Which ephemeral store this installation gets."""

from typing import Protocol

from idp.clock import Clock
from idp.storage.database import Database
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.table import TableStore
from idp.trust import Trust


class RunningStore(EphemeralStore, Protocol):
    """An ephemeral store with its end, and with a sign of how it is."""

    @property
    def degraded(self) -> bool:
        """Whether Redis is configured and away, so that the table stands in."""
        ...

    async def check(self) -> None:
        """Raise `ConfigurationError` when the store is set so that it would forget what has not expired."""
        ...

    async def close(self) -> None:
        """Close the store's own connections; the database stays open."""
        ...


def build_ephemeral_store(
    database: Database, redis_url: str | None, clock: Clock, trust: Trust | None = None
) -> RunningStore:
    """Return Redis with the table to fall back to when a URL is given, otherwise the table.

    No connection is made here: a Redis that is away at the start is an outage like any other.
    """
    table = TableStore(database, clock)
    if redis_url is None:
        return table
    # Read only where there is a Redis: its client is among the larger things that a worker can hold.
    from idp.storage.ephemeral.failover import FailoverStore
    from idp.storage.ephemeral.redis import RedisStore

    return FailoverStore(RedisStore(redis_url, trust), table, clock)
