"""What may be used once: marked by a row, on both databases."""

import asyncio

import pytest

from idp.clock import ManualClock
from idp.storage.database import Database
from idp.storage.single_use import SingleUse
from idp.storage.sweeper import Sweeper

TTL = 60.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def single_use(each_database: Database, clock: ManualClock) -> SingleUse:
    return SingleUse(each_database, clock)


async def test_of_fifty_at_once_one_uses_it(single_use: SingleUse) -> None:
    used = await asyncio.gather(*(single_use.use("assertion", "one", TTL) for _ in range(50)))
    assert used.count(True) == 1
    assert not await single_use.use("assertion", "one", TTL)


async def test_another_kind_or_name_is_another_thing(single_use: SingleUse) -> None:
    assert await single_use.use("assertion", "one", TTL)
    assert await single_use.use("assertion", "two", TTL)
    assert await single_use.use("draft", "one", TTL)
    assert await single_use.is_used("draft", "one")
    assert not await single_use.is_used("draft", "two")


async def test_it_is_remembered_until_its_time_is_over_and_then_swept(
    each_database: Database, single_use: SingleUse, clock: ManualClock
) -> None:
    await single_use.use("assertion", "one", TTL)
    clock.advance(TTL - 1)
    assert (await Sweeper(each_database, clock).sweep_once())["used_marks"] == 0
    assert not await single_use.use("assertion", "one", TTL)
    clock.advance(1)
    assert (await Sweeper(each_database, clock).sweep_once())["used_marks"] == 1


async def test_a_unit_of_work_that_might_be_rolled_back_is_refused(
    each_database: Database, single_use: SingleUse
) -> None:
    async with each_database.unit_of_work() as uow:
        await uow.users.get("nobody")
        with pytest.raises(RuntimeError, match="unit of work"):
            await single_use.use("assertion", "one", TTL)
