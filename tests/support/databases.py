"""Migrated databases: an empty one of each kind for a test, copied from one that was migrated once."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idp.config import DatabaseSettings
from idp.storage import migrations
from idp.storage.database import Database
from tests.support.servers import PostgresServer

BOTH = ("sqlite", "postgresql")


def migrate_now(url: str) -> None:
    """Migrate the database at `url`, from code that is not asynchronous."""

    async def migrate() -> None:
        database = Database(url)
        await migrations.upgrade(database)
        await database.close()

    # In a thread: this one has the tests' event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, migrate()).result()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The URL of a migrated PostgreSQL database to copy."""
    url = postgres.create_database()
    migrate_now(url)
    return url


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
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.create_database(template=request.getfixturevalue("postgres_template"))
            request.addfinalizer(lambda: server.drop_database(url))
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
