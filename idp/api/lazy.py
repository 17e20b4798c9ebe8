"""An application that is made when somebody asks for it.

FastAPI with its models costs start-up time and memory that a worker without API traffic need not spend.
"""

import asyncio
from collections.abc import Callable

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """Makes the application once, in a thread, so that other requests go on meanwhile."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await (self._app or await self._made())(scope, receive, send)

    async def _made(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                self._app = await anyio.to_thread.run_sync(self._build)
            return self._app
