"""Limits on the endpoints that are called most, which may cost neither I/O nor a row.

Counting happens in this process's memory. Where Redis is configured, a background task adds what was
counted here to the totals there and brings the others' back, about four times a second: a limit is then
shared by all workers, late by that quarter of a second, and the hot path never waits for the network.
When Redis is away each worker goes on counting by itself, and what it counted is added later.

The window slides: of the minute before this one, as much counts as still lies within the last sixty
seconds. A refused request does not count, so who is refused gets in again as soon as there is room.
"""

import asyncio
import hashlib
from typing import Any, Final

import structlog

from idp.clock import Clock, SystemClock
from idp.tasks import end_task

WINDOW: Final = 60.0
"""Seconds."""
SYNC_EVERY: Final = 0.25
_MOST_KEYS: Final = 50_000
_PREFIX: Final = "idp:rate:"
_AT_ONCE: Final = 1000

log = structlog.get_logger(__name__)


class _Count:
    """The count of one key in the current window, and what is known of the one before."""

    __slots__ = ("current", "new", "previous", "unpushed", "window")

    def __init__(self, window: int, previous: float, *, new: bool) -> None:
        self.window = window
        self.previous = previous
        self.current = 0
        self.unpushed = 0
        self.new = new
        """Whether the total of the previous window is still to be asked of Redis."""


class RateLimiter:
    """Counts requests by key. `redis` is a `redis.asyncio.Redis`, or None to count in this process only."""

    def __init__(self, *, redis: Any = None, clock: Clock | None = None, most_keys: int = _MOST_KEYS) -> None:
        self._redis = redis
        self._clock = clock or SystemClock()
        self._most_keys = most_keys
        self._counts: dict[str, _Count] = {}
        self._touched: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.degraded = False
        """Whether Redis is configured and could not be reached the last time."""

    def hit(self, key: str, limit_per_minute: int) -> float | None:
        """Count a request. Return None when it is allowed, else the seconds until one will be.

        A limit of 0 is no limit.
        """
        if limit_per_minute <= 0:
            return None
        window, within = divmod(self._clock.now(), WINDOW)
        share = within / WINDOW
        count = self._count(key, int(window))
        if count.previous * (1 - share) + count.current + 1 > limit_per_minute:
            return _wait(count, share, limit_per_minute)
        count.current += 1
        if self._redis is not None:
            count.unpushed += 1
            self._touched.add(key)
        return None

    def left(self, key: str, limit_per_minute: int) -> int:
        """Return how many requests would be allowed now."""
        window, within = divmod(self._clock.now(), WINDOW)
        count = self._count(key, int(window))
        return max(0, int(limit_per_minute - count.previous * (1 - within / WINDOW) - count.current))

    def _count(self, key: str, window: int) -> _Count:
        count = self._counts.get(key)
        if count is not None and count.window == window:
            return count
        fresh = count is None
        previous = count.current if count is not None and count.window == window - 1 else 0
        # Taken out and put back at the end, so that the first key is always the one idle for longest.
        self._counts.pop(key, None)
        if len(self._counts) >= self._most_keys:
            self._counts.pop(next(iter(self._counts)))
        count = self._counts[key] = _Count(window, previous, new=fresh)
        return count

    async def start(self) -> None:
        """Begin to share counts, where Redis is configured."""
        if self._redis is not None and self._task is None:
            self._task = asyncio.create_task(self._share(), name="rate-limits")

    async def stop(self) -> None:
        """Stop sharing, and close the connections to Redis."""
        if self._task is not None:
            await end_task(self._task)
            self._task = None  # race: nothing starts it again
        if self._redis is not None:
            await self._redis.aclose()

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY)
            await self.synchronize()

    async def synchronize(self) -> None:
        """Exchange counts with Redis once; never raises."""
        if self._redis is None:
            return
        try:
            keys = list(self._touched)
            for start in range(0, len(keys), _AT_ONCE):
                await self._exchange(keys[start : start + _AT_ONCE])
        except Exception as error:  # noqa: BLE001  whatever Redis does, limits go on in this process
            if not self.degraded:
                log.warning("rate limits count in this process only: Redis is away", reason=repr(error))
            self.degraded = True
        else:
            if self.degraded:
                log.info("rate limits are shared again")
            self.degraded = False

    async def _exchange(self, keys: list[str]) -> None:
        sent: list[tuple[str, _Count, int]] = []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                count = self._counts.get(key)
                if count is None:
                    self._touched.discard(key)
                    continue
                name = _PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]
                pipe.incrby(f"{name}:{count.window}", count.unpushed)
                pipe.expire(f"{name}:{count.window}", int(2 * WINDOW) + 1)
                pipe.get(f"{name}:{count.window - 1}")
                sent.append((key, count, count.unpushed))
            if not sent:
                return
            replies = await pipe.execute()
        for (key, count, pushed), total, before in zip(sent, replies[::3], replies[2::3], strict=True):
            count.unpushed -= pushed
            count.current = int(total) + count.unpushed
            if count.new:
                count.previous = max(count.previous, int(before or 0))
                count.new = False
            if not count.unpushed:
                self._touched.discard(key)


def _wait(count: _Count, share: float, limit: int) -> float:
    """Return the seconds until the sliding count leaves room for one more."""
    if count.current + 1 <= limit:  # room comes as the previous minute slides out
        return max(0.0, (1 - (limit - count.current - 1) / count.previous) - share) * WINDOW
    rest = (1 - share) * WINDOW
    return rest + max(0.0, 1 - (limit - 1) / count.current) * WINDOW
