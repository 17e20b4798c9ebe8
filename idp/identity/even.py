"""Answers whose time does not tell what was found.

Where an address may or may not have an account, the work differs with it: a mail is written or is not.
Doing the same work for nothing would be fragile, so the answer waits instead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEP = 0.1
"""Seconds: several times what the work takes, so that all of it ends in the same step nearly always."""


@asynccontextmanager
async def evenly(step: float = STEP) -> AsyncIterator[None]:
    """Leave the block a whole number of steps after it was entered, whatever happened in it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        yield
    finally:
        await asyncio.sleep((began - loop.time()) % step)
