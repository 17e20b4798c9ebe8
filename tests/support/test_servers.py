"""The tests' own servers: what a test may rely on when it stops one."""

from collections.abc import Callable

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.servers import PostgresServer, RedisServer


def libpq(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def value_of(url: str, sql: str) -> object:
    connection = await asyncpg.connect(libpq(url))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_each_database_is_empty_and_apart(postgres: PostgresServer) -> None:
    one, other = postgres.create_database(), postgres.create_database()
    postgres.execute("CREATE TABLE t (n int)", one.rpartition("/")[2])
    assert await value_of(one, "SELECT to_regclass('t')::text") == "t"
    assert await value_of(other, "SELECT to_regclass('t')::text") is None


async def test_a_database_can_be_copied_and_dropped(postgres: PostgresServer) -> None:
    original = postgres.create_database()
    postgres.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)", original.rpartition("/")[2])
    copy = postgres.create_database(template=original)
    assert await value_of(copy, "SELECT n FROM t") == 7
    postgres.drop_database(copy)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await value_of(copy, "SELECT 1")


async def test_postgres_keeps_port_and_data_over_a_restart(
    postgres_server: Callable[[], PostgresServer],
) -> None:
    server = postgres_server()
    url = server.create_database()
    server.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)", url.rpartition("/")[2])
    connection = await asyncpg.connect(libpq(url))
    server.stop()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(libpq(url))
    connection.terminate()
    server.start()
    assert await value_of(url, "SELECT n FROM t") == 7


async def test_postgres_recovers_from_a_crash(postgres_server: Callable[[], PostgresServer]) -> None:
    server = postgres_server()
    url = server.create_database()
    server.kill()
    server.start()
    assert await value_of(url, "SELECT 1") == 1


async def test_redis_is_empty_for_each_test(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        assert await client.dbsize() == 0
        await client.set("key", "value")
        redis_server.flush()
        assert await client.get("key") is None


async def test_redis_comes_back_on_the_same_port(private_redis: RedisServer) -> None:
    url = private_redis.url
    private_redis.stop()
    async with Redis.from_url(url) as client:
        with pytest.raises(RedisConnectionError):
            await client.ping()
    private_redis.start()
    async with Redis.from_url(url) as client:
        assert await client.ping()


async def test_redis_can_hang_and_go_on(private_redis: RedisServer) -> None:
    private_redis.pause()
    async with Redis.from_url(private_redis.url, socket_timeout=0.2, retry=None) as client:
        with pytest.raises(RedisTimeoutError):
            await client.ping()
    private_redis.resume()
    async with Redis.from_url(private_redis.url) as client:
        assert await client.ping()
