"""Redis goes away, and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis import Redis
from structlog.testing import capture_logs

from idp.clock import SystemClock
from idp.errors import ConfigurationError
from idp.storage.database import Database
from idp.storage.ephemeral import failover
from idp.storage.ephemeral.build import build_ephemeral_store
from idp.storage.ephemeral.failover import FailoverStore
from idp.storage.ephemeral.redis import RedisStore
from idp.storage.ephemeral.table import TableStore
from tests.support.servers import RedisServer

TTL = 60.0
PROBE_INTERVAL = 0.05


@pytest.fixture
async def database(new_database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    database = Database(new_database_url("sqlite"))
    yield database
    await database.close()


@pytest.fixture
async def store(private_redis: RedisServer, database: Database) -> AsyncIterator[FailoverStore]:
    clock = SystemClock()
    store = FailoverStore(RedisStore(private_redis.url), TableStore(database, clock), clock, PROBE_INTERVAL)
    yield store
    await store.close()


async def recovered(store: FailoverStore) -> None:
    assert store._probing is not None
    await asyncio.wait_for(store._probing, 10)
    assert not store.degraded


async def test_an_outage_is_noticed_once_and_ends_by_itself(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    with capture_logs() as logs:
        await store.put("before", b"1", TTL)
        private_redis.stop()
        await asyncio.gather(*(store.put(f"meanwhile-{n}", b"2", TTL) for n in range(20)))
        assert store.degraded
        assert await store.get("meanwhile-7") == b"2"
        assert await store.take("meanwhile-7") == b"2"
        assert await store.increment("counter", TTL) == 1
        private_redis.start()
        await recovered(store)
        await store.put("after", b"3", TTL)
        assert await store.take("after") == b"3"
    assert [entry["event"] for entry in logs] == ["ephemeral_store_degraded", "ephemeral_store_recovered"]


async def test_a_redis_that_hangs_costs_one_timeout_only(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    await store.put("before", b"1", TTL)
    private_redis.pause()
    began = time.monotonic()
    await store.put("first", b"1", TTL)
    assert store.degraded
    assert time.monotonic() - began < 5
    began = time.monotonic()
    for n in range(10):
        await store.put(f"next-{n}", b"1", TTL)
    assert time.monotonic() - began < 1
    private_redis.resume()
    await recovered(store)


async def test_a_redis_that_is_away_at_the_start_is_an_outage_like_any_other(
    private_redis: RedisServer, database: Database
) -> None:
    private_redis.stop()
    store = build_ephemeral_store(database, private_redis.url, SystemClock())
    assert not store.degraded
    await store.put("key", b"1", TTL)
    assert store.degraded
    assert await store.get("key") == b"1"
    await store.close()


@pytest.mark.parametrize("most_noted", [failover.MAX_TOUCHED, 0])
async def test_what_was_used_up_in_an_outage_does_not_come_back(
    store: FailoverStore, private_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, most_noted: int
) -> None:
    monkeypatch.setattr(failover, "MAX_TOUCHED", most_noted)
    for key in ("taken", "deleted", "replaced"):
        await store.put(key, b"old", TTL)
    private_redis.pause()  # it keeps its data, as a partition would leave them
    await store.take("taken")
    await store.delete("deleted")
    await store.put("replaced", b"new", TTL)
    assert store.degraded
    private_redis.resume()
    await recovered(store)
    assert await store.take("taken") is None
    assert await store.get("deleted") is None
    assert await store.get("replaced") is None


async def test_what_is_noted_while_redis_is_emptied_is_not_forgotten(
    store: FailoverStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failover, "MAX_TOUCHED", 0)
    emptied: list[str] = []
    empty = store._primary.clear

    async def clear() -> None:
        await empty()
        if not emptied:
            store._note("taken meanwhile")  # one too many again
        emptied.append("all")

    monkeypatch.setattr(store._primary, "clear", clear)
    store._note("taken")
    await store._forget_touched()
    assert emptied == ["all", "all"]
    await store.close()


async def test_a_restart_of_redis_between_two_requests_is_not_an_outage(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    await store.put("key", b"1", TTL)
    private_redis.stop()
    private_redis.start()
    await store.put("key", b"2", TTL)
    assert await store.get("key") == b"2"
    assert not store.degraded


async def test_closing_during_an_outage_leaves_no_task_behind(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    private_redis.stop()
    await store.put("key", b"1", TTL)
    tasks = asyncio.all_tasks()
    await store.close()
    assert len(asyncio.all_tasks()) == len(tasks) - 1


def limit_memory(server: RedisServer, policy: str) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory", "64mb")
        redis.config_set("maxmemory-policy", policy)


@pytest.mark.parametrize("policy", ["volatile-ttl", "allkeys-lru", "volatile-random"])
async def test_a_redis_that_evicts_is_refused(
    store: FailoverStore, private_redis: RedisServer, policy: str
) -> None:
    await store.check()  # without a limit on its memory it evicts nothing
    limit_memory(private_redis, policy)
    with pytest.raises(ConfigurationError, match="noeviction"):
        await store.check()
    limit_memory(private_redis, "noeviction")
    await store.check()


async def test_a_redis_that_comes_back_and_evicts_is_not_used(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    private_redis.stop()
    await store.put("key", b"1", TTL)
    with capture_logs() as logs:
        private_redis.start()
        limit_memory(private_redis, "volatile-ttl")
        assert store._probing is not None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(store._probing), 20 * PROBE_INTERVAL)
    assert store.degraded
    assert "ephemeral_store_refused" in [entry["event"] for entry in logs]
    limit_memory(private_redis, "noeviction")
    await recovered(store)


async def test_a_redis_that_is_away_at_the_start_is_an_outage(
    store: FailoverStore, private_redis: RedisServer
) -> None:
    private_redis.stop()
    await store.check()
    assert store.degraded
