"""Tasks that run in the background."""

import asyncio
from typing import Any

CANCEL_EVERY = 1.0
"""Seconds after which a task that goes on is cancelled once more."""


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended, again and again if need be: a library may swallow a cancellation
    that comes at the same moment as its own time limit."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_EVERY)
