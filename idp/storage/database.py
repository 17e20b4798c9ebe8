"""The database: one engine, and units of work on it.

A unit of work is one transaction with its repositories. It begins at its first statement, so a
request that is answered from caches touches no connection, and it commits once, at the edge that
opened it; an exception rolls it back. Never hold one over slow work (a password hash): read, leave,
compute, and open another to write.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import aiosqlite
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from idp.config import DatabaseSettings
from idp.errors import ConfigurationError
from idp.storage import postgresql
from idp.storage.direct import Direct
from idp.storage.outages import BROKEN_CONNECTION, CONNECTING, Outages, is_outage
from idp.storage.repositories.audit import AuditEvents
from idp.storage.repositories.clients import Clients
from idp.storage.repositories.consents import Consents
from idp.storage.repositories.factors import Factors
from idp.storage.repositories.federation import FederatedIdentities, UpstreamProviders
from idp.storage.repositories.grants import Grants
from idp.storage.repositories.mails import OutboxMails
from idp.storage.repositories.refresh_tokens import RefreshTokens
from idp.storage.repositories.revoked_tokens import RevokedTokens
from idp.storage.repositories.sessions import BrowserSessions
from idp.storage.repositories.signing_keys import SigningKeys
from idp.storage.repositories.single_uses import SingleUses
from idp.storage.repositories.tickets import Invitations, MailTickets
from idp.storage.repositories.usernames import Usernames
from idp.storage.repositories.users import Users
from idp.trust import Trust

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}

_open: ContextVar["UnitOfWork | None"] = ContextVar("open_unit_of_work", default=None)


def in_transaction() -> bool:
    """Tell whether this task holds a transaction. The ephemeral store is not to be used inside one:
    on SQLite its write would wait for the very lock that its caller holds."""
    uow = _open.get()
    return uow is not None and uow.is_used and uow.session.in_transaction()


class UnitOfWork:
    """One transaction and its repositories, each made when it is first asked for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @cached_property
    def session(self) -> AsyncSession:
        """The transaction. Made late: many requests are answered from what is at hand."""
        return AsyncSession(self._engine, expire_on_commit=False, autoflush=False)

    @property
    def is_used(self) -> bool:
        """Whether anything was asked of the database."""
        return "session" in self.__dict__

    @cached_property
    def users(self) -> Users:
        """People."""
        return Users(self.session)

    @cached_property
    def usernames(self) -> Usernames:
        """Usernames."""
        return Usernames(self.session)

    @cached_property
    def sessions(self) -> BrowserSessions:
        """Browser sessions."""
        return BrowserSessions(self.session)

    @cached_property
    def clients(self) -> Clients:
        """Relying apps and resource servers."""
        return Clients(self.session)

    @cached_property
    def consents(self) -> Consents:
        """Remembered consents."""
        return Consents(self.session)

    @cached_property
    def grants(self) -> Grants:
        """Grants, with the gate of their authorization code."""
        return Grants(self.session)

    @cached_property
    def refresh_tokens(self) -> RefreshTokens:
        """Refresh tokens."""
        return RefreshTokens(self.session)

    @cached_property
    def revoked_tokens(self) -> RevokedTokens:
        """Access tokens revoked before their time."""
        return RevokedTokens(self.session)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """Signing keys."""
        return SigningKeys(self.session)

    @cached_property
    def audit(self) -> AuditEvents:
        """The audit trail."""
        return AuditEvents(self.session)

    @cached_property
    def single_uses(self) -> SingleUses:
        """Marks of what was used once."""
        return SingleUses(self.session)

    @cached_property
    def tickets(self) -> MailTickets:
        """Mail tickets."""
        return MailTickets(self.session)

    @cached_property
    def invitations(self) -> Invitations:
        """Invitations."""
        return Invitations(self.session)

    @cached_property
    def factors(self) -> Factors:
        """Second factors, passkeys and trusted browsers."""
        return Factors(self.session)

    @cached_property
    def identities(self) -> FederatedIdentities:
        """Accounts at other providers."""
        return FederatedIdentities(self.session)

    @cached_property
    def upstreams(self) -> UpstreamProviders:
        """Providers that were added by command."""
        return UpstreamProviders(self.session)

    @cached_property
    def mails(self) -> OutboxMails:
        """Mail waiting to be sent."""
        return OutboxMails(self.session)


def parse_database_url(url: str, trust: Trust) -> tuple[URL, postgresql.Target | None]:
    """Return SQLAlchemy's URL with its asynchronous driver and, for PostgreSQL, how it is connected to.

    Raise `ConfigurationError`.
    """
    backend, colon, rest = url.partition(":")
    backend = backend.partition("+")[0]
    if not colon or not rest.startswith("//"):
        raise ConfigurationError(
            "IDP_DATABASE_URL is not a database URL; use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
        )
    if backend not in DRIVERS:
        raise ConfigurationError(f"IDP_DATABASE_URL names {backend}; SQLite and PostgreSQL are supported.")
    if backend == "sqlite":
        try:
            return make_url(f"{DRIVERS[backend]}:{rest}"), None
        except Exception as error:
            raise ConfigurationError("IDP_DATABASE_URL is no SQLite URL; use sqlite:///FILE.") from error
    # All that connects is in the target: SQLAlchemy would read the URL otherwise than libpq does.
    return make_url(f"{DRIVERS[backend]}://"), postgresql.read_url(f"postgresql:{rest}", trust)


class Database:
    """The engine and the units of work on it."""

    def __init__(
        self, url: str, settings: DatabaseSettings | None = None, trust: Trust | None = None
    ) -> None:
        """Open nothing yet; raise `ConfigurationError` for a URL that cannot be one."""
        settings = settings or DatabaseSettings()
        self.url, target = parse_database_url(url, trust or Trust())
        self.connect_args: dict[str, Any] = {} if target is None else target.arguments
        """How the server is connected to, in asyncpg's terms."""
        if target is None:
            self.outages = Outages(self.url.database or "in memory", is_sqlite=True)
            self.direct = None
            """A way past the sessions, for single statements that run all the time."""
        else:
            if target.timeout is not None:
                settings = settings.model_copy(update={"timeout": target.timeout})
            self.outages = Outages(target.place, is_sqlite=False, user=target.user, name=target.database)
            self.direct = Direct(target.arguments, settings, self.outages)
        self.engine = _create_engine(self.url, settings, self.connect_args)
        self._reading_engine = self.engine.execution_options(
            **({"sqlite_begin": "DEFERRED"} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"})
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work that may write; raise `Unavailable` when the database is away."""
        async with self._open(self.engine) as uow:
            yield uow
            if uow.is_used:
                await uow.session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work that only reads: no write lock on SQLite, no BEGIN and COMMIT elsewhere."""
        async with self._open(self._reading_engine) as uow:
            yield uow

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work for one writing statement, which on PostgreSQL commits by itself:
        no BEGIN and no COMMIT, so one round trip instead of three."""
        async with self._open(self.engine if self.is_sqlite else self._reading_engine) as uow:
            yield uow
            if uow.is_used:
                await uow.session.commit()

    @asynccontextmanager
    async def _open(self, engine: AsyncEngine) -> AsyncIterator[UnitOfWork]:
        uow = UnitOfWork(engine)
        token = _open.set(uow)
        try:
            yield uow
        except (*BROKEN_CONNECTION, *CONNECTING, OperationalError, InterfaceError, PoolTimeout) as error:
            raise self.outages.unavailable(error) from error
        except DBAPIError as error:
            if is_outage(error):
                raise self.outages.unavailable(error) from error
            raise
        finally:
            _open.reset(token)
            if uow.is_used:
                await uow.session.close()  # rolls back whatever was not committed

    async def ping(self) -> None:
        """Raise `Unavailable` unless the database answers."""
        async with self.reading() as uow:
            await uow.session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        if self.direct is not None:
            await self.direct.close()
        await self.engine.dispose()


def _create_engine(url: URL, settings: DatabaseSettings, connect_args: Mapping[str, Any]) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url,
            hide_parameters=True,  # an error must not carry what was to be stored
            connect_args={"timeout": settings.timeout, "async_creator_fn": _open_sqlite},
        )
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
        return engine
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_timeout=settings.timeout,
        connect_args={**connect_args, "timeout": settings.timeout, "command_timeout": settings.timeout},
    )


async def _open_sqlite(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Open a file. aiosqlite leaves its thread to itself when that fails, and the thread reports to an event loop
    that may be closed by then."""
    connection = aiosqlite.connect(*arguments, **options)
    thread = connection._thread  # noqa: SLF001  SQLAlchemy does the same
    thread.daemon = True
    try:
        return await connection
    except BaseException:
        thread.join(1.0)
        raise


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_immediate
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
    except Exception:
        connection.close()  # the pool forgets a connection that fails here, and its thread would live on
        raise


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that reads and then writes fails at once when another one wrote in
    # between; taking the write lock first makes it wait its turn instead.
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")
