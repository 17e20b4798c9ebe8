"""Migrations: forward and back on both databases, by many at once, and never apart from the models."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text

from idp.errors import Unavailable
from idp.resources import MIGRATIONS
from idp.storage import migrations
from idp.storage.database import Database
from idp.storage.models import Base, ClientRecord, Consent, Grant, User, Username
from tests.support.servers import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.close()


async def tables(database: Database) -> set[str]:
    async with database.engine.connect() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names())) - {"alembic_version"}


async def test_models_and_migrations_do_not_drift(each_database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)

    async with each_database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_json_is_jsonb_on_postgresql(each_database: Database) -> None:
    if each_database.is_sqlite:
        return
    async with each_database.reading() as uow:
        rows = await uow.session.execute(
            text("SELECT DISTINCT data_type FROM information_schema.columns WHERE column_name = 'amr'")
        )
    assert list(rows.scalars()) == ["jsonb"]


async def test_the_schema_goes_up_and_down_and_up(empty_database: Database) -> None:
    assert await migrations.current(empty_database) is None
    assert not await migrations.is_current(empty_database)
    await migrations.upgrade(empty_database)
    assert await tables(empty_database) == set(Base.metadata.tables)
    assert await migrations.is_current(empty_database)
    await migrations.downgrade(empty_database, "base")
    assert await tables(empty_database) == set()
    assert await migrations.current(empty_database) is None
    await migrations.upgrade(empty_database)
    assert await migrations.current(empty_database) == migrations.head()
    assert await tables(empty_database) == set(Base.metadata.tables)


async def test_many_workers_may_upgrade_at_once(empty_database: Database, empty_url: str) -> None:
    others = [Database(empty_url) for _ in range(4)]
    await asyncio.gather(*(migrations.upgrade(database) for database in [empty_database, *others]))
    assert await migrations.is_current(empty_database)
    for database in others:
        await database.close()


async def test_foreign_keys_are_enforced_again_after_a_migration(empty_database: Database) -> None:
    await migrations.upgrade(empty_database)
    async with empty_database.unit_of_work() as uow:
        user = User(email="a@b", email_key="a@b", created_at=1, updated_at=1)
        await uow.users.add(user)
        await uow.clients.add(
            ClientRecord(
                client_id="c",
                client_name="c",
                token_endpoint_auth_method="none",
                created_at=1,
                updated_at=1,
            )
        )
        await uow.consents.remember(user.id, "c", ["openid"], [], 1)
        await uow.grants.add(
            Grant(
                id="grant",
                user_id=user.id,
                generation=0,
                claims={},
                client_id="c",
                scope="openid",
                auth_time=1,
                acr="",
                amr=[],
                created_at=1,
                expires_at=2,
            )
        )
    await migrations.upgrade(empty_database)
    async with empty_database.unit_of_work() as uow:
        assert await uow.users.delete(user.id)
        for model in (Consent, Grant):
            assert (await uow.session.scalars(model.__table__.select())).all() == []


async def test_of_usernames_that_were_alike_the_oldest_account_keeps_it(empty_database: Database) -> None:
    """The others keep theirs where no client is told it, and get it back when the schema goes back."""
    names = ["alice", "ALICE", "a1ice", "Bob", "not a username", None]
    await migrations.upgrade(empty_database, "0006")
    async with empty_database.unit_of_work() as uow:
        for number, name in enumerate(names):
            profile = {"nickname": "x"} | ({"preferred_username": name} if name else {})
            values = {
                "id": f"u{number}",
                "email": f"{number}@x",
                "email_key": f"{number}@x",
                "profile": profile,
            }
            flags = {
                "email_verified": True,
                "verification_due": False,
                "generation": 0,
                "roles": [],
                "tier": "free",
            }
            times = {"created_at": number, "updated_at": number}
            await uow.session.execute(insert(User.__table__).values(**values, **flags, **times))
    before = await profiles(empty_database)
    await migrations.upgrade(empty_database)
    after = await profiles(empty_database)
    kept = [after[f"u{number}"].get("preferred_username") for number in range(len(names))]
    assert kept == ["alice", None, None, "bob", None, None]
    refused = [after[f"u{number}"].get("refused_preferred_username") for number in range(len(names))]
    assert refused == [None, "ALICE", "a1ice", None, "not a username", None]
    async with empty_database.reading() as uow:
        assert await uow.usernames.count_refused() == 3
        held = await uow.session.execute(
            select(Username.username, Username.user_id).order_by(Username.username)
        )
        assert held.all() == [("alice", "u0"), ("bob", "u3")]
    await migrations.downgrade(empty_database, "0006")
    assert await profiles(empty_database) == before | {"u3": {"nickname": "x", "preferred_username": "bob"}}


async def profiles(database: Database) -> dict[str, dict[str, object]]:
    users = User.__table__
    async with database.reading() as uow:
        return {row.id: row.profile for row in await uow.session.execute(select(users.c.id, users.c.profile))}


async def test_a_database_that_is_away_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable):
        await migrations.upgrade(database)
    with pytest.raises(Unavailable):
        await migrations.current(database)
    await database.close()


def test_the_revisions_are_numbered_and_form_one_line() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    line = [found.revision for found in script.walk_revisions("base", "heads")]
    assert line == sorted(line, reverse=True)
    assert script.get_heads() == [migrations.head()]
