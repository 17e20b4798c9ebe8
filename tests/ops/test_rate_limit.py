"""Limits a minute, in one process and shared through Redis."""

from typing import Any

import pytest
from redis.asyncio import Redis

from idp.clock import ManualClock
from idp.ops.rate_limit import RateLimiter
from tests.support.servers import RedisServer

START_OF_MINUTE = 1_800_000_000.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_OF_MINUTE)


@pytest.fixture
def limiter(clock: ManualClock) -> RateLimiter:
    return RateLimiter(clock=clock)


def hits(limiter: RateLimiter, key: str, limit: int, times: int) -> int:
    return sum(limiter.hit(key, limit) is None for _ in range(times))


def test_so_many_are_allowed_and_no_more(limiter: RateLimiter) -> None:
    assert hits(limiter, "a", 10, 50) == 10
    assert hits(limiter, "b", 10, 5) == 5


def test_zero_is_no_limit(limiter: RateLimiter) -> None:
    assert hits(limiter, "a", 0, 1000) == 1000


def test_a_burst_around_the_minute_does_not_count_as_two(limiter: RateLimiter, clock: ManualClock) -> None:
    clock.advance(59)
    assert hits(limiter, "a", 60, 100) == 60
    clock.advance(2)
    assert hits(limiter, "a", 60, 100) <= 2


@pytest.mark.parametrize("moment", [0, 10, 59])
def test_after_retry_after_there_is_room(limiter: RateLimiter, clock: ManualClock, moment: float) -> None:
    clock.advance(moment)
    for _ in range(5):
        hits(limiter, "a", 6, 10)
        wait = limiter.hit("a", 6)
        assert wait is not None
        assert 0 < wait <= 120
        clock.advance(wait + 0.001)
        assert limiter.hit("a", 6) is None


def test_a_refused_request_does_not_count(limiter: RateLimiter, clock: ManualClock) -> None:
    hits(limiter, "a", 5, 10_000)
    clock.advance(120)
    assert hits(limiter, "a", 5, 10) == 5


def test_memory_is_bounded_and_the_idle_go_first(clock: ManualClock) -> None:
    limiter = RateLimiter(clock=clock, most_keys=100)
    for number in range(1000):
        limiter.hit(f"key-{number}", 10)
    assert len(limiter._counts) == 100
    assert "key-999" in limiter._counts


async def test_without_redis_there_is_nothing_to_share(limiter: RateLimiter) -> None:
    await limiter.start()
    await limiter.synchronize()
    await limiter.stop()
    assert not limiter.degraded


async def test_workers_share_a_limit_through_redis(redis_server: RedisServer, clock: ManualClock) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        one, two = (RateLimiter(redis=redis, clock=clock) for _ in range(2))
        assert hits(one, "shared-key", 10, 6) == 6
        assert hits(two, "shared-key", 10, 2) == 2
        await one.synchronize()
        await two.synchronize()
        await one.synchronize()  # nothing new here: a worker learns of others when it counts
        assert hits(two, "shared-key", 10, 10) == 2
        await two.synchronize()
        assert hits(one, "shared-key", 10, 10) <= 4
        await one.synchronize()
        assert hits(one, "shared-key", 10, 10) == 0
        fresh = RateLimiter(redis=redis, clock=clock)
        clock.advance(61)
        hits(fresh, "shared-key", 10, 1)
        await fresh.synchronize()
        assert hits(fresh, "shared-key", 10, 10) < 9  # it knows of the minute before


class Away:
    """A Redis that does not answer."""

    def pipeline(self, **_: Any) -> Any:
        raise ConnectionError("refused")


async def test_without_redis_answering_a_worker_counts_by_itself(clock: ManualClock) -> None:
    limiter = RateLimiter(redis=Away(), clock=clock)
    assert hits(limiter, "a", 5, 10) == 5
    await limiter.synchronize()
    await limiter.synchronize()
    assert limiter.degraded
    assert hits(limiter, "a", 5, 10) == 0


async def test_what_was_counted_meanwhile_is_added_when_redis_is_back(
    redis_server: RedisServer, clock: ManualClock
) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        limiter = RateLimiter(redis=Away(), clock=clock)
        hits(limiter, "back-again", 10, 7)
        await limiter.synchronize()
        limiter._redis = redis
        await limiter.synchronize()
        assert not limiter.degraded
        other = RateLimiter(redis=redis, clock=clock)
        hits(other, "back-again", 10, 1)
        await other.synchronize()
        assert hits(other, "back-again", 10, 10) == 2


async def test_sharing_runs_in_the_background(redis_server: RedisServer) -> None:
    import anyio

    async with Redis.from_url(redis_server.url) as redis:
        limiter = RateLimiter(redis=redis)
        await limiter.start()
        limiter.hit("background", 10)
        with anyio.fail_after(5):
            while limiter._touched:  # noqa: ASYNC110  what is waited for happens in Redis
                await anyio.sleep(0.05)
        await limiter.stop()
