"""The limit on GET requests by address: what anybody may ask for costs the same address only so much."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.errors import Throttled
from idp.ops.address import network_of
from idp.ops.asgi import state_of
from idp.ops.rate_limit import RateLimiter
from idp.text import Text


class RequestRate:
    """Raises `Throttled` for one GET too many of an address (IPv6: of its /64).

    `unlimited` are whole paths, and prefixes of paths where they end with a slash: files of the pages, health,
    and what the servers of apps call from one address for all of their users.
    """

    def __init__(
        self, app: ASGIApp, *, limiter: RateLimiter, per_minute: int, unlimited: Iterable[str]
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._per_minute = per_minute
        self._paths = frozenset(unlimited)
        self._prefixes = tuple(path for path in self._paths if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and self._counts(scope["path"]):
            network = network_of(state_of(scope).get("address", ""))
            wait = self._limiter.hit(f"gets:{network}", self._per_minute)
            if wait is not None:
                raise Throttled(
                    Text("Too many requests. Wait a moment, then try again."),
                    retry_after=wait,
                    detail="rate_limits.gets_per_address",
                )
        await self._app(scope, receive, send)

    def _counts(self, path: str) -> bool:
        return path not in self._paths and not path.startswith(self._prefixes)
