"""Migrated databases: an empty one of each kind for a test, copied from one that was migrated once.

What a worker can do once, it does once: SQL is compiled once for all databases of a kind, and no test waits
until the disk has what it wrote.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, event
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from idp.config import DatabaseSettings
from idp.storage import database as storage_database
from idp.storage import migrations
from idp.storage.database import Database
from tests.support.servers import PostgresServer

BOTH = ("sqlite", "postgresql")

STATEMENTS: LRUCache[Any, Any] = LRUCache(2000)
"""The SQL that was compiled in this process. Every engine would begin with an empty cache of its own."""

_create_engine = storage_database._create_engine


@wraps(_create_engine)
def _create_test_engine(url: URL, settings: DatabaseSettings, connect_args: Mapping[str, Any]) -> AsyncEngine:
    engine = _create_engine(url, settings, connect_args)
    engine.sync_engine.update_execution_options(compiled_cache=STATEMENTS)
    dialect = type(engine.dialect)
    # The caches, SQLAlchemy's own for rows too, look statements up by dialect; all of a kind are alike here.
    setattr(dialect, "__hash__", _hash_of_kind)  # noqa: B010  a type checker takes an assignment for a mistake
    setattr(dialect, "__eq__", _is_same_kind)  # noqa: B010  the same
    if url.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _do_not_wait_for_the_disk)
    return engine


def _hash_of_kind(dialect: Dialect) -> int:
    return hash(type(dialect))


def _is_same_kind(dialect: Dialect, other: object) -> bool:
    return type(dialect) is type(other)


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


storage_database._create_engine = _create_test_engine


def migrate_now(url: str) -> None:
    """Migrate the database at `url`, from code that is not asynchronous."""

    async def migrate() -> None:
        database = Database(url)
        await migrations.upgrade(database)
        await database.close()

    # In a thread: this one has the tests' event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, migrate()).result()


CLEAR = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;  -- no foreign key is checked, so the order does not matter
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM public.%I', name); END LOOP;
END $$;
"""
"""What empties a database. Deleting a few rows costs less than truncating every table."""

SCHEMA = """
SELECT md5(string_agg(concat(attrelid, attname, ' ', atttypid, attnotnull), ',' ORDER BY attrelid, attnum))
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
"""
"""A digest of all tables and indexes."""


class PostgresDatabases:
    """Migrated, empty PostgreSQL databases to borrow: copying one takes longer than emptying it."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.template = server.create_database()
        migrate_now(self.template)
        self._schema = self._query(self.template, SCHEMA)
        self._free: list[str] = []

    def take(self) -> str:
        """Return the URL of a migrated, empty database that nobody uses."""
        return self._free.pop() if self._free else self.server.create_database(template=self.template)

    def give_back(self, url: str) -> None:
        """End every connection to a database and empty it; drop it if its tables were altered."""
        if self._query(url, SCHEMA) == self._schema:
            self._query(url, CLEAR)
            self._free.append(url)
        else:
            self.server.drop_database(url)

    def _query(self, url: str, sql: str) -> str:
        return self.server.execute(sql, url.rpartition("/")[2])


@pytest.fixture(scope="session")
def postgres_databases(postgres: PostgresServer) -> PostgresDatabases:
    """This worker's PostgreSQL databases."""
    return PostgresDatabases(postgres)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "idp.db"
    migrate_now(f"sqlite:///{path}")
    return path


@pytest.fixture
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes a migrated, empty database of a kind ('sqlite' or 'postgresql') and returns its URL."""

    def create(kind: str) -> str:
        if kind == "postgresql":
            databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
            url = databases.take()
            request.addfinalizer(lambda: databases.give_back(url))
            return url
        path = tmp_path / "idp.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"

    return create


@pytest.fixture(params=BOTH)
async def each_database(
    request: pytest.FixtureRequest, new_database_url: Callable[[str], str]
) -> AsyncIterator[Database]:
    """A migrated, empty database; the test runs on SQLite and on PostgreSQL."""
    database = Database(new_database_url(request.param), DatabaseSettings(timeout=30))
    yield database
    await database.close()
