"""Migrations: Alembic, driven from here rather than from an alembic.ini.

Alembic itself is read only when there is something to migrate: a worker that looks whether it may start
needs to know two names, not how to alter tables.

Any number of workers or containers may upgrade at once: the first does it and the others wait, then
find nothing left to do. A migration is one transaction on both databases: it happens, or nothing does.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from idp.errors import ConfigurationError, Unavailable
from idp.resources import MIGRATIONS
from idp.storage.database import Database
from idp.storage.outages import BROKEN_CONNECTION, CONNECTING, is_outage

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"
"""Where Alembic keeps the revision of the schema."""

LOCK_ID = 0x6964705F6D696772
"""The advisory lock that upgrades take on PostgreSQL: 'idp_migr' in ASCII."""


async def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`."""
    from alembic import command

    await _migrate(database, lambda config: command.upgrade(config, revision))


async def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision` (`base`: to nothing). What a newer schema held is lost."""
    from alembic import command

    await _migrate(database, lambda config: command.downgrade(config, revision))


async def current(database: Database) -> str | None:
    """Return the revision of the schema; None before the first."""
    async with _unavailable_when_away(database), database.engine.connect() as connection:
        return await connection.run_sync(_current)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    return revision


@lru_cache
def head() -> str:
    """Return the revision that this version of the program wants."""
    revisions = {path.stem.split("_")[1] for path in (MIGRATIONS / "versions").glob("*_*_*.py")}
    revision = max(revisions, default=None)  # they are numbered, and form one line (a test makes sure)
    if revision is None:
        raise ConfigurationError(f"No migrations were found in {MIGRATIONS}: the installation is incomplete.")
    return revision


async def is_current(database: Database) -> bool:
    """Tell whether the schema is the one that this version of the program wants."""
    return await current(database) == head()


async def _migrate(database: Database, step: "Callable[[Config], None]") -> None:
    from alembic.config import Config

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        step(config)

    async with _unavailable_when_away(database), _locked(database) as connection:
        await connection.run_sync(run)


@asynccontextmanager
async def _locked(database: Database) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that keeps every other migration out until it ends."""
    if database.is_sqlite:
        async with _without_foreign_keys(database.engine) as connection, connection.begin():
            yield connection  # BEGIN IMMEDIATE is the lock
        return
    # An engine of its own: the server's gives up on a statement sooner than a migration may take.
    engine = create_async_engine(database.url, poolclass=NullPool, connect_args=database.connect_args)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def _without_foreign_keys(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    # SQLite alters a table by making it anew and dropping the old one, which with foreign keys on would
    # delete what refers to it. The switch has no effect inside a transaction, so it is set before.
    async with engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        if raw is None:
            raise Unavailable("The database connection was closed.")
        await raw.execute("PRAGMA foreign_keys=OFF")
        try:
            yield connection
        finally:
            await raw.execute("PRAGMA foreign_keys=ON")


@asynccontextmanager
async def _unavailable_when_away(database: Database) -> AsyncIterator[None]:
    try:
        yield
    except (*BROKEN_CONNECTION, *CONNECTING, OperationalError, InterfaceError) as error:
        raise database.outages.unavailable(error) from error
    except DBAPIError as error:
        if is_outage(error) or _is_not_allowed(error.orig):
            raise database.outages.unavailable(error) from error
        raise


def _is_not_allowed(error: object) -> bool:
    return getattr(error, "sqlstate", None) == "42501"
