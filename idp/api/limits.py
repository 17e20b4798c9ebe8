"""How many changes an address may ask for, told in the headers of the IETF draft on RateLimit fields."""

import math

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.api.problems import Problems
from idp.errors import Throttled
from idp.ops.address import network_of
from idp.ops.rate_limit import WINDOW, RateLimiter

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class AddressLimit:
    """Counts what changes something, with the forms of the hosted pages, which do the same."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter, per_minute: int, problems: Problems) -> None:
        self._app = app
        self._limiter = limiter
        self._per_minute = per_minute
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not self._per_minute or scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        key = f"pages:{network_of(scope['state']['address'])}"
        wait = self._limiter.hit(key, self._per_minute)
        fields = self._fields(self._limiter.left(key, self._per_minute), wait)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *fields]
            await send(message)

        if wait is None:
            await self._app(scope, receive, send_marked)
            return
        error = Throttled("Too many requests from this address. Wait a moment.", retry_after=wait)
        await self._problems.for_error(scope, error)(scope, receive, send_marked)

    def _fields(self, left: int, wait: float | None) -> list[tuple[bytes, bytes]]:
        reset = WINDOW if wait is None else max(1, math.ceil(wait))
        return [
            (b"ratelimit-policy", b'"address";q=%d;w=%d' % (self._per_minute, WINDOW)),
            (b"ratelimit", b'"address";r=%d;t=%d' % (left, reset)),
        ]
