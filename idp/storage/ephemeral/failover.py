"""Redis while it answers, the table while it does not.

What is in one store is not in the other, so an outage, and its end, may make somebody start a
sign-in again. It must not bring back what was used up: an entry that was taken, deleted or replaced in
the table during an outage may still be in Redis as it was before. Therefore every key touched meanwhile
is noted, and deleted from both stores before Redis is used again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from secrets import token_hex
from typing import TypeVar

import structlog
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from idp.clock import Clock
from idp.errors import ConfigurationError, Unavailable
from idp.storage.ephemeral import EphemeralStore
from idp.storage.ephemeral.redis import RedisStore
from idp.storage.ephemeral.table import TableStore, refuse_in_transaction
from idp.tasks import end_task
from idp.trust import tls_fault

OUTAGES = (
    RedisConnectionError,
    RedisTimeoutError,
    OSError,
    # It answers, but takes no writes: a replica, a full server, a cluster without its master.
    ReadOnlyError,
    OutOfMemoryError,
    MasterDownError,
    ClusterDownError,
    TryAgainError,
)

PROBE_INTERVAL = 1.0
"""Seconds between two looks whether Redis is back."""

BATCH = 500
"""Keys deleted at a time when Redis is back."""

MAX_TOUCHED = 200_000
"""Keys noted during an outage; after more, Redis is emptied of all our entries instead."""

Result = TypeVar("Result")

log = structlog.get_logger()


class FailoverStore:
    """Uses `primary`; on an outage `fallback`, until `primary` takes a write again."""

    def __init__(
        self,
        primary: RedisStore,
        fallback: TableStore,
        clock: Clock,
        probe_interval: float = PROBE_INTERVAL,
    ) -> None:
        self._primary = primary
        self._fallback = fallback
        self._clock = clock
        self._probe_interval = probe_interval
        self._probe_key = f"probe:{token_hex(8)}"
        self._probing: asyncio.Task[None] | None = None
        self._degraded_at = 0.0
        self._touched: set[str] = set()
        self._too_many = False
        self.degraded = False
        """Whether the fallback is in use; for the metrics and /readyz."""

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set `key`, replacing what was there."""
        await self._use(key, lambda store: store.put(key, value, ttl))

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it is absent or expired."""
        return await self._use(None, lambda store: store.get(key))

    async def take(self, key: str) -> bytes | None:
        """Return the value and delete it, atomically."""
        return await self._use(key, lambda store: store.take(key))

    async def delete(self, key: str) -> None:
        """Delete `key` if it is there."""
        await self._use(key, lambda store: store.delete(key))

    async def increment(self, key: str, ttl: float) -> int:
        """Add one to a counter and return it. An outage starts it again, and so does its end."""
        return await self._use(key, lambda store: store.increment(key, ttl))

    async def check(self) -> None:
        """Raise `ConfigurationError` when Redis must not be used as it is set; an outage is none."""
        try:
            await self._primary.refuse_eviction()
        except OUTAGES as error:
            self._degrade(error)

    async def close(self) -> None:
        """Stop probing and close the connections to Redis."""
        if self._probing is not None:
            await end_task(self._probing)
        await self._primary.close()

    async def _use(
        self, changed_key: str | None, operation: Callable[[EphemeralStore], Awaitable[Result]]
    ) -> Result:
        refuse_in_transaction()  # here too, or the mistake would show only in an outage
        if not self.degraded:
            try:
                return await operation(self._primary)
            except OUTAGES as error:
                self._degrade(error)
        if changed_key is not None:
            self._note(changed_key)
        return await operation(self._fallback)

    def _degrade(self, error: Exception) -> None:
        if self.degraded:
            return  # another call found out first
        self.degraded = True
        self._degraded_at = self._clock.now()
        reason = tls_fault(error, "Redis") or repr(error)
        log.error("ephemeral_store_degraded", reason=reason, using="table")
        # In a context of its own: this task outlives the request that found Redis away.
        self._probing = asyncio.create_task(self._probe(), context=Context())

    async def _probe(self) -> None:
        while self.degraded:
            await asyncio.sleep(self._probe_interval)
            try:
                await self._primary.put(self._probe_key, b"", self._probe_interval)
                await self._primary.refuse_eviction()
                await self._forget_touched()
            except (*OUTAGES, Unavailable):
                continue
            except ConfigurationError as error:  # it came back with other settings
                log.warning("ephemeral_store_refused", reason=error.sentence, using="table")
                continue
            self.degraded = False
        log.info("ephemeral_store_recovered", using="redis", after=self._clock.now() - self._degraded_at)

    async def _forget_touched(self) -> None:
        # Returns with nothing left and without a pause after that, so that no key is noted unseen.
        while self._touched or self._too_many:
            keys, self._touched = self._touched, set()
            too_many, self._too_many = self._too_many, False
            try:
                if too_many:
                    await self._primary.clear()
                for batch in _batches(sorted(keys)):
                    await self._primary.delete_all(batch)
                    await self._fallback.delete_all(batch)
            except BaseException:
                self._touched |= keys
                self._too_many |= too_many
                raise

    def _note(self, key: str) -> None:
        self._touched.add(key)
        if len(self._touched) > MAX_TOUCHED:
            self._touched, self._too_many = set(), True


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]
