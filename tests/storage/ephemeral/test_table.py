"""What is particular to the table store."""

import pytest

from idp.clock import ManualClock
from idp.storage.database import Database
from idp.storage.ephemeral.build import build_ephemeral_store
from idp.storage.ephemeral.table import TableStore


async def test_without_a_redis_url_the_table_is_used(each_database: Database) -> None:
    store = build_ephemeral_store(each_database, None, ManualClock())
    assert isinstance(store, TableStore)
    assert not store.degraded
    await store.close()


async def test_use_inside_a_transaction_is_refused_rather_than_deadlocked(each_database: Database) -> None:
    store = TableStore(each_database, ManualClock())
    async with each_database.unit_of_work() as uow:
        await store.put("before the first statement", b"", 60)
        await uow.users.get("nobody")
        with pytest.raises(RuntimeError, match="inside a unit of work"):
            await store.put("key", b"", 60)
        with pytest.raises(RuntimeError, match="inside a unit of work"):
            await store.get("key")
    await store.put("key", b"", 60)
