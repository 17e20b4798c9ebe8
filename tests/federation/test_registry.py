"""Providers that are kept in the database, as a worker reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idp.config import UpstreamSettings
from idp.errors import NotFound
from idp.storage.database import Database
from tests.support.provider import RunningProvider

GITHUB = UpstreamSettings.model_validate({"type": "github", "client_id": "us", "client_secret": "secret"})


async def test_requests_at_once_all_find_a_stored_provider(provider: RunningProvider) -> None:
    await provider.parts.administration.providers.add("theirs", GITHUB)
    found = await asyncio.gather(*(provider.parts.federation.providers.get("theirs") for _ in range(5)))
    assert {upstream.name for upstream in found} == {"theirs"}


async def test_a_provider_that_could_not_be_read_is_read_by_the_next_request(
    provider: RunningProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provider.parts.administration.providers.add("theirs", GITHUB)

    @asynccontextmanager
    async def away(_self: Database) -> AsyncIterator[None]:
        raise OSError("the database is away")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(Database, "reading", away)
        with pytest.raises(OSError, match="away"):
            await provider.parts.federation.providers.get("theirs")
    assert (await provider.parts.federation.providers.get("theirs")).label == "GitHub"


async def test_while_one_request_reads_anew_the_others_have_what_was_read(provider: RunningProvider) -> None:
    with pytest.raises(NotFound):
        await provider.parts.federation.providers.get("theirs")
    await provider.parts.administration.providers.add("theirs", GITHUB)
    provider.clock.advance(6)
    first = asyncio.create_task(provider.parts.federation.providers.all())
    await asyncio.sleep(0)
    assert await provider.parts.federation.providers.labels() == {}
    assert [upstream.name for upstream in await first] == ["theirs"]
