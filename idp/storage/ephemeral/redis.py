"""The ephemeral store in Redis (6.2 or later), or a server that speaks its protocol."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from idp.errors import ConfigurationError
from idp.trust import Trust

PREFIX = "idp:"
"""Before every key, so that the server may be shared."""

CONNECT_TIMEOUT = 2.0
"""Seconds to connect. Short, as the table can do what Redis does not, but no busy moment of this process is an outage:
counters would start again."""

COMMAND_TIMEOUT = 2.0
"""Seconds until a command counts as failed."""

MAX_CONNECTIONS = 50
"""Connections per process; who finds all of them busy waits up to COMMAND_TIMEOUT for one."""

KEEPS_ALL = "noeviction"
"""The only `maxmemory-policy` that keeps what has not expired. A full server then takes no writes, and the table
stands in."""

SCAN_COUNT = 500
"""Keys looked at, or deleted, at a time."""


def connection_options(url: str, trust: Trust) -> dict[str, Any]:
    """Return the options that go with a URL; raise `ConfigurationError` for parameters that no connection takes."""
    options: dict[str, Any] = {}
    if urlsplit(url).scheme == "rediss" and trust.ca is not None:
        options["ssl_ca_data"] = trust.ca  # beside those of the system
    try:
        ConnectionPool.from_url(url, **options).make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError, OSError) as error:
        raise ConfigurationError(f"IDP_REDIS_URL has a parameter that cannot be used: {error}.") from error
    return options


class RedisStore:
    """Keeps ephemeral entries in Redis, which forgets them by itself."""

    def __init__(self, url: str, trust: Trust | None = None) -> None:
        self._redis = Redis(
            connection_pool=BlockingConnectionPool.from_url(
                url,
                **connection_options(url, trust or Trust()),
                max_connections=MAX_CONNECTIONS,
                timeout=COMMAND_TIMEOUT,
                socket_connect_timeout=CONNECT_TIMEOUT,
                socket_timeout=COMMAND_TIMEOUT,
                # Once more at once: a pooled connection may have outlived the server's restart. A command
                # whose answer was lost may so be done twice; a `take` then finds nothing, which is safe.
                retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            )
        )

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set `key`, replacing what was there."""
        await self._redis.set(PREFIX + key, value, px=_milliseconds(ttl))

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None when it is absent or expired."""
        return cast("bytes | None", await self._redis.get(PREFIX + key))

    async def take(self, key: str) -> bytes | None:
        """Return the value and delete it, atomically."""
        return cast("bytes | None", await self._redis.getdel(PREFIX + key))

    async def delete(self, key: str) -> None:
        """Delete `key` if it is there."""
        await self._redis.delete(PREFIX + key)

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Delete every key of `keys` that is there."""
        if keys:
            await self._redis.unlink(*(PREFIX + key for key in keys))

    async def clear(self) -> None:
        """Delete every entry, of whatever process."""
        batch: list[bytes] = []
        async for key in self._redis.scan_iter(match=PREFIX + "*", count=SCAN_COUNT):
            batch.append(key)
            if len(batch) == SCAN_COUNT:
                await self._redis.unlink(*batch)
                batch = []
        if batch:
            await self._redis.unlink(*batch)

    async def increment(self, key: str, ttl: float) -> int:
        """Add one to a counter and return it; `ttl` starts at the first increment."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            # Not INCR and EXPIRE NX, which wants Redis 7.
            pipeline.set(PREFIX + key, 0, px=_milliseconds(ttl), nx=True)
            pipeline.incr(PREFIX + key)
            results = await pipeline.execute()
        return int(results[1])

    async def refuse_eviction(self) -> None:
        """Raise `ConfigurationError` when the server would throw away what has not expired."""
        await refuse_eviction(self._redis)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose(close_connection_pool=True)


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))


async def refuse_eviction(redis: "Redis") -> None:
    """Raise `ConfigurationError` when the server throws entries away that have not expired: a flood of others' would
    take the throttles' counters along. A server that does not tell is taken to be right."""
    try:
        told = await redis.info("memory")
    except ResponseError:  # it is not allowed to tell
        return
    policy = told.get("maxmemory_policy", KEEPS_ALL)
    if told.get("maxmemory") and policy != KEEPS_ALL:
        raise ConfigurationError(
            f"Redis is set to evict entries when its memory is full ({policy}); "
            f"start it with: --maxmemory-policy {KEEPS_ALL}"
        )
