"""Cross-origin reading, for browser apps that are relying parties themselves.

Public documents are open to all. Where codes, tokens and credentials go, an origin must be registered by
some client; which client may do what, its authentication says, not its origin. Cookies are never part of
it: no response allows credentials.
"""

from collections.abc import Awaitable, Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.ops.asgi import answer, headers_of, state_of

_MAX_AGE = b"600"
_VARY = (b"vary", b"Origin")
_ALLOW = (
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, DPoP"),
    (b"access-control-max-age", _MAX_AGE),
)
_NOT_ALLOWED = (_VARY,)
_ANY_ORIGIN = ((b"access-control-allow-origin", b"*"),)
_EXPOSE = (
    b"access-control-expose-headers",
    b"WWW-Authenticate, DPoP-Nonce, Retry-After, RateLimit, RateLimit-Policy, RateLimit-Limit, "
    b"RateLimit-Remaining, RateLimit-Reset, X-Request-Id",
)

_LONGEST_ORIGIN = 300


class Cors:
    """Answers preflights and marks responses.

    `open_paths` are readable from anywhere; `registered_paths` from an origin for which `is_registered_origin` is
    true; what begins with `api_prefix` from one for which `is_api_origin` is; every other path from none. Paths
    are whole, with the issuer's.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        open_paths: Iterable[str],
        registered_paths: Iterable[str],
        api_prefix: str,
        is_registered_origin: Callable[[str], Awaitable[bool]],
        is_api_origin: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._app = app
        self._open = frozenset(open_paths)
        self._registered = frozenset(registered_paths)
        self._api_prefix = api_prefix
        self._is_registered_origin = is_registered_origin
        self._is_api_origin = is_api_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path in self._open:
            allowed: tuple[tuple[bytes, bytes], ...] = _ANY_ORIGIN
        elif path in self._registered or path.startswith(self._api_prefix):
            origin = headers_of(scope).get(b"origin")
            may_ask = self._is_registered_origin if path in self._registered else self._is_api_origin
            allowed = _NOT_ALLOWED if origin is None else await _for_origin(origin, may_ask)
        else:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers_of(scope):
            granted = allowed is not _NOT_ALLOWED
            await answer(send, 204 if granted else 403, headers=(*allowed, *_ALLOW) if granted else allowed)
            return
        # An error answered further out must be readable for the app as well.
        state_of(scope)["error_headers"] = allowed

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed]
            await send(message)

        await self._app(scope, receive, send_marked)


async def _for_origin(
    origin: bytes, may_ask: Callable[[str], Awaitable[bool]]
) -> tuple[tuple[bytes, bytes], ...]:
    if origin == b"null" or len(origin) > _LONGEST_ORIGIN:
        return _NOT_ALLOWED
    if not await may_ask(origin.decode("latin-1")):
        return _NOT_ALLOWED
    return ((b"access-control-allow-origin", origin), _EXPOSE, _VARY)
