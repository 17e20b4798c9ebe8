"""Whether the process lives, and whether it can serve.

`/health` asks nothing of anybody, so an orchestrator never restarts a healthy process because its database
is away. `/readyz` asks every part, and remembers the answer for a moment: it is open to the world and
must not become a way to load the database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idp.errors import IdpError

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, a sentence when the part works in a lesser way; raises when it does not."""

_REMEMBERED: Final = 1.0
_PATIENCE: Final = 3.0

log = structlog.get_logger(__name__)


class Health:
    """The two routes. `checks` by the name of the part (`database`, `ephemeral`, `keys`)."""

    def __init__(
        self, checks: Mapping[str, Check], *, patience: float = _PATIENCE, remembered: float = _REMEMBERED
    ) -> None:
        """Take the checks, the seconds each may take, and the seconds an answer is remembered."""
        self._checks = dict(checks)
        self._patience = patience
        self._remembered = remembered
        self._asking = asyncio.Lock()
        self._answer: tuple[int, dict[str, Any]] = (503, {})
        self._asked_at = float("-inf")
        self.routes = [
            Route("/health", self.live, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
        ]

    async def live(self, _request: Request) -> Response:
        """`/health`."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """`/readyz`."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= self._remembered:
                self._answer = await self._ask()
                self._asked_at = time.monotonic()
            status, body = self._answer
        return JSONResponse(body, status, {"Retry-After": "2"} if status != 200 else None)

    async def _ask(self) -> tuple[int, dict[str, Any]]:
        results = await asyncio.gather(*(self._ask_one(name, check) for name, check in self._checks.items()))
        parts = dict(zip(self._checks, results, strict=True))
        found = {result["status"] for result in results}
        if "failed" in found:
            return 503, {"status": "unavailable", "checks": parts}
        return 200, {"status": "degraded" if "degraded" in found else "ready", "checks": parts}

    async def _ask_one(self, name: str, check: Check) -> dict[str, str]:
        try:
            async with asyncio.timeout(self._patience):
                remark = await check()
        except Exception as error:  # noqa: BLE001  whatever is wrong with a part, the answer is 503
            log.warning("not ready", part=name, reason=repr(error), detail=getattr(error, "detail", None))
            sentence = error.sentence if isinstance(error, IdpError) else "does not answer"
            return {"status": "failed", "reason": sentence}
        return {"status": "ok"} if remark is None else {"status": "degraded", "reason": remark}
