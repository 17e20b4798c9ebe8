"""What a provider does apart from answering requests: mail, sweeping, resets that are due, keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from idp.api.first_party import ensure_first_party_client
from idp.app.provider import Provider
from idp.errors import Unavailable

log = structlog.get_logger("idp")

SWEEP_EVERY = 300.0
"""Seconds between two sweeps of what has expired, by each process."""


@asynccontextmanager
async def running_parts(provider: Provider) -> AsyncIterator[None]:
    """Load the keys and keep them fresh, and close everything in the end: what every process needs."""
    stop = asyncio.Event()
    async with AsyncExitStack() as closing:
        closing.push_async_callback(provider.database.close)
        closing.push_async_callback(provider.store.close)
        for outgoing in provider.outgoing:
            closing.push_async_callback(outgoing.aclose)
        closing.push_async_callback(provider.federation.providers.aclose)
        closing.push_async_callback(provider.limiter.stop)
        closing.callback(provider.metrics.close)
        await provider.store.check()
        try:
            await provider.keyring.ensure()
            if provider.settings.api.enabled:
                await ensure_first_party_client(provider.database, provider.clock)
        except Unavailable as error:  # begin all the same: it loads them when the database is back
            log.warning("the keys could not be loaded", reason=error.for_operator, detail=error.detail)
        keys = asyncio.create_task(provider.keyring.run(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(keys, return_exceptions=True)


@asynccontextmanager
async def background_work(provider: Provider) -> AsyncIterator[None]:
    """Send mail, sweep, and carry out resets that are due, until the end. Any number of processes may do it at
    once; `idp worker` does nothing else."""
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(provider.sweeper.run(SWEEP_EVERY, stop)),
        asyncio.create_task(provider.mail_delivery.run(stop)),
        asyncio.create_task(provider.factor_resets.run(stop)),
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
