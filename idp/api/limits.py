"""How many changes an address may ask for, told in the headers of the IETF draft on RateLimit fields."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.api import PATH
from idp.api.problems import Problems
from idp.config import RateLimitSettings
from idp.errors import Throttled
from idp.ops.address import network_of
from idp.ops.rate_limit import WINDOW, RateLimiter

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on what an address may ask of some endpoints in a minute; 0 is none."""

    name: str
    """Its name in the headers."""
    key: str
    """What is counted under it: the address is added. The hosted pages count their forms under `pages`."""
    per_minute: int
    endpoints: frozenset[tuple[str, str]] | None = None
    """Methods and paths below `/api/v1`; None is all that changes something."""


def limits_of(settings: RateLimitSettings) -> tuple[Limit, ...]:
    """Return the limits, the one on everything first."""
    register = frozenset({("POST", "/auth/register"), ("POST", "/auth/signup")})
    login = frozenset({("POST", "/auth/login"), ("POST", "/auth/access-token")})
    return (
        Limit("address", "pages", settings.pages_per_address),
        Limit("register", "api-register", settings.register_per_address, register),
        Limit("login", "api-login", settings.login_per_address, login),
        Limit("refresh", "api-refresh", settings.refresh_per_address, frozenset({("POST", "/auth/refresh")})),
        Limit("profile", "api-profile", settings.profile_per_address, frozenset({("PUT", "/users/me")})),
    )


class AddressLimits:
    """Counts what changes something, with the forms of the hosted pages, which do the same."""

    def __init__(
        self, app: ASGIApp, *, limiter: RateLimiter, limits: Sequence[Limit], problems: Problems
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._limits = tuple(limit for limit in limits if limit.per_minute)
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        endpoint = (scope["method"], scope["path"].rpartition(PATH)[2])
        network = network_of(scope["state"]["address"])
        policies, states, longest = [], [], 0.0
        nearest: tuple[int, int, int] | None = None  # left, limit, reset
        for limit in self._limits:
            if limit.endpoints is not None and endpoint not in limit.endpoints:
                continue
            key = f"{limit.key}:{network}"
            wait = self._limiter.hit(key, limit.per_minute)
            reset = WINDOW if wait is None else max(1, math.ceil(wait))
            left = self._limiter.left(key, limit.per_minute)
            policies.append(f'"{limit.name}";q={limit.per_minute};w={WINDOW:.0f}')
            states.append(f'"{limit.name}";r={left};t={reset:.0f}')
            longest = max(longest, wait or 0.0)
            told = (left, limit.per_minute, int(reset))
            nearest = told if nearest is None else min(nearest, told)
        fields = _fields(policies, states, nearest) if nearest is not None else []

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *fields]
            await send(message)

        if not longest:
            await self._app(scope, receive, send_marked)
            return
        error = Throttled("Too many requests from this address. Wait a moment.", retry_after=longest)
        await self._problems.for_error(scope, error)(scope, receive, send_marked)


def _fields(
    policies: Sequence[str], states: Sequence[str], nearest: tuple[int, int, int]
) -> list[tuple[bytes, bytes]]:
    """Return the fields of the draft, and the three older ones that many clients still read, for the nearest limit."""
    left, most, reset = nearest
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
        (b"ratelimit-limit", b"%d" % most),
        (b"ratelimit-remaining", b"%d" % left),
        (b"ratelimit-reset", b"%d" % reset),
    ]
