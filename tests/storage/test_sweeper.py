"""The sweeper: deletes what has expired and nothing else, in batches, with many at once, through outages."""

import asyncio
from collections.abc import Callable

from sqlalchemy import func, insert, select
from structlog.testing import capture_logs

from idp.clock import ManualClock
from idp.config import DAY
from idp.storage.database import Database
from idp.storage.models import (
    Base,
    BrowserSession,
    ClientRecord,
    EphemeralEntry,
    Grant,
    OutboxMail,
    RefreshToken,
    RevokedToken,
    User,
    new_id,
)
from idp.storage.sweeper import Sweeper
from tests.support.databases import migrate_now
from tests.support.servers import PostgresServer

NOW = ManualClock().now()


async def count(database: Database, model: type[Base]) -> int:
    async with database.reading() as uow:
        return await uow.session.scalar(select(func.count()).select_from(model)) or 0


async def add_expired_entries(database: Database, number: int) -> None:
    rows = [{"key": f"k{n}", "value": b"", "count": 0, "expires_at": NOW - n} for n in range(number)]
    async with database.unit_of_work() as uow:
        await uow.session.execute(insert(EphemeralEntry), rows)


async def test_more_rows_than_a_batch_are_swept_at_once(each_database: Database) -> None:
    await add_expired_entries(each_database, 25)
    deleted = await Sweeper(each_database, ManualClock(), batch=10).sweep_once()
    assert deleted["ephemeral"] == 25
    assert await count(each_database, EphemeralEntry) == 0


async def test_two_sweepers_share_the_work(each_database: Database) -> None:
    await add_expired_entries(each_database, 200)
    sweepers = [Sweeper(each_database, ManualClock(), batch=7) for _ in range(2)]
    results = await asyncio.gather(*(sweeper.sweep_once() for sweeper in sweepers))
    # One may have skipped the last rows that the other was still deleting; each row is deleted once.
    assert sum(result["ephemeral"] for result in results) == 200
    assert await count(each_database, EphemeralEntry) == 0


async def test_what_has_expired_goes_and_the_rest_stays(each_database: Database) -> None:
    def session(digest: str, user: User, **times: float) -> BrowserSession:
        fixed = {"auth_time": NOW, "created_at": NOW, "last_seen_at": NOW}
        return BrowserSession(
            token_digest=digest, user_id=user.id, acr="", amr=[], **fixed, **{"expires_at": NOW + 1, **times}
        )

    def grant(user: User, of: BrowserSession, expires_at: float) -> Grant:
        return Grant(
            id=new_id(),
            user_id=user.id,
            generation=0,
            claims={},
            client_id="c",
            session_id=of.id,
            scope="",
            auth_time=NOW,
            acr="",
            amr=[],
            created_at=NOW,
            expires_at=expires_at,
        )

    def mail(created_at: float) -> OutboxMail:
        return OutboxMail(
            recipient="r", subject="s", text="", html="", created_at=created_at, next_try_at=created_at
        )

    async with each_database.unit_of_work() as uow:
        await uow.users.add(user := User(email="a", email_key="a", created_at=NOW, updated_at=NOW))
        fields = {"client_name": "c", "token_endpoint_auth_method": "none"}
        await uow.clients.add(ClientRecord(client_id="c", created_at=NOW, updated_at=NOW, **fields))
        await uow.sessions.add(live := session("live", user))
        await uow.sessions.add(expired := session("expired", user, expires_at=NOW))
        await uow.sessions.add(session("ended now", user, ended_at=NOW))
        await uow.sessions.add(session("ended", user, ended_at=NOW - DAY))
        await uow.grants.add(kept := grant(user, expired, NOW + 1))
        await uow.grants.add(gone := grant(user, live, NOW))
        for digest, of, expires_at in (("a", kept, NOW + 1), ("b", kept, NOW), ("c", gone, NOW + 1)):
            await uow.refresh_tokens.add(
                RefreshToken(digest=digest, grant_id=of.id, created_at=NOW, expires_at=expires_at)
            )
        await uow.revoked_tokens.add("kept", NOW + 1)
        await uow.revoked_tokens.add("gone", NOW)
        await uow.mails.add(mail(NOW - 30 * DAY + 1))
        await uow.mails.add(mail(NOW - 30 * DAY))

    deleted = await Sweeper(each_database, ManualClock()).sweep_once()

    assert {table: count for table, count in deleted.items() if count or table == "ephemeral"} == {
        "ephemeral": 0,
        "revoked_tokens": 1,
        "refresh_tokens": 1,
        "grants": 1,
        "browser_sessions": 2,
        "outbox_mails": 1,
    }
    async with each_database.reading() as uow:
        sessions = await uow.session.scalars(select(BrowserSession.token_digest))
        assert set(sessions) == {"live", "ended now"}
        assert list(await uow.session.scalars(select(RefreshToken.digest))) == ["a"]
        assert list(await uow.session.scalars(select(RevokedToken.jti))) == ["kept"]
        grants = (await uow.session.scalars(select(Grant))).all()
        assert [(each.id, each.session_id) for each in grants] == [(kept.id, None)]
    assert await count(each_database, OutboxMail) == 1
    assert await count(each_database, User) == 1


async def test_the_loop_survives_an_outage_of_the_database(
    postgres_server: Callable[[], PostgresServer],
) -> None:
    server = postgres_server()
    url = server.create_database()
    migrate_now(url)
    database = Database(url)
    await add_expired_entries(database, 3)
    stop = asyncio.Event()
    server.stop()
    with capture_logs() as logs:
        loop = asyncio.create_task(Sweeper(database, ManualClock()).run(0.02, stop))

        async def logged(event: str) -> None:
            async with asyncio.timeout(20):
                while event not in {entry["event"] for entry in logs}:  # noqa: ASYNC110  nothing to wait on
                    await asyncio.sleep(0.01)

        await logged("sweep_postponed")
        server.start()
        await logged("swept")
        stop.set()
        await asyncio.wait_for(loop, 10)
    assert "sweep_failed" not in {entry["event"] for entry in logs}
    await database.close()
