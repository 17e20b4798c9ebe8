"""The benchmark and the floods are no part of the program, so nothing else notices when they no longer fit it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import benchmarks.__main__
import benchmarks.attack
from benchmarks.prepare import PEOPLE, Material, material
from benchmarks.servers import environment_for
from tests.support.databases import migrate_now


@pytest.fixture
async def stock(tmp_path: Path) -> AsyncIterator[Material]:
    url = f"sqlite:///{tmp_path}/idp.db"
    migrate_now(url)
    stock = material({**environment_for(url, tmp_path), "IDP_PASSWORDS__MEMORY_KIB": "64"})
    await stock.begin()
    yield stock
    await stock.close()


async def test_requests_of_every_case_can_be_prepared(stock: Material) -> None:
    assert len(stock.user_ids) == PEOPLE
    for case in benchmarks.__main__.CASES:
        assert await case.prepare(stock, 10), case.name
    assert len(await stock.sign_ins(3)) == 3
    assert benchmarks.attack.FLOODS
