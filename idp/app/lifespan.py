"""What goes on while the provider answers requests, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from starlette.applications import Starlette

from idp.app.background import background_work, running_parts
from idp.app.provider import Provider

REFRESH_METRICS_EVERY = 5.0
"""Seconds between two looks at what the gauges show."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Load the keys, keep the background work going, and close everything in the end."""
    provider: Provider = app.state.provider
    stop = asyncio.Event()
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(running_parts(provider))
        if provider.settings.server.background:
            await closing.enter_async_context(background_work(provider))
        await provider.limiter.start()
        _watch(provider)
        metrics = asyncio.create_task(_refresh_metrics(provider, stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(metrics, return_exceptions=True)


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
