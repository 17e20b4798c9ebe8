"""The ephemeral store's contract, over every implementation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from idp.clock import ManualClock, SystemClock
from idp.config import DatabaseSettings
from idp.storage.database import Database
from idp.storage.ephemeral.build import RunningStore, build_ephemeral_store
from idp.storage.ephemeral.redis import RedisStore
from idp.storage.ephemeral.table import TableStore
from tests.support.servers import RedisServer

TTL = 60.0


@dataclass
class Store:
    """A store, and how to let a short time-to-live pass in it."""

    ephemeral: RunningStore | RedisStore
    pass_time: Callable[[float], Awaitable[None]]
    short: float


@pytest.fixture(params=["sqlite table", "postgresql table", "redis", "failover"])
async def store(
    request: pytest.FixtureRequest, new_database_url: Callable[[str], str]
) -> AsyncIterator[Store]:
    kind, _, table = request.param.partition(" ")
    if table:
        clock = ManualClock()

        async def advance(seconds: float) -> None:
            clock.advance(seconds)

        # Fifty writers take turns on SQLite, which on a loaded machine takes longer than a request may wait.
        database = Database(new_database_url(kind), DatabaseSettings(timeout=30))
        yield Store(TableStore(database, clock), advance, short=5)
        await database.close()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    database = Database(new_database_url("sqlite"))
    if kind == "redis":
        ephemeral: RunningStore | RedisStore = RedisStore(server.url)
    else:
        ephemeral = build_ephemeral_store(database, server.url, SystemClock())
    yield Store(ephemeral, asyncio.sleep, short=0.2)
    await ephemeral.close()
    await database.close()


async def test_what_was_put_is_got_again_and_again(store: Store) -> None:
    await store.ephemeral.put("key", b"\x00\xffvalue", TTL)
    assert await store.ephemeral.get("key") == b"\x00\xffvalue"
    assert await store.ephemeral.get("key") == b"\x00\xffvalue"


async def test_what_was_never_put_is_absent(store: Store) -> None:
    assert await store.ephemeral.get("key") is None
    assert await store.ephemeral.take("key") is None
    await store.ephemeral.delete("key")


async def test_put_replaces_the_value_and_its_time(store: Store) -> None:
    await store.ephemeral.put("key", b"old", store.short)
    await store.ephemeral.put("key", b"new", TTL)
    await store.pass_time(store.short * 1.5)
    assert await store.ephemeral.get("key") == b"new"


async def test_what_was_taken_is_gone(store: Store) -> None:
    await store.ephemeral.put("key", b"value", TTL)
    assert await store.ephemeral.take("key") == b"value"
    assert await store.ephemeral.take("key") is None
    assert await store.ephemeral.get("key") is None


async def test_what_was_deleted_is_gone(store: Store) -> None:
    await store.ephemeral.put("key", b"value", TTL)
    await store.ephemeral.delete("key")
    assert await store.ephemeral.get("key") is None


async def test_an_empty_value_is_not_an_absent_one(store: Store) -> None:
    await store.ephemeral.put("key", b"", TTL)
    assert await store.ephemeral.get("key") == b""
    assert await store.ephemeral.take("key") == b""


async def test_of_fifty_takes_at_once_one_wins(store: Store) -> None:
    await store.ephemeral.put("key", b"value", TTL)
    taken = await asyncio.gather(*(store.ephemeral.take("key") for _ in range(50)))
    assert sorted(value is None for value in taken) == [False] + [True] * 49


async def test_fifty_increments_at_once_count_from_one_to_fifty(store: Store) -> None:
    counted = await asyncio.gather(*(store.ephemeral.increment("key", TTL) for _ in range(50)))
    assert sorted(counted) == list(range(1, 51))


async def test_an_expired_value_is_neither_got_nor_taken(store: Store) -> None:
    await store.ephemeral.put("got", b"value", store.short)
    await store.ephemeral.put("taken", b"value", store.short)
    await store.pass_time(store.short * 1.5)
    assert await store.ephemeral.get("got") is None
    assert await store.ephemeral.take("taken") is None


async def test_a_counter_expires_from_its_first_increment_and_starts_again(store: Store) -> None:
    assert await store.ephemeral.increment("key", store.short * 4) == 1
    await store.pass_time(store.short * 3)
    assert await store.ephemeral.increment("key", store.short * 4) == 2
    await store.pass_time(store.short * 1.5)
    assert await store.ephemeral.increment("key", store.short * 4) == 1


async def test_a_counter_reads_as_its_digits(store: Store) -> None:
    await store.ephemeral.increment("key", TTL)
    await store.ephemeral.increment("key", TTL)
    assert await store.ephemeral.get("key") == b"2"
    await store.ephemeral.delete("key")
    assert await store.ephemeral.increment("key", TTL) == 1


async def test_keys_may_be_two_hundred_characters_long(store: Store) -> None:
    await store.ephemeral.put("k" * 200, b"value", TTL)
    assert await store.ephemeral.take("k" * 200) == b"value"
