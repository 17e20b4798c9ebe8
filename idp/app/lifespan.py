"""What goes on while the provider runs, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from starlette.applications import Starlette

from idp.api.first_party import ensure_first_party_client
from idp.app.provider import Provider
from idp.errors import Unavailable

log = structlog.get_logger("idp")


REFRESH_METRICS_EVERY = 5.0
"""Seconds between two looks at what the gauges show."""


SWEEP_EVERY = 300.0
"""Seconds between two sweeps of what has expired, by each worker."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Load the keys, keep the background work going, and close everything in the end."""
    provider: Provider = app.state.provider
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
            await ensure_first_party_client(provider.database, provider.clock)
        except Unavailable as error:  # begin all the same: it loads them when the database is back
            log.warning("the keys could not be loaded", reason=error.sentence, detail=error.detail)
        await provider.limiter.start()
        _watch(provider)
        tasks = [
            asyncio.create_task(provider.keyring.run(stop)),
            asyncio.create_task(provider.sweeper.run(SWEEP_EVERY, stop)),
            asyncio.create_task(provider.mail_delivery.run(stop)),
            asyncio.create_task(provider.factor_resets.run(stop)),
            asyncio.create_task(_refresh_metrics(provider, stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)


def _watch(provider: Provider) -> None:
    metrics = provider.metrics
    metrics.watch(metrics.ephemeral_degraded, lambda: float(provider.store.degraded))
    metrics.watch(metrics.password_queue, lambda: float(provider.hasher.pending))
    metrics.watch(metrics.signing_key_age, provider.keyring.age)


async def _refresh_metrics(provider: Provider, stop: asyncio.Event) -> None:
    """Keep this worker's gauges fresh: with several workers, another one may be asked for them."""
    while not stop.is_set():
        provider.metrics.refresh()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), REFRESH_METRICS_EVERY)
