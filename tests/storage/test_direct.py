"""The direct way to PostgreSQL, when the database hangs."""

import asyncio
from collections.abc import Callable

from sqlalchemy import text

from idp.config import DatabaseSettings
from idp.errors import Unavailable
from idp.storage.database import Database
from idp.storage.direct import Statement


async def test_who_finds_every_connection_busy_waits_no_longer_than_those_that_have_one(
    new_database_url: Callable[[str], str],
) -> None:
    database = Database(new_database_url("postgresql"), DatabaseSettings(pool_size=1, timeout=0.5))
    direct, hanging = database.direct, Statement(text("SELECT pg_sleep(600)"))
    assert direct is not None
    async with asyncio.timeout(10):  # one after another, forty would take twenty seconds
        answers = await asyncio.gather(*(direct.row(hanging, {}) for _ in range(40)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    row = await direct.row(Statement(text("SELECT 1")), {})
    assert row is not None
    assert row[0] == 1
    await database.close()
