"""Keys and people on a SQLite database, with time at hand. Import the fixtures into a `conftest.py`."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from idp.clock import ManualClock
from idp.config import PasswordSettings, Settings, SettingsPolicies, load_settings
from idp.crypto import MasterKey
from idp.identity.accounts import Accounts
from idp.identity.login import PasswordLogin
from idp.identity.passwords import PasswordHasher
from idp.identity.sessions import Sessions
from idp.identity.throttle import SignInThrottle
from idp.identity.way_back import WayBack
from idp.keys import Keyring
from idp.storage.database import Database
from idp.storage.ephemeral.table import TableStore
from idp.storage.models import AuditEvent, User

CHEAP_PASSWORDS = {"time_cost": 1, "memory_kib": 8, "threads": 4}
"""Argon2 parameters under which a hash costs next to nothing."""

PASSWORD = "correct horse battery staple"


class NoWayBack(WayBack):
    """No account was deleted."""

    def __init__(self) -> None:
        pass

    def is_open(self, user: User) -> bool:
        return False


class CountingHasher(PasswordHasher):
    """A hasher that counts its work."""

    def __init__(self, settings: PasswordSettings) -> None:
        super().__init__(settings)
        self.verified = 0
        self.hashed = 0

    def _verify(self, hashed: str | None, password: str) -> bool:
        self.verified += 1
        return super()._verify(hashed, password)

    async def hash(self, password: str) -> str:
        self.hashed += 1
        return await super().hash(password)


async def audit_names(database: Database) -> list[str]:
    """The names of the events in the trail, oldest first."""
    return [event.name for event in await audit_events(database)]


async def audit_events(database: Database) -> list[AuditEvent]:
    """The events in the trail, oldest first."""
    async with database.reading() as uow:
        return list(reversed(await uow.audit.page(None, 1000)))


@pytest.fixture
def clock() -> ManualClock:
    """Time, which stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path, new_database_url: Callable[[str], str]) -> Settings:
    """Settings for an empty installation on SQLite, with cheap passwords."""
    return load_settings(
        {},
        dev=True,
        database_url=new_database_url("sqlite"),
        keys={"directory": tmp_path / "keys"},
        passwords=CHEAP_PASSWORDS,
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The migrated database of `settings`."""
    opened = Database(settings.database_url)
    yield opened
    await opened.close()


@pytest.fixture
def master_key() -> MasterKey:
    """A master key."""
    return MasterKey.parse(MasterKey.generate())


@pytest.fixture
def new_keyring(
    database: Database, master_key: MasterKey, settings: Settings, clock: ManualClock
) -> Callable[[], Keyring]:
    """Makes the keyring of another worker."""
    return lambda: Keyring(database, master_key, settings, clock)


@pytest.fixture
async def keyring(new_keyring: Callable[[], Keyring]) -> Keyring:
    """A keyring that is ready to sign."""
    ring = new_keyring()
    await ring.ensure()
    return ring


@pytest.fixture
def hasher(settings: Settings) -> CountingHasher:
    """A cheap hasher that counts its work."""
    return CountingHasher(settings.passwords)


@pytest.fixture
def accounts(database: Database, hasher: CountingHasher, clock: ManualClock) -> Accounts:
    """Accounts on the database."""
    return Accounts(database, hasher, clock)


@pytest.fixture
def throttle(database: Database, settings: Settings, clock: ManualClock) -> SignInThrottle:
    """The throttle, counting in the database."""
    return SignInThrottle(TableStore(database, clock), settings.throttle, clock)


@pytest.fixture
def login(
    database: Database, hasher: CountingHasher, throttle: SignInThrottle, clock: ManualClock
) -> PasswordLogin:
    """Signing in with a password."""
    return PasswordLogin(database, hasher, throttle, NoWayBack(), clock)


@pytest.fixture
def sessions(database: Database, settings: Settings, clock: ManualClock) -> Sessions:
    """Browser sessions."""
    return Sessions(database, SettingsPolicies(settings), clock)
