"""How often an address may post forms."""

from starlette.requests import Request

from idp.errors import Throttled
from idp.ops.address import network_of
from idp.ops.rate_limit import RateLimiter


class FormAdmission:
    """The limit on forms posted to hosted pages, one for all of them."""

    def __init__(self, limiter: RateLimiter, per_minute: int) -> None:
        self._limiter = limiter
        self._per_minute = per_minute

    def check(self, request: Request) -> None:
        """Count a form, or raise `Throttled`."""
        wait = self._limiter.hit(f"pages:{network_of(request.state.address)}", self._per_minute)
        if wait is not None:
            raise Throttled("Too many tries. Wait a moment, then try again.", retry_after=wait)
